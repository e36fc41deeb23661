//! What each key of `top` does: changes the view, or asks for a deed.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::deed::Deed;
use super::view::View;

/// What follows a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Stay,
    Leave,
    Interrupt,
    Do(Deed),
}

/// The keys, for the last line of the screen.
pub(super) const HELP: &str = "arrows move  tab queues  k cancel  K kill  p pause  s sort  q quit";

/// Lines of a page key.
const PAGE: isize = 10;

pub(super) fn press(view: &mut View, key: KeyEvent) -> Next {
    if key.kind == KeyEventKind::Release {
        return Next::Stay;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        let is_end = matches!(key.code, KeyCode::Char('c' | 'd'));
        return if is_end { Next::Interrupt } else { Next::Stay };
    }
    if let Some(deed) = view.asked.take() {
        let is_meant = matches!(key.code, KeyCode::Char('y' | 'Y'));
        view.said = (!is_meant).then(|| "nothing was done".to_owned());
        return if is_meant { Next::Do(deed) } else { Next::Stay };
    }
    view.said = None;
    match key.code {
        KeyCode::Char('q') | KeyCode::Esc => return Next::Leave,
        KeyCode::Up => view.step(-1),
        KeyCode::Down => view.step(1),
        KeyCode::PageUp => view.step(-PAGE),
        KeyCode::PageDown => view.step(PAGE),
        KeyCode::Home => view.step(isize::MIN + 1),
        KeyCode::End => view.step(isize::MAX),
        KeyCode::Tab => view.turn_focus(),
        KeyCode::Char('s') => view.sort = view.sort.next(),
        KeyCode::Char('k') => view.asked = selected(view).map(Deed::Cancel),
        KeyCode::Char('K') => view.asked = selected(view).map(Deed::Kill),
        KeyCode::Char('p') => view.asked = pause(view),
        _ => {}
    }
    Next::Stay
}

fn selected(view: &View) -> Option<i64> {
    view.selected_job()?.id.parse().ok()
}

fn pause(view: &View) -> Option<Deed> {
    let queue = view.selected_queue()?;
    let name = queue.name.clone();
    Some(if queue.paused.is_some() { Deed::Resume(name) } else { Deed::Pause(name) })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::super::picture::tests::job;
    use super::super::picture::{Picture, Sort};
    use super::*;

    fn view() -> View {
        let jobs = (1..=3).map(|n| job(n, json!({ "memory_bytes": 10 - n }))).collect();
        View::new(Sort::Mem, Duration::from_secs(2), Picture::new(jobs, vec![], vec![]))
    }

    fn pressed(view: &mut View, code: KeyCode) -> Next {
        press(view, KeyEvent::new(code, KeyModifiers::NONE))
    }

    #[test]
    fn a_cancel_is_asked_about_and_done_only_after_yes() {
        let mut view = view();
        pressed(&mut view, KeyCode::Down);
        assert_eq!(pressed(&mut view, KeyCode::Char('k')), Next::Stay);
        assert_eq!(pressed(&mut view, KeyCode::Char('n')), Next::Stay);
        assert_eq!(view.said.as_deref(), Some("nothing was done"));
        pressed(&mut view, KeyCode::Char('k'));
        assert_eq!(pressed(&mut view, KeyCode::Char('y')), Next::Do(Deed::Cancel(2)));
        assert_eq!(pressed(&mut view, KeyCode::Char('K')), Next::Stay);
        assert_eq!(pressed(&mut view, KeyCode::Char('y')), Next::Do(Deed::Kill(2)));
    }

    #[test]
    fn the_bar_stays_on_its_job_and_within_the_rows() {
        let mut view = view();
        pressed(&mut view, KeyCode::End);
        assert_eq!(view.selected_job().unwrap().id, "3");
        pressed(&mut view, KeyCode::Down);
        assert_eq!(view.selected_job().unwrap().id, "3");
        let grown = vec![job(3, json!({ "memory_bytes": 99 })), job(4, json!({}))];
        view.saw(Ok(Picture::new(grown, vec![], vec![])));
        assert_eq!((view.at_job(), view.selected_job().unwrap().id.as_str()), (Some(0), "3"));
        pressed(&mut view, KeyCode::Home);
        view.saw(Ok(Picture::new(vec![], vec![], vec![])));
        pressed(&mut view, KeyCode::Char('K'));
        assert_eq!(view.asked, None, "there is none to be killed");
    }

    #[test]
    fn q_leaves_and_ctrl_c_interrupts_even_while_something_is_asked() {
        let mut view = view();
        assert_eq!(pressed(&mut view, KeyCode::Char('q')), Next::Leave);
        pressed(&mut view, KeyCode::Char('k'));
        let stop = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(press(&mut view, stop), Next::Interrupt);
    }
}
