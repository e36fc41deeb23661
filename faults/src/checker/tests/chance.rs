//! A lawful run made by chance is never accused, and one change of it always is.

use proptest::prelude::*;

use super::story::judge;

/// A lawful run in the making: which workers live, and where each job stands.
#[derive(Default)]
struct Run {
    lines: Vec<String>,
    jobs: Vec<Job>,
    /// Workers are numbered from 1; a dead one comes back under the next number.
    alive: Vec<Worker>,
    workers: usize,
}

struct Worker {
    number: usize,
    is_frozen: bool,
}

/// The number of a job is its place in the list, from 1.
#[derive(Clone, Copy)]
struct Job {
    attempt: usize,
    stands: Stands,
    has_started: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Stands {
    Waiting,
    Running { worker: usize },
    Dead,
    Completed,
}

impl Run {
    fn of(steps: &[(u8, u8)]) -> Run {
        let mut run = Run::default();
        (0..3).for_each(|_| run.hire());
        for (what, which) in steps {
            run.step(*what, usize::from(*which));
        }
        run.finish();
        run
    }

    fn hire(&mut self) {
        self.workers += 1;
        self.alive.push(Worker { number: self.workers, is_frozen: false });
    }

    fn say(&mut self, line: String) {
        self.lines.push(line);
    }

    fn step(&mut self, what: u8, which: usize) {
        let worker = which % self.alive.len();
        match what % 16 {
            0..3 => self.enqueue(which),
            3..10 if !self.jobs.is_empty() => self.advance(which % self.jobs.len(), which),
            10 => self.kill(worker),
            11 if !self.alive[worker].is_frozen => {
                self.alive[worker].is_frozen = true;
                self.say(format!("freeze w{}\nwait 4000", self.alive[worker].number));
            }
            12 => self.thaw(worker),
            13 => self.rescue(),
            14 => self.say(format!("wait {which}")),
            _ => {}
        }
    }

    fn enqueue(&mut self, which: usize) {
        let id = self.jobs.len() + 1;
        match which % 4 {
            0 => self.say(format!("app asks x{}\napp fails x{0}", self.lines.len())),
            1 => self.say(format!("app asks k{id}\ndb takes in k{id}={id}\napp wonders k{id}")),
            _ => self.say(format!("app enqueues k{id}={id}")),
        }
        if !which.is_multiple_of(4) {
            self.jobs.push(Job { attempt: 0, stands: Stands::Waiting, has_started: false });
        }
    }

    /// The next thing in a job's life, if its worker can do it.
    fn advance(&mut self, index: usize, which: usize) {
        let (id, job) = (index + 1, self.jobs[index]);
        match job.stands {
            Stands::Waiting => {
                let ready = self.alive.iter().filter(|worker| !worker.is_frozen);
                let Some(number) = ready.map(|worker| worker.number).nth(which % 3) else { return };
                let attempt = job.attempt + 1;
                let stands = Stands::Running { worker: number };
                self.jobs[index] = Job { attempt, stands, has_started: false };
                self.say(format!("w{number} takes {id}.{attempt}"));
            }
            Stands::Running { worker } => {
                let mut alive = self.alive.iter();
                if !alive.any(|other| other.number == worker && !other.is_frozen) {
                    return;
                }
                if job.has_started {
                    self.settle(index, worker, which);
                } else {
                    self.jobs[index].has_started = true;
                    self.say(format!("{id}.{} starts", job.attempt));
                }
            }
            Stands::Dead if which.is_multiple_of(2) => {
                self.jobs[index].stands = Stands::Waiting;
                self.say(format!("operator revives {id}"));
            }
            Stands::Dead | Stands::Completed => {}
        }
    }

    fn settle(&mut self, index: usize, worker: usize, which: usize) {
        let (id, attempt) = (index + 1, self.jobs[index].attempt);
        let (what, stands) = match which % 8 {
            0 => ("retries", Stands::Waiting),
            1 => ("snoozes", Stands::Waiting),
            2 => ("releases", Stands::Waiting),
            3 => ("buries", Stands::Dead),
            _ => ("completes", Stands::Completed),
        };
        self.jobs[index].stands = stands;
        self.say(format!("{id}.{attempt} ends"));
        if which % 16 < 8 {
            return self.say(format!("w{worker} {what} {id}.{attempt}"));
        }
        // The answer is lost, and the verdict is sent again.
        let rest = format!("{what} {id}.{attempt}");
        self.say(format!(
            "w{worker} sends {rest}\nw{worker} moves {rest}\nw{worker} hears nothing {rest}"
        ));
        self.say(format!("w{worker} sends {rest}\nw{worker} hears stale {rest}"));
    }

    fn kill(&mut self, worker: usize) {
        let number = self.alive.remove(worker).number;
        self.say(format!("kill w{number}"));
        self.hire();
    }

