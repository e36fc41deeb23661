//! Starts the child of a shim: its program, its environment, its descriptors, its confinement.

use std::env;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::io::dup2;
use rustix::process::{Pid, getpid};

use crate::cgroup::Seat;
use crate::program::{Argv, find_program};
use crate::shim::CHILD;
use crate::shim::order::{Cause, Received, ShimOrder};

/// Why a child could not be started.
pub(super) struct Refusal {
    pub(super) message: String,
    pub(super) cause: Cause,
}

fn refuse(message: String, cause: Cause) -> Refusal {
    Refusal { message, cause }
}

pub(super) fn start(
    received: Received,
    [mut three, mut four]: [OwnedFd; 2],
) -> Result<Pid, Refusal> {
    let Received { order, child_writes, child_reads, stdin } = received;
    let failed = |what: &str, error: io::Error| refuse(format!("{what}: {error}"), Cause::System);
    dup2(&child_writes, &mut three).map_err(|error| failed("descriptor 3", error.into()))?;
    if let Some(child_reads) = &child_reads {
        dup2(child_reads, &mut four).map_err(|error| failed("descriptor 4", error.into()))?;
    }
    if let Some(dir) = order.dir.as_deref().filter(|dir| !dir.is_dir()) {
        return Err(refuse(
            format!("folder `{}` does not exist", dir.display()),
            Cause::NotExecutable,
        ));
    }
    let mut command = command(&order)?;
    command.stdin(stdin.map_or_else(Stdio::null, Stdio::from)).process_group(0);
    let seat = order.seat.as_ref();
    let no_group = |error: io::Error| refuse(format!("its control group: {error}"), Cause::NoGroup);
    seat.map_or(Ok(()), Seat::take).map_err(no_group)?;
    let worn = order.confinement.put_on();
    let spawned = command.spawn();
    worn.take_off();
    seat.map_or(Ok(()), Seat::leave).map_err(no_group)?;
    let child = spawned.map_err(|error| {
        refuse(format!("`{}` cannot be executed: {error}", name(&order.argv)), Cause::NotExecutable)
    })?;
    let child = Pid::from_raw(child.id() as i32)
        .ok_or_else(|| refuse("no pid".to_owned(), Cause::System))?;
    order.confinement.put_on_child(child);
    Ok(child)
}

fn command(order: &ShimOrder) -> Result<Command, Refusal> {
    let mut command = match &order.argv {
        Argv::ThisBinary(arguments) => {
            let mut command = Command::new("/proc/self/exe");
            if let Some(name) = env::args_os().next() {
                command.arg0(name);
            }
            command.args(arguments);
            command
        }
        Argv::Command(argv) => {
            let Some((name, arguments)) = argv.split_first() else {
                return Err(refuse("no program was named".to_owned(), Cause::NotExecutable));
            };
            let program = find_program(name, &order.env, order.dir.as_deref());
            let program = program.ok_or_else(|| {
                refuse(format!("`{name}` is not found in `PATH`"), Cause::NotExecutable)
            })?;
            let mut command = Command::new(program);
            command.arg0(name).args(arguments);
            command
        }
    };
    command.env_clear().envs(order.env.iter().map(|(name, value)| (name, value)));
    command.env("TMPDIR", &order.scratch).env("BACKSTAY_SCRATCH", &order.scratch);
    if matches!(order.argv, Argv::ThisBinary(_)) {
        command.env(CHILD, getpid().as_raw_nonzero().to_string());
    }
    if let Some(dir) = &order.dir {
        command.current_dir(dir);
    }
    Ok(command)
}

fn name(argv: &Argv) -> &str {
    match argv {
        Argv::ThisBinary(_) => "this binary",
        Argv::Command(argv) => argv.first().map_or("", String::as_str),
    }
}
