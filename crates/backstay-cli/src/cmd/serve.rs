//! `backstay serve`: the dashboard and the HTTP API, until it is told to stop; it claims nothing. And the same beside a worker.

use std::net::SocketAddr;

use backstay::Database;
use backstay::config::WebAuth;
use backstay::sessions::Role;
use backstay_web::{Options, ServeError};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::connect;
use crate::args::ServeArgs;
use crate::failure::{Exit, Failure};
use crate::print::Printer;
use crate::settings::{self, Environment, FlagValue, Need, Sources};

pub(crate) fn run(
    args: &ServeArgs,
    mut sources: Sources,
    environment: &Environment,
    printer: &Printer,
) -> Result<Exit, Failure> {
    sources.flags.extend(args.listen.iter().map(|address| FlagValue {
        path: vec!["web".into(), "listen".into()],
        text: address.clone(),
        flag: "--listen",
    }));
    sources.flags.extend(args.read_only.then(|| FlagValue {
        path: vec!["web".into(), "read_only".into()],
        text: "true".into(),
        flag: "--read-only",
    }));
    let settings = settings::load(&sources, environment, Need::Database)?.checked()?.settings;
    let _dial = crate::log::start(&settings.log, environment, printer.verbosity());
    raise_descriptors();
    connect::runtime()?.block_on(async {
        let stop = told_to_stop()?;
        let database = connect::database(&settings).await?;
        backstay::migrate::check(&database).await.map_err(|error| connect::of_migrate(&error))?;
        let options = Options::from(&settings.web);
        let told = options.clone();
        let ready = |at| printer.note(serving(at, &told));
        backstay_web::serve(&database, settings.web.listen, options, stop, ready)
            .await
            .map_err(|error| of_serve(&error))?;
        Ok(Exit::Done)
    })
}

/// Where it is, and who may ask.
pub(crate) fn serving(at: SocketAddr, options: &Options) -> String {
    let who = match (options.auth, options.read_only, options.here) {
        (WebAuth::Loopback, true, _) => "this machine may look, and nobody changes anything",
        (WebAuth::Loopback, false, Role::Viewer) => {
            "this machine may look; what changes something needs a token"
        }
        (WebAuth::Loopback, false, _) => "this machine may look and act, and nobody else",
        (WebAuth::Token, true, _) => "everybody needs a token, and nobody changes anything",
        (WebAuth::Token, false, _) => "everybody needs a token",
    };
    format!("serving http://{at}/ (the API below /api/v1): {who}")
}

/// A server beside other work in one process.
pub(crate) struct Beside {
    stop: oneshot::Sender<()>,
    server: JoinHandle<Result<(), ServeError>>,
}

impl Beside {
    /// Lets the answers under way end.
    pub(crate) async fn end(self) {
        // It may have ended before.
        let _told = self.stop.send(());
        let _ended = self.server.await;
    }
}

/// Serves beside other work, once it listens.
pub(crate) async fn beside(
    database: Database,
    at: SocketAddr,
    options: Options,
) -> Result<(Beside, SocketAddr), Failure> {
    raise_descriptors();
    let ((stop, stopped), (say, said)) = (oneshot::channel(), oneshot::channel());
    let server = tokio::spawn(async move {
        let stop = async { _ = stopped.await };
        let ready = move |at| _ = say.send(at);
        backstay_web::serve(&database, at, options, stop, ready).await
    });
    match said.await {
        Ok(at) => Ok((Beside { stop, server }, at)),
        Err(_) => Err(match server.await {
            Ok(Err(error)) => of_serve(&error),
            _ => Failure::new("BS999", "the server ended before it listened"),
        }),
    }
}

fn of_serve(error: &ServeError) -> Failure {
    Failure::new(error.code(), error.to_string())
        .hint("another address: --listen, or `listen` below [web]")
}

/// Over when TERM or INT has come.
fn told_to_stop() -> Result<impl Future<Output = ()>, Failure> {
    let unset =
        |error: std::io::Error| Failure::new("BS999", "signals cannot be heard").because(&error);
    let mut term = signal(SignalKind::terminate()).map_err(unset)?;
    let mut int = signal(SignalKind::interrupt()).map_err(unset)?;
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    })
}

/// As many descriptors as the host allows: a usual shell allows fewer than there may be connections.
fn raise_descriptors() {
    let now = getrlimit(Resource::Nofile);
    let most = Rlimit { current: now.maximum, maximum: now.maximum };
    // Without it there are fewer connections, and the rest waits.
    let _kept = setrlimit(Resource::Nofile, most);
}
