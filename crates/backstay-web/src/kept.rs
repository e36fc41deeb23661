//! An answer that many ask for and that costs something: made once, and kept for a while.

use std::future::Future;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

/// The last answer. Whoever asks while it is made waits for it instead of asking the database as well.
#[derive(Debug)]
pub(crate) struct Kept<T> {
    lifetime: Duration,
    last: Mutex<Option<(Instant, T)>>,
}

impl<T: Clone> Kept<T> {
    pub(crate) fn new(lifetime: Duration) -> Kept<T> {
        Kept { lifetime, last: Mutex::new(None) }
    }

    /// Gives the last answer, or makes one where that is too old.
    pub(crate) async fn get(&self, make: impl Future<Output = T>) -> T {
        let mut last = self.last.lock().await;
        if let Some((_, kept)) = last.as_ref().filter(|(at, _)| at.elapsed() < self.lifetime) {
            return kept.clone();
        }
        let made = make.await;
        *last = Some((Instant::now(), made.clone()));
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_is_made_once_for_all_who_ask_within_its_lifetime() {
        let kept = Kept::new(Duration::from_secs(3600));
        let (first, second) = tokio::join!(kept.get(async { 1 }), kept.get(async { 2 }));
        assert_eq!((first, second, kept.get(async { 3 }).await), (1, 1, 1));
        let short = Kept::new(Duration::ZERO);
        assert_eq!((short.get(async { 1 }).await, short.get(async { 2 }).await), (1, 2));
    }
}
