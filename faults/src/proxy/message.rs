//! Where one message of PostgreSQL's protocol ends and the next begins, in a stream that comes in any pieces; pure.

/// The most that one message may have, in bytes. The protocol allows 1 GiB; what passes here is kept whole in memory.
pub const MESSAGE_BYTES: usize = 64 << 20;

/// The most that the first packet of a client may have, in bytes; a server refuses more as well.
pub const FIRST_BYTES: usize = 10_000;

/// One message, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What it is.
    pub kind: Kind,
    /// All of it, as it came.
    pub bytes: Vec<u8>,
}

/// What a message is, as far as its border tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Asks for TLS or GSS; one bare byte answers it.
    Encryption,
    /// Asks to cancel what another session does; nothing follows it.
    Cancel,
    /// Begins a session, under this `application_name`; empty where none is said.
    Startup(String),
    /// Every later message of either side, by the letter that it begins with.
    Letter(u8),
}

/// A stream that is not this protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// A message says that it has so many bytes, which is less than its own header or more than any may have.
    Length(u32),
    /// The first packet asks for something that no client of version 3 asks for.
    Request(u32),
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Broken::Length(bytes) => write!(f, "a message cannot have {bytes} bytes"),
            Broken::Request(code) => write!(f, "a client cannot begin with request {code}"),
        }
    }
}

impl std::error::Error for Broken {}

/// Takes one direction of a connection apart.
#[derive(Debug)]
pub struct Reader {
    /// A client's first packets have no letter.
    has_begun: bool,
    held: Vec<u8>,
    /// What was given out of `held` already.
    given: usize,
}

impl Reader {
    /// Reads what a client sends, from its first byte on.
    #[must_use]
    pub fn of_client() -> Reader {
        Reader { has_begun: false, held: Vec::new(), given: 0 }
    }

    /// Reads what a server sends, which begins with its first message.
    #[must_use]
    pub fn of_server() -> Reader {
        Reader { has_begun: true, ..Reader::of_client() }
    }

    /// Takes the next bytes, in whatever pieces they come.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.held.drain(..self.given);
        self.given = 0;
        self.held.extend_from_slice(bytes);
    }

    /// Gives the next message that is whole.
    ///
    /// # Errors
    ///
    /// The stream is not this protocol; what was held stays in [`Reader::rest`].
    pub fn next_message(&mut self) -> Result<Option<Message>, Broken> {
        let left = self.rest();
        let header = if self.has_begun { 1 } else { 0 };
        let Some(said) = number(left, header) else { return Ok(None) };
        let most = if self.has_begun { MESSAGE_BYTES } else { FIRST_BYTES };
        let length = usize::try_from(said).unwrap_or(usize::MAX);
        if length < 4 || length > most || (!self.has_begun && length < 8) {
            return Err(Broken::Length(said));
        }
        let Some(bytes) = left.get(..header + length) else { return Ok(None) };
        let (kind, bytes) = (kind(self.has_begun, bytes)?, bytes.to_vec());
        self.given += bytes.len();
        self.has_begun |= matches!(kind, Kind::Startup(_));
        Ok(Some(Message { kind, bytes }))
    }

    /// What is held of a message that is not whole yet.
    #[must_use]
    pub fn rest(&self) -> &[u8] {
        &self.held[self.given..]
    }
}

fn kind(has_begun: bool, bytes: &[u8]) -> Result<Kind, Broken> {
    if has_begun {
        return Ok(Kind::Letter(bytes[0]));
    }
    let code = number(bytes, 4).expect("a first packet has eight bytes at least");
    match code {
        80_877_102 => Ok(Kind::Cancel),
        80_877_103 | 80_877_104 => Ok(Kind::Encryption),
        _ if code >> 16 == 3 => Ok(Kind::Startup(application_name(&bytes[8..]))),
        _ => Err(Broken::Request(code)),
    }
}

/// The name among the pairs of a first packet: name, zero, value, zero, until an empty name.
fn application_name(pairs: &[u8]) -> String {
    let mut words = pairs.split(|byte| *byte == 0);
    while let (Some(name), Some(value)) = (words.next(), words.next()) {
        match name {
            b"" => break,
            b"application_name" => return String::from_utf8_lossy(value).into_owned(),
            _ => {}
        }
    }
    String::new()
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes(four.try_into().expect("four bytes")))
}

#[cfg(test)]
mod tests;
