//! What passes between a supervisor and a shim: the order, the descriptors beside it, and what the shim says.

use std::fs::File;
use std::io::{self, IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use serde::{Deserialize, Serialize};

use crate::cgroup::Seat;
use crate::program::Argv;
use crate::shim::confine::Confinement;

/// What a shim is to start; read from a sealed file, so its size is bound by the kernel's own limits.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ShimOrder {
    pub(crate) argv: Argv,
    pub(crate) dir: Option<PathBuf>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) scratch: PathBuf,
    pub(crate) confinement: Confinement,
    pub(crate) seat: Option<Seat>,
    /// It is to be killed then, on CLOCK_BOOTTIME, unless the supervisor has said another time.
    pub(crate) hold_until_ms: Option<u64>,
    /// Descriptor 4 is wanted too.
    pub(crate) warm: bool,
}

/// What a shim says, one line each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ShimWord {
    Started {
        pid: u32,
    },
    Refused {
        message: String,
        cause: Cause,
    },
    /// `left`: something of the tree could not be killed.
    Ended {
        code: Option<i32>,
        signal: Option<i32>,
        /// Of it and of all orphans that were reaped by then.
        cpu_ms: u64,
        left: bool,
        /// What lies in the scratch folder, if that was measured quickly.
        scratch_bytes: Option<u64>,
        /// Its hold had run out: the supervisor was silent for too long, and the tree was killed for it.
        forsaken: bool,
    },
}

/// Whose fault it is that a child was not started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Cause {
    /// The program's, or that of who named it.
    NotExecutable,
    /// The control group cannot be entered.
    NoGroup,
    /// The operating system's.
    System,
}

/// Everything the supervisor hands over.
pub(super) struct Received {
    pub(super) order: ShimOrder,
    pub(super) child_writes: OwnedFd,
    pub(super) child_reads: Option<OwnedFd>,
    pub(super) stdin: Option<OwnedFd>,
}

pub(super) fn receive(control: &UnixStream) -> io::Result<Received> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut parts = [IoSliceMut::new(&mut byte)];
    recvmsg(control, &mut parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let mut descriptors = ancillary.drain().flat_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => descriptors.collect::<Vec<_>>(),
        _ => Vec::new(),
    });
    let missing = || io::Error::other("the supervisor sent too few descriptors");
    let order = descriptors.next().ok_or_else(missing)?;
    let child_writes = descriptors.next().ok_or_else(missing)?;
    let (mut text, order_file) = (String::new(), File::from(order));
    (&order_file).read_to_string(&mut text)?;
    let order: ShimOrder = serde_json::from_str(&text)?;
    // A warm child reads messages, a command reads its args.
    let third = descriptors.next();
    let (child_reads, stdin) = if order.warm { (third, None) } else { (None, third) };
    Ok(Received { order, child_writes, child_reads, stdin })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::limits::Limits;

    fn order(arguments: Vec<String>, env: Vec<(String, String)>, warm: bool) -> ShimOrder {
        let confinement = Confinement::new(&Limits::default(), warm);
        let (argv, scratch) = (Argv::Command(arguments), "/tmp/x".into());
        let hold_until_ms = warm.then_some(7);
        ShimOrder { argv, dir: None, env, scratch, confinement, seat: None, hold_until_ms, warm }
    }

    proptest! {
        #[test]
        fn an_order_arrives_as_it_was_given(
            arguments: Vec<String>, env: Vec<(String, String)>, warm: bool
        ) {
            let text = serde_json::to_string(&order(arguments, env, warm)).unwrap();
            let arrived: ShimOrder = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(serde_json::to_string(&arrived).unwrap(), text);
        }

        #[test]
        fn a_damaged_order_is_refused_or_another_order(at: prop::sample::Index, byte: u8, cut: bool) {
            let mut text =
                serde_json::to_vec(&order(vec!["a".into()], vec![("B".into(), "c".into())], true))
                    .unwrap();
            let at = at.index(text.len());
            if cut {
                text.truncate(at);
                prop_assert!(serde_json::from_slice::<ShimOrder>(&text).is_err());
            } else {
                text[at] = byte;
                let _read = serde_json::from_slice::<ShimOrder>(&text);
            }
        }

        #[test]
        fn no_word_of_a_shim_is_a_trouble(line: Vec<u8>, pid: u64, cut: prop::sample::Index) {
            let _word = serde_json::from_slice::<ShimWord>(&line);
            // A pid that no process can have, and a line that was torn.
            let word = format!("{{\"started\":{{\"pid\":{pid}}}}}");
            let read = serde_json::from_str::<ShimWord>(&word);
            prop_assert_eq!(read.is_ok(), u32::try_from(pid).is_ok());
            prop_assert!(serde_json::from_str::<ShimWord>(&word[..cut.index(word.len())]).is_err());
        }
    }
}
