//! What went wrong with a command: code, sentence, hint, causes; and which exit code says so.

use std::error::Error;
use std::process::ExitCode;

use backstay::config::Fault;

/// How a command ended, as shells and service managers see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The command did what was asked.
    Done,
    /// What was asked was not done, or a check failed.
    NotDone,
    /// The command line makes no sense.
    Usage,
    /// The database cannot be reached, or there is none.
    Unavailable,
    /// A bug.
    Internal,
    /// Trying again later may help.
    TryAgain,
    /// The login may not do this.
    NotAllowed,
    /// The configuration or the installation must be changed first.
    Configuration,
    /// Ended by Ctrl-C.
    Interrupted,
    /// Ended by TERM.
    Terminated,
    /// The code of a command that was run for its user, as a shell gives it: 128 and the signal where one ended it.
    OfCommand(u8),
}

impl Exit {
    /// Gives the number.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::NotDone => 1,
            Self::Usage => 2,
            Self::Unavailable => 69,
            Self::Internal => 70,
            Self::TryAgain => 75,
            Self::NotAllowed => 77,
            Self::Configuration => 78,
            Self::Interrupted => 130,
            Self::Terminated => 143,
            Self::OfCommand(code) => code,
        }
    }

    /// Gives the exit code that belongs to an error's code.
    pub(crate) fn of(code: &str) -> Self {
        match code {
            "BS108" | "BS504" => Self::NotAllowed,
            "BS501" | "BS505" | "BS507" | "BS510" | "BS511" | "BS901" => Self::Unavailable,
            "BS999" => Self::Internal,
            "BS808" => Self::Configuration,
            _ if code.starts_with("BS4") || code.starts_with("BS5") || code.starts_with("BS6") => {
                Self::Configuration
            }
            _ => Self::NotDone,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// A command that failed, ready to be printed once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    /// What lies beneath, outermost first; nothing that the message says already.
    pub(crate) causes: Vec<String>,
    /// Faults of the configuration, all of them.
    pub(crate) faults: Vec<Fault>,
    pub(crate) exit: Exit,
}

impl Failure {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
            causes: Vec::new(),
            faults: Vec::new(),
            exit: Exit::of(code),
        }
    }

    /// A configuration with faults; what would have been done is not begun.
    pub(crate) fn of_faults(faults: Vec<Fault>) -> Self {
        let code = faults.first().map_or("BS402", |fault| fault.code);
        Self {
            faults,
            exit: Exit::Configuration,
            ..Self::new(code, "the configuration has faults")
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Chooses another exit code than the one of the code.
    pub(crate) fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// Adds the chain of an error; a level that only repeats the one above is left out.
    pub(crate) fn because(mut self, error: &(dyn Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            let text = error.to_string();
            let above = self.causes.last().unwrap_or(&self.message);
            if !above.contains(&text) {
                self.causes.push(text);
            }
            next = error.source();
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot connect")]
    struct Outer(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("connection refused")]
    struct Inner;

    #[test]
    fn every_level_of_a_chain_is_told_once() {
        let failure = Failure::new("BS501", "cannot connect").because(&Outer(Inner));
        assert_eq!(failure.causes, ["connection refused"]);
        assert_eq!(failure.exit, Exit::Unavailable);
    }

    #[test]
    fn the_code_of_an_error_decides_the_exit_code() {
        for (code, exit) in [
            ("BS101", 1),
            ("BS108", 77),
            ("BS302", 1),
            ("BS401", 78),
            ("BS501", 69),
            ("BS510", 69),
            ("BS511", 69),
            ("BS503", 78),
            ("BS901", 69),
            ("BS999", 70),
        ] {
            assert_eq!(Exit::of(code).code(), exit, "{code}");
        }
    }
}
