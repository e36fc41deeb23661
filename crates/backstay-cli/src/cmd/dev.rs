//! `backstay dev`: a private PostgreSQL, the schema, a worker that follows the files, and your own command beside them.

mod companion;
mod watch;

use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use backstay::config::WebSettings;
use backstay::sessions::Role;
use backstay_postgres::Where;
use backstay_web::Options;
use tokio::signal::unix::{Signal, SignalKind, signal};

use self::companion::{Companion, Stop};
use self::watch::Watch;
use super::connect;
use super::private::{Place, with_database};
use super::serve::{Beside, beside, serving};
use crate::args::DevArgs;
use crate::demo::database::make_missing;
use crate::failure::{Exit, Failure};
use crate::print::Printer;
use crate::settings::{self, Environment, Need, Sources};

/// The database of the private server that `dev` works in.
const DATABASE: &str = "backstay";
/// Between two looks at the files and at the children.
const LOOK: Duration = Duration::from_millis(300);
/// A worker that ended by itself comes back after this long, unless a file changes sooner.
const AGAIN: Duration = Duration::from_secs(2);

pub(crate) fn run(
    args: &DevArgs,
    sources: &Sources,
    environment: &Environment,
    printer: &Printer,
) -> Result<Exit, Failure> {
    if args.fresh {
        set_aside(printer)?;
    }
    let loaded = settings::load(sources, environment, Need::Database)?.checked()?;
    let began = std::time::Instant::now();
    let place = Place::find("dev", &loaded, environment, !args.no_fetch)?;
    let runtime = connect::runtime()?;
    let ended = runtime.block_on(async {
        let url = prepare(&place, printer).await?;
        let how = place.cluster.as_ref().map_or_else(|| place.how.clone(), |cluster| cluster.how());
        printer.line(format!("{how}; ready in {:.1} s", began.elapsed().as_secs_f64()));
        printer.line(format!("DATABASE_URL={url}"));
        let web = web(&loaded.settings.web, &url, printer).await?;
        let ended = Dev::new(args, sources, url, printer).run().await;
        web.end().await;
        ended
    });
    drop(runtime);
    if let Some(line) = place.release() {
        printer.note(line);
    }
    ended
}

/// The HTTP API, for whoever is on this machine: with the rights of an operator, since it is they who develop here. Where its
/// port is taken, by another `dev` most likely, it is any that is free.
async fn web(settings: &WebSettings, url: &str, printer: &Printer) -> Result<Beside, Failure> {
    let options = Options { here: Role::Operator, ..Options::from(settings) };
    let database =
        backstay::Database::connect(url).await.map_err(|error| connect::of_store(&error))?;
    let asked = settings.listen;
    let begun = match beside(database.clone(), asked, options.clone()).await {
        Err(failure) if asked.port() != 0 => {
            printer.note(failure.message);
            beside(database, SocketAddr::new(asked.ip(), 0), options.clone()).await
        }
        begun => begun,
    };
    let (server, at) = begun?;
    printer.note(serving(at, &options));
    Ok(server)
}

/// The private server with the database of `dev` ready, for a worker that is started without `dev`.
pub(crate) fn private(
    command: &str,
    environment: &Environment,
    printer: &Printer,
) -> Result<(Place, String), Failure> {
    let place = Place::private(command, environment, true)?;
    printer.note(&place.how);
    let url = connect::runtime()?.block_on(prepare(&place, printer))?;
    Ok((place, url))
}

/// `--fresh`: the old data goes out of the way and stays on the disk.
fn set_aside(printer: &Printer) -> Result<(), Failure> {
    let aside = backstay_postgres::set_aside(&Where::Shared).map_err(|error| {
        let help = error.help("backstay dev");
        Failure::new(error.code(), error.to_string()).hint(help.trim_start().to_owned())
    })?;
    match aside {
        Some(path) => printer.note(format!("the old data is now in {}", path.display())),
        None => printer.note("there was no old data"),
    }
    Ok(())
}

/// Makes the database where it is not there, and brings the schema up.
async fn prepare(place: &Place, printer: &Printer) -> Result<String, Failure> {
    let url = match &place.cluster {
        None => place.url.clone(),
        Some(_) => {
            make_missing(&place.url, DATABASE).await?;
            with_database(&place.url, DATABASE)
        }
    };
    let database =
        backstay::Database::connect(&url).await.map_err(|error| connect::of_store(&error))?;
    let report = backstay::migrate::up(&database, &backstay::migrate::Options::default())
        .await
        .map_err(|error| connect::of_migrate(&error))?;
    printer.detail(super::migrate::summary(&report.steps));
    Ok(url)
}

