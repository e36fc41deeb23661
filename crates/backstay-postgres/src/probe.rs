//! Asks a server whether it takes connections, with the first packet of the protocol and no driver.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::options::USER;

/// How long a server may take to answer before it counts as not there.
const ANSWER: Duration = Duration::from_secs(2);

/// Protocol 3.0, as every server from 7.4 on speaks it.
const PROTOCOL: u32 = 3 << 16;

/// What the server answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It takes connections (or has no room for one more, which is the same for us).
    Up,
    /// Somebody answered, but not yet or no longer open: starting up, shutting down, recovering.
    NotYet,
    /// Nobody answers there.
    Nobody,
}

/// Knocks at the server's socket and reads the kind of its first answer.
pub(crate) fn knock(socket: &Path) -> Answer {
    let connected = UnixStream::connect(socket).and_then(|stream| {
        stream.set_read_timeout(Some(ANSWER))?;
        stream.set_write_timeout(Some(ANSWER))?;
        Ok(stream)
    });
    greet(connected)
}

/// Knocks at a port of the loopback. A stranger may listen there: ask only where the process of
/// our server is known to live.
pub(crate) fn knock_port(port: u16) -> Answer {
    let address = (Ipv4Addr::LOCALHOST, port).into();
    let connected = TcpStream::connect_timeout(&address, ANSWER).and_then(|stream| {
        stream.set_read_timeout(Some(ANSWER))?;
        stream.set_write_timeout(Some(ANSWER))?;
        Ok(stream)
    });
    greet(connected)
}

fn greet<S: Read + Write>(connected: io::Result<S>) -> Answer {
    let mut answer = [0_u8; 512];
    let answered = connected.and_then(|mut stream| {
        stream.write_all(&hello())?;
        stream.read(&mut answer)
    });
    match answered {
        Ok(0) | Err(_) => Answer::Nobody,
        Ok(count) => judge(&answer[..count]),
    }
}

/// The startup packet: length, protocol, user and database.
fn hello() -> Vec<u8> {
    let mut body = PROTOCOL.to_be_bytes().to_vec();
    for word in ["user", USER, "database", "postgres", ""] {
        body.extend_from_slice(word.as_bytes());
        body.push(0);
    }
    let length = u32::try_from(body.len() + 4).expect("the packet is some fifty bytes long");
    let mut packet = length.to_be_bytes().to_vec();
    packet.append(&mut body);
    packet
}

/// `R` asks for a password: the server is up. `E` carries an SQLSTATE in its field `C`.
fn judge(answer: &[u8]) -> Answer {
    match answer.first() {
        Some(b'R') => Answer::Up,
        Some(b'E') if sqlstate(answer) == Some("53300") => Answer::Up,
        Some(b'E') => Answer::NotYet,
        _ => Answer::Nobody,
    }
}

fn sqlstate(error: &[u8]) -> Option<&str> {
    let fields = error.get(5..)?.split(|byte| *byte == 0);
    let code = fields.filter_map(|field| field.strip_prefix(b"C")).next()?;
    std::str::from_utf8(code).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_for_the_password_means_up_and_starting_up_means_not_yet() {
        assert_eq!(judge(b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0"), Answer::Up);
        assert_eq!(judge(b"E\0\0\0\x20SFATAL\0C57P03\0Mstarting up\0\0"), Answer::NotYet);
    }

    #[test]
    fn a_full_server_is_up() {
        assert_eq!(judge(b"E\0\0\0\x20SFATAL\0C53300\0Mtoo many clients\0\0"), Answer::Up);
    }

    #[test]
    fn something_that_is_no_postgresql_is_nobody() {
        assert_eq!(judge(b"HTTP/1.1 400 Bad Request\r\n"), Answer::Nobody);
        assert_eq!(judge(b""), Answer::Nobody);
    }

    #[test]
    fn the_packet_says_its_own_length() {
        let packet = hello();
        let length = u32::from_be_bytes(packet[..4].try_into().unwrap());
        assert_eq!(length as usize, packet.len());
        assert_eq!(&packet[4..8], &[0, 3, 0, 0]);
    }
}
