//! The call that says that all goes well: a POST of `{}`, to an address that may be called.

use std::pin::Pin;

use backstay::config::{Network, Secret};
use backstay::{DeliverError, Ping};

use crate::reason::Reason;
use crate::webhook::Post;

/// Whoever watches for the calls.
#[derive(Debug)]
pub(crate) struct DeadMan(Post);

impl DeadMan {
    pub(crate) fn new(url: &Secret, allowed: &[Network]) -> Result<Self, Reason> {
        Post::new(url, allowed).map(Self)
    }
}

impl Ping for DeadMan {
    fn ping<'a>(&'a self) -> Pin<Box<dyn Future<Output = Result<(), DeliverError>> + Send + 'a>> {
        Box::pin(self.0.send(b"{}".to_vec(), &[]))
    }
}
