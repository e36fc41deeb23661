//! How often somebody may ask: wrong tokens cost patience, and one token does not take everything.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Wrong tokens from one address before it waits.
const WRONG_FROM_ONE: u32 = 10;
/// Wrong tokens from everywhere before everybody with a wrong token waits.
const WRONG_IN_ALL: u32 = 100;
/// They are counted for this long, and so long the first wait is; each wait that follows is twice as long.
const WRONG_SPAN: Duration = Duration::from_secs(300);
/// No wait is longer, and after so long without a wrong token the next wait is the first again.
const LONGEST: Duration = Duration::from_secs(900);
/// Requests a second of one token, and as many at once after a pause.
const PER_SECOND: f64 = 100.0;
/// Addresses and tokens that are remembered; beyond it the oldest are forgotten.
const REMEMBERED: usize = 10_000;

/// What was asked lately, and by whom.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    wrong: Mutex<Wrong>,
    tokens: Mutex<HashMap<String, Bucket>>,
}

#[derive(Debug, Default)]
struct Wrong {
    by_address: HashMap<IpAddr, Count>,
    in_all: Option<Count>,
}

/// Wrong tokens of one address, or of all.
#[derive(Debug, Clone, Copy)]
struct Count {
    since: Instant,
    times: u32,
    /// Waits so far that followed close upon each other.
    waits: u32,
    /// The end of the last of them.
    until: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

/// How many wrong tokens have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrongs {
    /// A few.
    Some,
    /// With this one so many that no more are looked at.
    Enough,
    /// More than that, which was said before.
    More,
}

impl Wrongs {
    fn of(times: u32, most: u32) -> Wrongs {
        match times.cmp(&most) {
            Ordering::Less => Wrongs::Some,
            Ordering::Equal => Wrongs::Enough,
            Ordering::Greater => Wrongs::More,
        }
    }
}

impl Count {
    /// How long until it begins anew, if it is full.
    fn wait(self, now: Instant) -> Option<Duration> {
        self.until?.checked_duration_since(now).filter(|left| !left.is_zero())
    }

    /// Whether what it knows says anything yet.
    fn is_over(self, now: Instant) -> bool {
        let last = self.until.unwrap_or(self.since);
        now.checked_duration_since(last).is_some_and(|since| since >= LONGEST)
    }

    fn more(count: Option<Count>, most: u32, now: Instant) -> Count {
        let fresh = Count { since: now, times: 0, waits: 0, until: None };
        let mut count = match count {
            Some(count) if count.is_over(now) => fresh,
            Some(count) if count.until.is_some() && count.wait(now).is_none() => {
                Count { waits: count.waits, ..fresh }
            }
            Some(count) if count.until.is_none() && now - count.since >= WRONG_SPAN => {
                Count { waits: count.waits, ..fresh }
            }
            Some(count) => count,
            None => fresh,
        };
        count.times = count.times.saturating_add(1);
        if count.times == most {
            let wait = WRONG_SPAN.saturating_mul(1 << count.waits.min(8)).min(LONGEST);
            count.until = Some(now + wait);
            count.waits = count.waits.saturating_add(1);
        }
        count
    }
}

impl Limits {
    /// How long this address waits before a token of it is looked at again.
    pub(crate) fn shut_out(&self, from: Option<IpAddr>, now: Instant) -> Option<Duration> {
        let wrong = self.wrong.lock().expect("nobody panics while holding it");
        let own = from.and_then(|from| wrong.by_address.get(&from)?.wait(now));
        // Whoever has sent no wrong token yet is not kept out by those who did.
        let is_suspect = from.is_none_or(|from| wrong.by_address.contains_key(&from));
        let all = wrong.in_all.and_then(|all| all.wait(now));
        own.or(all.filter(|_| is_suspect))
    }

    /// Notes a wrong token; how many have come from there lately.
    pub(crate) fn note_wrong(&self, from: Option<IpAddr>, now: Instant) -> Wrongs {
        let mut wrong = self.wrong.lock().expect("nobody panics while holding it");
        let in_all = Count::more(wrong.in_all, WRONG_IN_ALL, now);
        wrong.in_all = Some(in_all);
        let Some(from) = from else { return Wrongs::of(in_all.times, WRONG_IN_ALL) };
        if wrong.by_address.len() >= REMEMBERED {
            wrong.by_address.retain(|_, count| !count.is_over(now));
        }
        if wrong.by_address.len() >= REMEMBERED {
            wrong.by_address.clear();
        }
        let count = Count::more(wrong.by_address.get(&from).copied(), WRONG_FROM_ONE, now);
        wrong.by_address.insert(from, count);
        Wrongs::of(count.times, WRONG_FROM_ONE)
    }