    /// It comes back and settles whatever it believes to hold.
    fn thaw(&mut self, worker: usize) {
        if !self.alive[worker].is_frozen {
            return;
        }
        let number = self.alive[worker].number;
        self.alive[worker].is_frozen = false;
        self.say(format!("thaw w{number}"));
    }

    /// All jobs of workers that are dead, or that have been frozen for long.
    fn rescue(&mut self) {
        let awake = |worker: &&Worker| !worker.is_frozen;
        let Some(rescuer) = self.alive.iter().find(awake).map(|worker| worker.number) else {
            return;
        };
        for index in 0..self.jobs.len() {
            let (id, job) = (index + 1, self.jobs[index]);
            let Stands::Running { worker: holder } = job.stands else { continue };
            if self.alive.iter().any(|other| other.number == holder && !other.is_frozen) {
                continue;
            }
            let is_frozen = self.alive.iter().any(|other| other.number == holder);
            self.jobs[index].stands = Stands::Waiting;
            let attempt = job.attempt;
            self.say(format!("w{rescuer} rescues {id}.{attempt} of w{holder}"));
            if is_frozen && job.has_started {
                let rest = format!("completes {id}.{attempt}");
                // Its answer comes after the thaw; nothing that others do in between depends on it.
                self.say(format!("w{holder} sends {rest}\nw{holder} hears stale {rest}"));
            }
        }
    }

    fn finish(&mut self) {
        (0..self.alive.len()).for_each(|worker| self.thaw(worker));
        self.rescue();
        for index in 0..self.jobs.len() {
            // Takes it, starts it, completes it; the last number says so.
            (0..3).for_each(|_| self.advance(index, 7));
        }
        // A frozen one may have been thawed above with a job that had started.
        for index in 0..self.jobs.len() {
            (0..3).for_each(|_| self.advance(index, 7));
        }
    }

    fn text(&self) -> String {
        self.lines.join("\n")
    }
}

/// Changes one thing; none where the run has nothing of that sort.
fn spoil(run: &Run, how: u8, which: usize) -> Option<String> {
    let text = run.text();
    let pick = |is_it: fn(&Job) -> bool| {
        let all: Vec<usize> =
            (0..run.jobs.len()).filter(|index| is_it(&run.jobs[*index])).collect();
        all.get(which % all.len().max(1)).map(|index| (index + 1, run.jobs[*index].attempt))
    };
    let is_completed: fn(&Job) -> bool = |job| job.stands == Stands::Completed;
    let (id, attempt) = pick(is_completed)?;
    Some(match how {
        0 => format!("{text}\ndb never had {id}"),
        1 => format!("{text}\ndb copies {id}"),
        2 => format!("{text}\ndb reopens {id}"),
        3 => format!("{text}\n{id}.{attempt} starts"),
        4 => format!(
            "{text}\nw9 takes {id}.{0}\n{id}.{0} starts\nw9 completes {id}.{0}",
            attempt + 1
        ),
        5 => format!(
            "{text}\nw9 sends completes {id}.{attempt}\nw9 hears ok completes {id}.{attempt}"
        ),
        6 => format!("{text}\ndb takes in y=99\ndb pauses 99"),
        7 => {
            // Takes the reason of a rescue away.
            let lost = text.lines().find_map(|line| {
                let (attempt, worker) = line.split_once(" rescues ")?.1.split_once(" of ")?;
                let (id, number) = attempt.split_once('.')?;
                let next = format!("{id}.{} starts", number.parse::<usize>().ok()? + 1);
                let first = format!("{attempt} starts");
                let has = |wanted: &str| text.lines().any(|line| line == wanted);
                (has(&first) && has(&next)).then(|| worker.to_owned())
            })?;
            let is_reason =
                |line: &&str| *line == format!("kill {lost}") || *line == format!("freeze {lost}");
            text.lines().filter(|line| !is_reason(line)).collect::<Vec<_>>().join("\n")
        }
        _ => unreachable!("there are eight"),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_lawful_run_is_never_accused(steps in prop::collection::vec(any::<(u8, u8)>(), 0..120)) {
        let report = judge(&Run::of(&steps).text());
        prop_assert!(report.is_fine(), "{}", report.account());
    }

    #[test]
    fn a_run_with_one_thing_changed_is_accused(
        steps in prop::collection::vec(any::<(u8, u8)>(), 10..120),
        how in 0_u8..8,
        which in any::<usize>(),
    ) {
        let Some(spoilt) = spoil(&Run::of(&steps), how, which) else { return Ok(()) };
        let report = judge(&spoilt);
        prop_assert!(!report.is_fine(), "change {how}\n{spoilt}\n{}", report.line());
    }
}
