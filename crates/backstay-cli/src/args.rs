//! What can be typed: the whole command line as one tree; help, completions and manual come from it.

mod bench;
mod cron;
mod dead;
mod doctor;
mod enqueue;
pub(crate) mod filter;
mod jobs;
mod machines;
mod value;
mod web;
mod words;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

pub(crate) use bench::{BenchArgs, BenchCommand, BulkheadArgs, Measure};
pub(crate) use cron::{BackfillArgs, CronCommand, CronResumeArgs, NextArgs, TicksArgs};
pub(crate) use dead::{
    AcknowledgeArgs, DeadCommand, DeadListArgs, DeadShowArgs, ExportArgs, LettersArgs, MuteArgs,
    OwnArgs, ReplayArgs, ReplaysCommand, ReviveArgs,
};
pub(crate) use doctor::{DoctorArgs, Runaway};
pub(crate) use enqueue::EnqueueArgs;
pub(crate) use filter::Page;
pub(crate) use jobs::{
    CancelArgs, Changes, EditArgs, JobsCommand, JobsListArgs, JobsShowArgs, TailArgs, VerbArgs,
    WhyArgs,
};
pub(crate) use machines::{
    AlertsAcknowledgeArgs, AlertsCommand, AlertsTestArgs, DrainArgs, KindsCommand, PauseArgs,
    QueuesCommand, ResumeArgs, SeriesArgs, TopArgs, WorkersCommand, WorkersListArgs,
};
pub(crate) use value::bad_value;
pub(crate) use web::{ServeArgs, TokensCommand, TokensCreateArgs, TokensRevokeArgs};

use crate::print::{Color, Wishes};
use crate::settings::{FlagValue, Sources};

/// Background jobs on PostgreSQL that cannot bring down your application
#[derive(Debug, Parser)]
#[command(
    name = "backstay",
    version,
    infer_subcommands = true,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "\
Examples:
  backstay check                 look for faults in backstay.toml
  backstay explain BS402         what a code means and what to do about it"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags that every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Globals {
    /// Read this file instead of ./backstay.toml (also BACKSTAY_CONFIG)
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address of the database (also BACKSTAY_DATABASE_URL, DATABASE_URL)
    #[arg(long, global = true, value_name = "URL")]
    database_url: Option<String>,
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    json: bool,
    /// Colour results and errors
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: Color,
    /// Say only what was asked for and what went wrong
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Say more; twice: still more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Do not ask before acting
    #[arg(long, global = true)]
    pub(crate) yes: bool,
    /// Why this is done; kept in the audit of every verb that acts
    #[arg(long, global = true, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

impl Globals {
    /// Gives what was typed about printing.
    pub(crate) fn wishes(&self) -> Wishes {
        Wishes { json: self.json, color: self.color, quiet: self.quiet, verbose: self.verbose }
    }

    /// Gives what was typed about settings; a command adds its own flags.
    pub(crate) fn sources(&self) -> Sources {
        let url = self.database_url.iter().map(|url| FlagValue {
            path: vec!["database".into(), "url".into()],
            text: url.clone(),
            flag: "--database-url",
        });
        Sources { config: self.config.clone(), flags: url.collect() }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Claim and run jobs, until told to stop
    ///
    /// Signals: TERM and INT drain (again: no waiting), QUIT gives everything back at once, USR1 stops
    /// claiming and stays, USR2 writes the running jobs to the log, HUP reads the settings again: slots up to those of
    /// the start, ageing, reserve, contracts and the level of the log change at once, the log says what waits.
    #[command(after_help = "\
Examples:
  backstay work                              every queue of backstay.toml
  backstay work --queues reports,default --slots reports=1")]
    Work(WorkArgs),
    /// Serve the dashboard and the HTTP API, which claim nothing
    ///
    /// This machine may look without a token; whatever changes something needs one, and so does everybody else.
    #[command(after_help = "\
Examples:
  backstay serve                             http://127.0.0.1:7432/
  backstay serve --listen 127.0.0.1:8080")]
    Serve(ServeArgs),
    /// See the whole life of a job on a real PostgreSQL, every claim checked, in about a minute
    #[command(after_help = "\
Examples:
  backstay demo                              a shop, its API, its worker; ends by itself
  backstay demo --keep                       stays up, with its addresses, until Ctrl-C")]
    Demo(DemoArgs),
    /// Develop with a private PostgreSQL, the schema, and a worker that follows your files
    #[command(after_help = "\
Examples:
  backstay dev                               stays up until Ctrl-C
  backstay dev --watch jobs -- node api.js   the same beside your API, which gets DATABASE_URL")]
    Dev(DevArgs),
    /// Install Backstay in a database: schema, functions, roles
    #[command(after_help = "\
Examples:
  backstay init --print                      every statement, and nothing is run
  backstay init --api-login app              the application's login may then enqueue")]
    Init(InitArgs),
    /// Bring the schema up, or say where it stands
    #[command(
        infer_subcommands = true,
        subcommand,
        after_help = "\
Examples:
  backstay migrate status
  backstay migrate plan && backstay migrate up"
    )]
    Migrate(MigrateCommand),
    // What asks the database, or acts in it.
    /// Look for all that could be wrong, each with its remedy
    #[command(after_help = "\
