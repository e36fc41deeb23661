//! The terminal while `top` has it: another screen, keys as they are pressed, and all as it was at the end.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ratatui::crossterm::event::{self, Event, KeyEvent};
use ratatui::{DefaultTerminal, Frame};
use tokio::sync::mpsc;

/// Keys that may wait: a held key repeats some thirty times a second.
const KEYS: usize = 64;
/// How often the thread that waits for keys looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(100);

/// Whether somebody sits there.
pub(super) fn is_there() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Gives the terminal back when it is dropped; a panic does so before it tells anything.
pub(super) struct Terminal {
    screen: DefaultTerminal,
    keys: mpsc::Receiver<Option<KeyEvent>>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Terminal {
    pub(super) fn open() -> io::Result<Terminal> {
        let screen = ratatui::try_init()?;
        let (sender, keys) = mpsc::channel(KEYS);
        let stop = Arc::new(AtomicBool::default());
        let until = stop.clone();
        let thread = std::thread::Builder::new()
            .name("keys".into())
            .spawn(move || read_keys(&sender, &until))
            .inspect_err(|_| ratatui::restore())?;
        Ok(Terminal { screen, keys, stop, thread })
    }

    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.screen.draw(draw).map(drop)
    }

    /// The next key; none when the terminal has gone. A change of its size only draws anew.
    pub(super) async fn key(&mut self) -> Option<KeyEvent> {
        match self.keys.recv().await {
            Some(Some(key)) => Some(key),
            Some(None) => Some(KeyEvent::new(event::KeyCode::Null, event::KeyModifiers::NONE)),
            None => None,
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // It ends within its look. Where the terminal itself has gone it may never come back from reading: then the
        // process ends without it.
        let patience = Instant::now() + 3 * LOOK;
        while !self.thread.is_finished() && Instant::now() < patience {
            std::thread::sleep(LOOK / 10);
        }
        ratatui::restore();
    }
}

/// Waiting for keys blocks, so it has a thread of its own.
fn read_keys(sender: &mpsc::Sender<Option<KeyEvent>>, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let pressed = match event::poll(LOOK) {
            Ok(false) => continue,
            Ok(true) => event::read(),
            Err(_) => return,
        };
        let sent = match pressed {
            Ok(Event::Key(key)) => sender.try_send(Some(key)),
            Ok(_) => sender.try_send(None),
            Err(_) => return,
        };
        if matches!(sent, Err(mpsc::error::TrySendError::Closed(_))) {
            return;
        }
    }
}
