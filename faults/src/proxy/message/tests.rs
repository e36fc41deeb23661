use proptest::prelude::*;

use super::*;

/// A message with its letter.
fn letter(letter: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[letter], &length[..], body].concat()
}

/// A first packet.
fn first(code: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 8).unwrap().to_be_bytes();
    [&length, &code.to_be_bytes()[..], body].concat()
}

const SSL: u32 = 80_877_103;
const VERSION_3: u32 = 3 << 16;

/// Everything that a reader makes of these bytes, given in pieces of this size.
fn all(mut reader: Reader, bytes: &[u8], piece: usize) -> (Vec<Message>, Vec<u8>, Option<Broken>) {
    let mut messages = Vec::new();
    for piece in bytes.chunks(piece.max(1)) {
        reader.feed(piece);
        loop {
            match reader.next_message() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                // What comes behind cannot be read any more.
                Err(broken) => return (messages, Vec::new(), Some(broken)),
            }
        }
    }
    (messages, reader.rest().to_vec(), None)
}

#[test]
fn a_client_begins_with_packets_that_have_no_letter() {
    let begin = first(VERSION_3, b"user\0ana\0application_name\0backstay work 01234567 beat\0\0");
    let bytes = [first(SSL, b""), begin, letter(b'Q', b"select 1\0"), letter(b'X', b"")].concat();
    let (messages, rest, broken) = all(Reader::of_client(), &bytes, 7);
    let kinds: Vec<Kind> = messages.into_iter().map(|message| message.kind).collect();
    let named = Kind::Startup("backstay work 01234567 beat".to_owned());
    assert_eq!(kinds, [Kind::Encryption, named, Kind::Letter(b'Q'), Kind::Letter(b'X')]);
    assert_eq!((rest.len(), broken), (0, None));
}

#[test]
fn a_session_without_a_name_and_a_cancel_are_seen() {
    let (messages, ..) = all(Reader::of_client(), &first(VERSION_3, b"user\0ana\0\0"), 100);
    assert_eq!(messages[0].kind, Kind::Startup(String::new()));
    // A value that is called like the name of a setting is none.
    let odd = first(VERSION_3, b"user\0application_name\0database\0shop\0\0");
    assert_eq!(all(Reader::of_client(), &odd, 100).0[0].kind, Kind::Startup(String::new()));
    let (messages, ..) = all(Reader::of_client(), &first(80_877_102, &[0; 8]), 100);
    assert_eq!(messages[0].kind, Kind::Cancel);
}

#[test]
fn what_is_no_message_is_an_error_and_asks_for_no_memory() {
    let broken = |reader, bytes: &[u8]| all(reader, bytes, 1).2;
    assert_eq!(broken(Reader::of_server(), b"Z\0\0\0\x03"), Some(Broken::Length(3)));
    assert_eq!(broken(Reader::of_server(), b"D\xff\xff\xff\xff"), Some(Broken::Length(u32::MAX)));
    assert_eq!(broken(Reader::of_client(), b"\0\0\0\x04\0\0\0\0"), Some(Broken::Length(4)));
    assert_eq!(broken(Reader::of_client(), b"GET / HTTP/1.1"), Some(Broken::Length(0x4745_5420)));
    assert_eq!(broken(Reader::of_client(), &first(2 << 16, b"")), Some(Broken::Request(2 << 16)));
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let body = proptest::collection::vec(any::<u8>(), 0..40);
    let whole = (any::<u8>(), body).prop_map(|(name, body)| letter(name, &body));
    proptest::collection::vec(whole, 0..12).prop_map(|messages| messages.concat())
}

proptest! {
    #[test]
    fn the_pieces_that_bytes_come_in_change_nothing(bytes in stream(), cut in 0_usize..400, piece in 1_usize..50) {
        let bytes = &bytes[..cut.min(bytes.len())];
        let (messages, rest, broken) = all(Reader::of_server(), bytes, piece);
        prop_assert_eq!(&broken, &None);
        prop_assert_eq!(all(Reader::of_server(), bytes, bytes.len()), (messages.clone(), rest.clone(), broken));
        let whole: Vec<u8> = messages.iter().flat_map(|message| message.bytes.clone()).chain(rest).collect();
        prop_assert_eq!(whole, bytes);
    }

    #[test]
    fn any_bytes_are_messages_or_an_error_however_they_are_cut(
        bytes in proptest::collection::vec(any::<u8>(), 0..200), piece in 1_usize..50, client: bool,
    ) {
        let reader = || if client { Reader::of_client() } else { Reader::of_server() };
        prop_assert_eq!(all(reader(), &bytes, piece), all(reader(), &bytes, bytes.len()));
    }
}
