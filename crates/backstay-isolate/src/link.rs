//! The child's side: finds out what this process is, and carries messages over descriptors 3 and 4.

use std::io;

use crate::protocol::{FromChild, ToChild};

/// What this process is.
#[derive(Debug)]
pub enum Role {
    /// The program itself.
    Supervisor,
    /// A child that runs jobs.
    Child(ChildLink),
}

/// Finds out what this process is; the first statement of `main`, before any thread exists.
///
/// In a shim it never returns. In a child it makes sure that the child does not outlive its shim.
pub fn enter() -> Role {
    todo!()
}

/// The line to the supervisor.
#[derive(Debug)]
pub struct ChildLink {}

impl ChildLink {
    /// Waits for the next message; `None` when the supervisor is gone, and then the process must end within 1 s.
    ///
    /// It blocks: call it on a plain thread. Messages of unknown types are skipped.
    pub fn recv(&mut self) -> Option<ToChild> {
        todo!()
    }

    /// Gives a sender for any thread.
    pub fn sender(&self) -> ChildSender {
        todo!()
    }
}

/// Sends messages to the supervisor, one whole line each.
#[derive(Clone, Debug)]
pub struct ChildSender {}

impl ChildSender {
    /// Writes one message; it may block while the supervisor does not read.
    ///
    /// # Errors
    /// When the supervisor is gone.
    pub fn send(&self, message: &FromChild) -> io::Result<()> {
        drop(message.clone());
        todo!()
    }
}