/// What runs beside the database until somebody says stop.
struct Dev<'a> {
    url: String,
    sources: &'a Sources,
    watch: Watch,
    command: &'a [String],
    printer: &'a Printer,
}

/// Why `dev` ends.
enum End {
    /// The user's command ended.
    Command(ExitStatus),
    /// Ctrl-C or TERM.
    Told(Exit),
}

impl<'a> Dev<'a> {
    fn new(args: &'a DevArgs, sources: &'a Sources, url: String, printer: &'a Printer) -> Dev<'a> {
        let file = sources.config.clone().unwrap_or_else(|| PathBuf::from("backstay.toml"));
        Dev {
            url,
            sources,
            watch: Watch::new(file, args.watch.clone()),
            command: &args.command,
            printer,
        }
    }

    async fn run(mut self) -> Result<Exit, Failure> {
        let failed = |error: std::io::Error| {
            Failure::new("BS999", "signals cannot be heard").because(&error)
        };
        let mut term = signal(SignalKind::terminate()).map_err(failed)?;
        let mut int = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut worker = Some(self.worker()?);
        let mut command = self.start_command()?;
        if command.is_none() {
            self.printer.note("stop with Ctrl-C");
        }
        let end = self.follow(&mut worker, &mut command, &mut term, &mut int).await;
        // The command may still enqueue while it ends; the worker goes last.
        let told = end.is_err() || matches!(end, Ok(End::Told(_)));
        if told && let Some(command) = command {
            command.stop(Stop::Term).await;
        }
        if let Some(worker) = worker {
            self.printer.note("draining the worker; Ctrl-C skips the wait");
            worker.drain(&mut int, &mut term).await;
        }
        match end? {
            End::Told(exit) => Ok(exit),
            End::Command(status) => Ok(self.exit_of(status)),
        }
    }

    /// Keeps the worker in step with the files until the command ends or a signal comes.
    async fn follow(
        &mut self,
        worker: &mut Option<Companion>,
        command: &mut Option<Companion>,
        term: &mut Signal,
        int: &mut Signal,
    ) -> Result<End, Failure> {
        let mut again = None;
        loop {
            tokio::select! {
                _ = term.recv() => return Ok(End::Told(Exit::Terminated)),
                _ = int.recv() => return Ok(End::Told(Exit::Interrupted)),
                () = tokio::time::sleep(LOOK) => {}
            }
            if let Some(status) = command.as_mut().and_then(Companion::ended) {
                *command = None;
                return Ok(End::Command(status));
            }
            if let Some(status) = worker.as_mut().and_then(Companion::ended) {
                *worker = None;
                // A worker with a faulty file says so itself; it would say it again every two seconds.
                let is_faulty = status.code() == Some(Exit::Configuration.code().into());
                again = (!is_faulty).then(|| tokio::time::Instant::now() + AGAIN);
                self.printer.note(if is_faulty {
                    "the worker waits for the next change of the file".to_owned()
                } else {
                    format!("the worker ended ({status}) and is started again")
                });
            }
            if let Some(path) = self.watch.changed() {
                self.printer.note(format!("{} changed: the worker starts again", path.display()));
                if let Some(old) = worker.take() {
                    old.drain(int, term).await;
                }
                *worker = Some(self.worker()?);
            } else if again.is_some_and(|at| tokio::time::Instant::now() >= at) {
                again = None;
                *worker = Some(self.worker()?);
            }
        }
    }

    /// `backstay work` of this very program, on the database of `dev`.
    fn worker(&self) -> Result<Companion, Failure> {
        let mut words = vec!["work".to_owned()];
        if let Some(config) = &self.sources.config {
            words.extend(["--config".to_owned(), config.display().to_string()]);
        }
        Companion::worker(&words, &self.url)
    }

    fn start_command(&self) -> Result<Option<Companion>, Failure> {
        let Some((program, words)) = self.command.split_first() else { return Ok(None) };
        Companion::command(program, words, &self.url).map(Some)
    }

    /// The command's own exit code is what a script behind `dev` wants to know.
    fn exit_of(&self, status: ExitStatus) -> Exit {
        if !status.success() {
            self.printer.note(format!("the command ended ({status})"));
        }
        of_command(status)
    }
}

/// As a shell tells it.
fn of_command(status: ExitStatus) -> Exit {
    let code = status.code().or_else(|| Some(128 + status.signal()?));
    code.and_then(|code| u8::try_from(code).ok()).map_or(Exit::NotDone, Exit::OfCommand)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_ends_dev_with_its_own_code() {
        for (raw, code) in [(0, 0), (3 << 8, 3), (75 << 8, 75), (15, 143), (9, 137)] {
            assert_eq!(of_command(ExitStatus::from_raw(raw)).code(), code);
        }
    }
}
