//! Handlers by kind: plain async functions, checked by the compiler, erased to one shape.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde::Serialize;

use super::around::{Around, Next};
use super::context::Ctx;
use super::fail::{Fail, Output};
use crate::model::request::Job;

type Answer = Pin<Box<dyn Future<Output = Result<Output, Fail>> + Send>>;
type Erased<S> = Arc<dyn Fn(Ctx, S) -> Answer + Send + Sync>;

/// The application's state, or a part of it, as a parameter of a handler.
#[derive(Debug, Clone, Copy)]
pub struct State<T>(pub T);

/// Says how a part of the application's state is had from the whole.
///
/// ```
/// use backstay::{Fail, FromRef, Job, State, Worker};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone)]
/// struct Mailer { from: String }
/// #[derive(Clone)]
/// struct App { mailer: Mailer }
///
/// impl FromRef<App> for Mailer {
///     fn from_ref(app: &App) -> Mailer { app.mailer.clone() }
/// }
///
/// #[derive(Serialize, Deserialize, Job)]
/// #[job(kind = "welcome")]
/// struct Welcome { to: String }
///
/// async fn welcome(job: Welcome, State(mailer): State<Mailer>) -> Result<String, Fail> {
///     Ok(format!("{} wrote to {}", mailer.from, job.to))
/// }
///
/// let connect = async || Ok::<_, std::io::Error>(App { mailer: Mailer { from: "shop".into() } });
/// let worker = Worker::new(connect).handle(welcome).build().unwrap();
/// # drop(worker);
/// ```
#[diagnostic::on_unimplemented(
    message = "the worker's state `{S}` does not hold a `{Self}`",
    note = "implement `backstay::FromRef<{S}> for {Self}`, or ask for a part that is there"
)]
pub trait FromRef<S> {
    /// Takes the part out of the whole.
    fn from_ref(state: &S) -> Self;
}

impl<T: Clone> FromRef<T> for T {
    fn from_ref(state: &T) -> T {
        state.clone()
    }
}

/// What may stand behind the job in a handler's parameters: [`Ctx`], or [`State`] of something that the worker's state holds.
///
/// Of your own it can be anything that is had from these two:
///
/// ```
/// use backstay::{Argument, Ctx, Fail, Job, Worker};
/// use serde::{Deserialize, Serialize};
///
/// struct Nth(i32);
///
/// impl<S> Argument<S> for Nth {
///     fn of(ctx: &Ctx, _: &S) -> Nth { Nth(ctx.info().attempt) }
/// }
///
/// #[derive(Serialize, Deserialize, Job)]
/// #[job(kind = "greet")]
/// struct Greet {}
///
/// async fn greet(_: Greet, Nth(attempt): Nth) -> Result<(), Fail> {
///     println!("attempt {attempt}");
///     Ok(())
/// }
///
/// let worker = Worker::without_state().handle(greet);
/// # drop(worker);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a parameter of a handler",
    note = "after the job a handler may take up to three of `backstay::Ctx` and `backstay::State<T>`"
)]
pub trait Argument<S> {
    /// Makes the parameter for one attempt.
    fn of(ctx: &Ctx, state: &S) -> Self;
}

impl<S> Argument<S> for Ctx {
    fn of(ctx: &Ctx, _: &S) -> Ctx {
        ctx.clone()
    }
}

impl<S, T: FromRef<S>> Argument<S> for State<T> {
    fn of(_: &Ctx, state: &S) -> State<T> {
        State(T::from_ref(state))
    }
}