Examples:
  backstay doctor --limits       also lets seven small runaways loose here, to see them held
  backstay doctor --invariants   looks instead whether what must always hold does")]
    Doctor(DoctorArgs),
    /// A runaway of the doctor
    #[command(name = "__limits", hide = true, subcommand)]
    Runaway(Runaway),
    #[command(flatten)]
    Desk(Box<DeskCommand>),
    /// Look at alerts and what became of their messages, take them in hand
    #[command(
        infer_subcommands = true,
        subcommand,
        after_help = "\
Examples:
  backstay alerts list
  backstay alerts list --json"
    )]
    Alerts(AlertsCommand),
    /// Look for faults in the configuration, and show all of them
    #[command(after_help = "\
Examples:
  backstay check                       the file here, with the environment laid over it
  backstay check --strict --config deploy/backstay.toml")]
    Check(CheckArgs),
    /// Show the settings in force
    #[command(
        infer_subcommands = true,
        subcommand,
        after_help = "\
Examples:
  backstay config show                 what differs from what is built in
  backstay config show --all --origin  every setting, and where its value comes from"
    )]
    Config(ConfigCommand),
    /// Say what an error code means and what to do
    #[command(after_help = "\
Examples:
  backstay explain BS402
  backstay explain                     every code in one line each")]
    Explain(ExplainArgs),
    /// Print completions for a shell
    #[command(after_help = "\
Examples:
  backstay completions bash > /etc/bash_completion.d/backstay
  backstay completions zsh > ~/.zfunc/_backstay")]
    Completions(CompletionsArgs),
    /// Write manual pages into a folder
    #[command(after_help = "\
Examples:
  backstay man /usr/local/share/man/man1
  backstay man ./man && man ./man/backstay.1")]
    Man(ManArgs),
    /// Measure how fast Backstay is on this database
    #[command(after_help = "\
Examples:
  backstay bench                             on the private PostgreSQL of this machine
  backstay bench --jobs 20000 --only commit,single --database-url postgres://db/shop

It works in a queue of its own and removes what it made, also after Ctrl-C.
It is load: other work in the database is slower meanwhile.")]
    Bench(BenchArgs),
    /// A process of the demo or of a bench
    #[command(name = "__demo", hide = true, subcommand)]
    DemoPart(DemoPart),
    /// Print the description of the HTTP API, OpenAPI 3.1
    #[command(after_help = "\
Examples:
  backstay openapi > openapi.json
  backstay openapi --quiet > /srv/docs/backstay.json")]
    Openapi,
    /// Print the version
    #[command(after_help = "\
Examples:
  backstay version
  backstay version --json")]
    Version,
}

