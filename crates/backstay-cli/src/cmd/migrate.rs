//! `backstay migrate`: brings the schema up, says where it stands, shows what is to come.

use backstay::migrate::{self, Step};
use backstay::unit::parse_duration;
use serde_json::json;

use super::connect;
use crate::args::{MigrateCommand, UpArgs};
use crate::failure::{Exit, Failure};
use crate::print::{Printer, Table};
use crate::settings::{self, Environment, Need, Sources};

pub(crate) fn run(
    command: &MigrateCommand,
    sources: &Sources,
    environment: &Environment,
    printer: &Printer,
) -> Result<Exit, Failure> {
    let settings = settings::load(sources, environment, Need::Database)?.checked()?.settings;
    connect::runtime()?.block_on(async {
        let database = connect::database(&settings).await?;
        match command {
            MigrateCommand::Up(args) => up(args, &database, printer).await,
            MigrateCommand::Status => status(&database, printer).await,
            MigrateCommand::Plan => plan(&database, printer).await,
        }
    })
}

async fn up(
    args: &UpArgs,
    database: &backstay::Database,
    printer: &Printer,
) -> Result<Exit, Failure> {
    let lock_timeout = parse_duration(&args.lock_timeout).map_err(|error| {
        Failure::new("BS402", format!("--lock-timeout: {error}")).exit(Exit::Usage)
    })?;
    let options = migrate::Options { lock_timeout, ..migrate::Options::default() };
    let report =
        migrate::up(database, &options).await.map_err(|error| connect::of_migrate(&error))?;
    if printer.is_json() {
        printer.json(&json!({ "version": migrate::SCHEMA, "steps": report.steps.iter().map(step_json).collect::<Vec<_>>() }));
    } else {
        for step in &report.steps {
            printer.detail(format!("{} {}: {}", step.sort, step.name, step.purpose));
        }
        printer.line(summary(&report.steps));
    }
    Ok(Exit::Done)
}

/// What was done, in one line.
pub(crate) fn summary(steps: &[Step]) -> String {
    if steps.is_empty() {
        return format!("schema {} is up to date; nothing to do", migrate::SCHEMA);
    }
    let count = |sort: &str| steps.iter().filter(|step| step.sort == sort).count();
    format!(
        "schema {}: {} migrations, {} functions and views, roles and grants {}",
        migrate::SCHEMA,
        count("migration"),
        count("function"),
        if count("grant") > 0 { "set" } else { "unchanged" }
    )
}

fn step_json(step: &Step) -> serde_json::Value {
    json!({ "sort": step.sort, "name": step.name, "phase": step.phase, "purpose": step.purpose })
}

async fn status(database: &backstay::Database, printer: &Printer) -> Result<Exit, Failure> {
    let status = migrate::status(database).await.map_err(|error| connect::of_store(&error))?;
    let plan = migrate::plan(database).await.map_err(|error| connect::of_store(&error))?;
    let state = match status.version {
        0 => "not installed",
        _ if status.contracted > migrate::SCHEMA => {
            "newer than this program, which it does not serve"
        }
        version if version > migrate::SCHEMA => "newer than this program, which it still serves",
        _ if plan.is_empty() => "up to date",
        _ => "behind",
    };
    if printer.is_json() {
        let applied: Vec<_> = status
            .applied
            .iter()
            .map(|(version, name, at)| json!({ "version": version, "name": name, "at": at }))
            .collect();
        printer.json(&json!({
            "version": status.version, "serves": migrate::SCHEMA, "state": state, "roles": status.with_roles,
            "applied": applied, "missing": plan.len(),
        }));
    } else {
        printer.line(format!(
            "schema {} in {}, this program serves {}: {state}",
            status.version,
            database.place(),
            migrate::SCHEMA
        ));
        let mut table = Table::new(&["VERSION", "NAME", "SINCE"]);
        for (version, name, at) in &status.applied {
            table.row([version.to_string(), name.clone(), at.clone()]);
        }
        if !status.applied.is_empty() {
            printer.table(&table);
        }
        if state == "behind" || state == "not installed" {
            printer.line(format!(
                "{} steps to come: backstay migrate plan; then: backstay migrate up",
                plan.len()
            ));
        }
    }
    Ok(if state == "up to date" { Exit::Done } else { Exit::NotDone })
}

async fn plan(database: &backstay::Database, printer: &Printer) -> Result<Exit, Failure> {
    let plan = migrate::plan(database).await.map_err(|error| connect::of_store(&error))?;
    if printer.is_json() {
        printer.json(&json!({ "items": plan.iter().map(step_json).collect::<Vec<_>>() }));
        return Ok(Exit::Done);
    }
    if plan.is_empty() {
        printer.line(summary(&plan));
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["PHASE", "WHAT", "NAME", "FOR"]);
    for step in &plan {
        table.row([
            step.phase.to_owned(),
            step.sort.to_owned(),
            step.name.clone(),
            step.purpose.clone(),
        ]);
    }
    printer.table(&table);
    for step in &plan {
        printer.detail(step.sql);
    }
    Ok(Exit::Done)
}
