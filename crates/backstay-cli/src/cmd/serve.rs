//! `backstay serve`: the HTTP API, until it is told to stop; it claims nothing.

use backstay::config::WebAuth;
use backstay_web::ServeError;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

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
    let settings = settings::load(&sources, environment, Need::Database)?.checked()?.settings;
    let _dial = crate::log::start(&settings.log, environment, printer.verbosity());
    raise_descriptors();
    connect::runtime()?.block_on(async {
        let stop = told_to_stop()?;
        let database = connect::database(&settings).await?;
        backstay::migrate::check(&database).await.map_err(|error| connect::of_migrate(&error))?;
        let who = match settings.web.auth {
            WebAuth::Loopback => "this machine may look; what changes something needs a token",
            WebAuth::Token => "everybody needs a token",
        };
        let ready = |at| printer.note(format!("serving http://{at}/api/v1: {who}"));
        backstay_web::serve(&database, &settings.web, stop, ready)
            .await
            .map_err(|error| of_serve(&error))?;
        Ok(Exit::Done)
    })
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