    /// Whether this token was good before, so that it is not shut out with whoever guesses from the same address, which may be
    /// that of a proxy.
    pub(crate) fn is_known(&self, token: &str) -> bool {
        self.tokens.lock().expect("nobody panics while holding it").contains_key(token)
    }

    /// Whether this token may ask once more.
    pub(crate) fn admit(&self, token: &str, now: Instant) -> bool {
        let mut tokens = self.tokens.lock().expect("nobody panics while holding it");
        if tokens.len() >= REMEMBERED {
            tokens.clear();
        }
        let full = Bucket { left: PER_SECOND, at: now };
        let bucket = tokens.entry(token.to_owned()).or_insert(full);
        let gained = now.duration_since(bucket.at).as_secs_f64() * PER_SECOND;
        bucket.left = (bucket.left + gained).min(PER_SECOND);
        bucket.at = now;
        if bucket.left < 1.0 {
            return false;
        }
        bucket.left -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([10, 0, 0, last]))
    }

    #[test]
    fn ten_wrong_tokens_shut_an_address_out_for_five_minutes_and_no_other() {
        let (limits, now) = (Limits::default(), Instant::now());
        for n in 1..=WRONG_FROM_ONE {
            assert_eq!(limits.shut_out(address(1), now), None);
            let told = if n < WRONG_FROM_ONE { Wrongs::Some } else { Wrongs::Enough };
            assert_eq!(limits.note_wrong(address(1), now), told);
        }
        assert_eq!(limits.note_wrong(address(1), now), Wrongs::More, "said once");
        assert_eq!(limits.shut_out(address(1), now), Some(WRONG_SPAN));
        assert_eq!(limits.shut_out(address(2), now), None);
        let later = now + WRONG_SPAN + Duration::from_secs(1);
        assert_eq!(limits.shut_out(address(1), later), None);
        assert_eq!(limits.note_wrong(address(1), later), Wrongs::Some);
        assert_eq!(limits.shut_out(address(1), later), None, "it begins anew");
    }

    #[test]
    fn who_goes_on_guessing_waits_twice_as_long_each_time_up_to_fifteen_minutes() {
        let (limits, mut now) = (Limits::default(), Instant::now());
        let fill = |now| {
            (0..WRONG_FROM_ONE).for_each(|_| _ = limits.note_wrong(address(1), now));
            limits.shut_out(address(1), now).unwrap()
        };
        let mut minutes = Vec::new();
        for _ in 0..4 {
            let wait = fill(now);
            minutes.push(wait.as_secs() / 60);
            let almost = now + wait - Duration::from_secs(1);
            assert_eq!(limits.shut_out(address(1), almost), Some(Duration::from_secs(1)));
            now += wait + Duration::from_secs(1);
            assert_eq!(limits.shut_out(address(1), now), None);
        }
        assert_eq!(minutes, [5, 10, 15, 15]);
        assert_eq!(fill(now + LONGEST), WRONG_SPAN, "after a while it is forgotten");
        assert_eq!(limits.shut_out(address(2), now), None);
    }

    #[test]
    fn few_wrong_tokens_in_each_five_minutes_shut_nobody_out() {
        let (limits, mut now) = (Limits::default(), Instant::now());
        for _ in 0..20 {
            (1..WRONG_FROM_ONE).for_each(|_| _ = limits.note_wrong(address(1), now));
            assert_eq!(limits.shut_out(address(1), now), None);
            now += WRONG_SPAN;
        }
    }

    #[test]
    fn a_hundred_wrong_tokens_shut_out_who_sent_one_and_nobody_else() {
        let (limits, now) = (Limits::default(), Instant::now());
        (0..100).for_each(|n| _ = limits.note_wrong(address(n), now));
        assert!(limits.shut_out(address(5), now).is_some());
        assert_eq!(limits.shut_out(address(200), now), None);
    }

    #[test]
    fn a_token_has_a_hundred_requests_a_second() {
        let (limits, now) = (Limits::default(), Instant::now());
        assert_eq!((0..150).filter(|_| limits.admit("a", now)).count(), 100);
        assert!(limits.admit("b", now));
        let later = now + Duration::from_millis(500);
        assert_eq!((0..150).filter(|_| limits.admit("a", later)).count(), 50);
    }
}