/// An async function that takes a [`Job`] and up to three of [`Ctx`] and [`State`], and gives `Result<impl Serialize, Fail>`.
///
/// ```
/// use backstay::{Ctx, Fail, Handler, Job};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Job)]
/// #[job(kind = "count")]
/// struct Count { to: u32 }
///
/// async fn count(job: Count, ctx: Ctx) -> Result<u32, Fail> {
///     println!("job {}", ctx.info().id);
///     Ok((1..=job.to).sum())
/// }
///
/// fn is_handler<M>(_: impl Handler<(), M, Job = Count>) {}
/// is_handler(count);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler of a worker with the state `{S}`",
    note = "a handler is `async fn(job: J, ..) -> Result<T, backstay::Fail>` with `J: backstay::Job`, `T: Serialize`, \
            and up to three of `backstay::Ctx` and `backstay::State<T>` behind the job"
)]
pub trait Handler<S, M>: Clone + Send + Sync + 'static {
    /// What it takes.
    type Job: Job;

    /// Runs it once.
    fn call(
        &self,
        job: Self::Job,
        ctx: Ctx,
        state: S,
    ) -> impl Future<Output = Result<Output, Fail>> + Send;
}

macro_rules! handler {
    ($($argument:ident),*) => {
        impl<S, F, Fut, J, T, $($argument),*> Handler<S, fn(J, $($argument),*) -> T> for F
        where
            S: Send + 'static,
            F: Fn(J, $($argument),*) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = Result<T, Fail>> + Send,
            J: Job,
            T: Serialize,
            $($argument: Argument<S> + Send,)*
        {
            type Job = J;

            #[allow(non_snake_case, unused_variables)]
            async fn call(&self, job: J, ctx: Ctx, state: S) -> Result<Output, Fail> {
                $(let $argument = $argument::of(&ctx, &state);)*
                drop((ctx, state));
                let done = self(job, $($argument),*).await?;
                output(&done)
            }
        }
    };
}
handler!();
handler!(A1);
handler!(A1, A2);
handler!(A1, A2, A3);

fn output<T: Serialize>(done: &T) -> Result<Output, Fail> {
    let raw = serde_json::value::to_raw_value(done).map_err(|error| {
        Fail::dead(format!("the output is no JSON: {error}")).class("undecodable")
    })?;
    Ok((raw.get() != "null").then_some(raw))
}

/// The handlers of a program, by kind.
pub(crate) struct Handlers<S> {
    by_kind: BTreeMap<&'static str, Erased<S>>,
    /// What runs around every handler, the first outermost.
    around: Arc<[Around]>,
}

impl<S> Clone for Handlers<S> {
    fn clone(&self) -> Handlers<S> {
        Handlers { by_kind: self.by_kind.clone(), around: self.around.clone() }
    }
}

impl<S: Clone + Send + Sync + 'static> Handlers<S> {
    pub(crate) fn new() -> Handlers<S> {
        Handlers { by_kind: BTreeMap::new(), around: Arc::new([]) }
    }

    /// Adds a handler; false where the kind has one already.
    pub(crate) fn add<M, H: Handler<S, M>>(&mut self, handler: H) -> bool {
        let erased: Erased<S> = Arc::new(move |ctx: Ctx, state: S| {
            let handler = handler.clone();
            Box::pin(async move {
                let job = serde_json::from_str(ctx.info().args.get()).map_err(|error| {
                    Fail::undecodable(format!("the args cannot be read: {error}"))
                })?;
                handler.call(job, ctx, state).await
            })
        });
        self.by_kind.insert(H::Job::KIND, erased).is_none()
    }

    /// Puts a function around every handler, inside those that are there.
    pub(crate) fn surround(&mut self, around: Around) {
        self.around = self.around.iter().cloned().chain([around]).collect();
    }

    pub(crate) fn kinds(&self) -> impl Iterator<Item = &'static str> {
        self.by_kind.keys().copied()
    }

    pub(crate) fn has(&self, kind: &str) -> bool {
        self.by_kind.contains_key(kind)
    }

    /// Runs the handler of the job's kind.
    pub(crate) fn call(&self, ctx: Ctx, state: S) -> Option<Answer> {
        let handler = self.by_kind.get(ctx.info().kind.as_str())?;
        if self.around.is_empty() {
            return Some(handler(ctx, state));
        }
        let handler = handler.clone();
        let next = Next::new(self.around.clone(), move |ctx| handler(ctx, state));
        Some(Box::pin(next.run(ctx)))
    }
}