/// What asks the database, or acts in it: needs one, and knows who asks and why.
#[derive(Debug, Subcommand)]
pub(crate) enum DeskCommand {
    /// Make a job, or many
    #[command(after_help = "\
Examples:
  backstay enqueue report '{\"month\":\"2026-11\"}' --priority high --run-in 5m
  backstay enqueue --file jobs.ndjson --dry-run")]
    Enqueue(EnqueueArgs),
    /// Look at jobs, cancel, promote, edit or bury them
    #[command(
        infer_subcommands = true,
        subcommand,
        after_help = "\
Examples:
  backstay jobs list --state running
  backstay jobs show 4187 --attempts"
    )]
    Jobs(JobsCommand),
    /// Say why a job does not run, and about when it will
    #[command(after_help = "\
Examples:
  backstay why 4211                          the reason, and what to do about it
  backstay why 4211 --json                   for programs: reason, text, since, remedy, start_at")]
    Why(WhyArgs),
    /// Show what a job prints, also while it prints it
    #[command(after_help = "\
Examples:
  backstay tail 4187 -f                      until it has ended, through all its attempts
  backstay tail 4187 --attempt 1 --stream err")]
    Tail(TailArgs),
    /// End jobs for good, waiting or running
    #[command(after_help = "\
Examples:
  backstay cancel 4187 --reason \"wrong month\"
  backstay cancel --kind digest --group tenant-7 --expect 12")]
    Cancel(CancelArgs),
    /// Look at dead letters, revive, discard, acknowledge, own or mute them
    #[command(
        infer_subcommands = true,
        subcommand,
        after_help = "\
Examples:
  backstay dead list
  backstay dead revive --fingerprint a3f19c02 --first 10 --reason \"fixed in 1.4\""
    )]
    Dead(DeadCommand),
    /// Look at replays, stop or resume them
    #[command(
        infer_subcommands = true,
        subcommand,
        after_help = "\
Examples:
  backstay replays list
  backstay replays stop 12"
    )]
    Replays(ReplaysCommand),
    /// Look at queues, pause or resume them
    #[command(
        infer_subcommands = true,
        subcommand,
        after_help = "\
Examples:
  backstay queues list
  backstay queues pause reports --for 30m"
    )]
    Queues(QueuesCommand),
    /// Look at kinds, pause or resume them
    #[command(
        infer_subcommands = true,
        subcommand,
        after_help = "\
Examples:
  backstay kinds list
  backstay kinds pause report --for 30m"
    )]
    Kinds(KindsCommand),
    /// Show what was counted over time: jobs, failures, waits, run times, memory, what stood where
    #[command(after_help = "\
Examples:
  backstay series throughput --range 7d
  backstay series runs --kind report --json")]
    Series(SeriesArgs),
    /// Look at schedules and their ticks, run, pause, resume or fill them in
    #[command(
        infer_subcommands = true,
        subcommand,
        after_help = "\
Examples:
  backstay cron next nightly -n 5
  backstay cron pause nightly --for 2d"
    )]
    Cron(CronCommand),
    /// Look at workers, or drain one
    #[command(
        infer_subcommands = true,
        subcommand,
        after_help = "\
Examples:
  backstay workers list
  backstay workers drain 018f6f1e"
    )]
    Workers(WorkersCommand),
    /// Make tokens for the HTTP API, look at them, revoke them
    #[command(
        infer_subcommands = true,
        subcommand,
        after_help = "\
Examples:
  backstay tokens create --name deploy --scope operate
  backstay tokens revoke 4f1c09ab"
    )]
    Tokens(TokensCommand),
    /// Follow running jobs: memory and processor against their limits, age; cancel them, pause queues
    #[command(after_help = "\
Examples:
  backstay top                               on a terminal; q leaves
  backstay top --once --sort cpu             one table, also where there is no terminal")]
    Top(TopArgs),
}

#[derive(Debug, Args)]
pub(crate) struct WorkArgs {
    /// Serve only these queues
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(crate) queues: Vec<String>,
    /// Jobs at once, for a queue; may be repeated
    #[arg(long, value_name = "QUEUE=N", value_parser = slots)]
    pub(crate) slots: Vec<(String, u16)>,
    /// End when nothing is left to do; 1 if a job died
    #[arg(long)]
    pub(crate) once: bool,
    /// Use the private PostgreSQL of this machine where no database is named
    #[arg(long)]
    pub(crate) dev: bool,
    /// Serve the dashboard and the HTTP API, too, at web.listen
    #[arg(long)]
    pub(crate) web: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Stay up when the story is told, with the addresses of API and database, until Ctrl-C
    #[arg(long)]
    pub(crate) keep: bool,
    /// Never fetch a PostgreSQL, also where none is installed
    #[arg(long)]
    pub(crate) no_fetch: bool,
}

