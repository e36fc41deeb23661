//! User code around every run: a list of functions, the first outermost.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::context::Ctx;
use super::fail::Fail;
use super::fail::Output;

type Answer = Pin<Box<dyn Future<Output = Result<Output, Fail>> + Send>>;
pub(crate) type Around = Arc<dyn Fn(Ctx, Next) -> Answer + Send + Sync>;

/// What lies inside a function around a run: the next one, and at last the handler.
pub struct Next {
    rest: Arc<[Around]>,
    at: usize,
    handler: Box<dyn FnOnce(Ctx) -> Answer + Send>,
}

impl Next {
    pub(crate) fn new(
        rest: Arc<[Around]>,
        handler: impl FnOnce(Ctx) -> Answer + Send + 'static,
    ) -> Next {
        Next { rest, at: 0, handler: Box::new(handler) }
    }

    /// Goes on to the handler, and gives what it came to.
    ///
    /// # Errors
    ///
    /// What the handler, or a function further in, has failed with.
    pub async fn run(mut self, ctx: Ctx) -> Result<Output, Fail> {
        match self.rest.get(self.at).cloned() {
            None => (self.handler)(ctx).await,
            Some(around) => {
                self.at += 1;
                around(ctx, self).await
            }
        }
    }
}