/// The processes that `backstay demo` starts of its own program.
#[derive(Debug, Subcommand)]
pub(crate) enum DemoPart {
    /// The shop's API
    Api,
    /// The shop's worker
    Worker,
    /// The API of `bench bulkhead`
    BulkheadApi,
    /// The worker of `bench bulkhead`
    BulkheadWorker,
}

#[derive(Debug, Args)]
pub(crate) struct DevArgs {
    /// Also start the worker again when a file below this folder changes; may be repeated
    #[arg(long, value_name = "DIR")]
    pub(crate) watch: Vec<PathBuf>,
    /// Put the old data of the private PostgreSQL aside and begin anew
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Never fetch a PostgreSQL, also where none is installed
    #[arg(long)]
    pub(crate) no_fetch: bool,
    /// A command to run beside it, with DATABASE_URL set; when it ends, all ends
    #[arg(last = true, value_name = "CMD")]
    pub(crate) command: Vec<String>,
}

fn slots(text: &str) -> Result<(String, u16), String> {
    let (queue, n) = text.split_once('=').ok_or("write QUEUE=N, such as reports=1")?;
    let n = n.parse().map_err(|_| format!("`{n}` is no number of slots: 1 to 1024"))?;
    Ok((queue.to_owned(), n))
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Print every statement and run nothing
    #[arg(long)]
    pub(crate) print: bool,
    /// A login of the application: it may enqueue, and see and cancel its own jobs
    #[arg(long, value_name = "LOGIN")]
    pub(crate) api_login: Option<String>,
    /// A login for `backstay work`
    #[arg(long, value_name = "LOGIN")]
    pub(crate) worker_login: Option<String>,
    /// A login that handlers use for the application's own tables: it gets ceilings, so that a job cannot harm the database
    #[arg(long, value_name = "LOGIN")]
    pub(crate) handler_role: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MigrateCommand {
    /// Run what is missing
    #[command(after_help = "\
Examples:
  backstay migrate up
  backstay migrate up --lock-timeout 500ms   give way sooner where the application is busy")]
    Up(UpArgs),
    /// Say where the schema stands
    #[command(after_help = "\
Examples:
  backstay migrate status
  backstay migrate status --json")]
    Status,
    /// Show the statements to come
    #[command(after_help = "\
Examples:
  backstay migrate plan                      one line a step
  backstay migrate plan -v                   every statement")]
    Plan,
}

#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// How long one try waits for a lock that an application holds
    #[arg(long, value_name = "DURATION", default_value = "2s")]
    pub(crate) lock_timeout: String,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Count what is only odd as a fault too: queues and kinds that this file does not declare
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print settings as TOML, one key per line
    #[command(after_help = "\
Examples:
  backstay config show                 what differs from what is built in
  backstay config show --all --origin  every setting, and where its value comes from")]
    Show(ShowArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Also what is built in, with help for each key
    #[arg(long)]
    pub(crate) all: bool,
    /// Name where each value comes from
    #[arg(long)]
    pub(crate) origin: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// A code such as BS402; none: the list of all
    #[arg(value_name = "CODE")]
    pub(crate) code: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell to write for
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The folder to write into; it is made if it is not there
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
}

/// Reads a command line. A word that other queues use is answered with ours.
pub(crate) fn parse(
    arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(arguments).map_err(|error| match foreign_word(&error) {
        Some(answer) => Cli::command().error(ErrorKind::InvalidSubcommand, answer),
        None => error,
    })
}

fn foreign_word(error: &clap::Error) -> Option<String> {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return None;
    }
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return None;
    };
    words::ours(word).map(|ours| format!("there is no `{word}` here; {ours}"))
}

#[cfg(test)]
mod tests;
