use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener as Listener, TcpStream as Stream};

use super::*;

const WITHIN: Duration = Duration::from_secs(5);
const MOMENT: Duration = Duration::from_millis(80);

fn letter(letter: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[letter], &length[..], body].concat()
}

/// A server that takes the first packet, and then sends back whatever comes.
fn echo() -> SocketAddr {
    let listener = Listener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut length = [0; 4];
                let _ended = stream.read_exact(&mut length);
                let mut rest = vec![0; u32::from_be_bytes(length) as usize - 4];
                let _ended = stream.read_exact(&mut rest);
                let mut answers = stream.try_clone().unwrap();
                let _ended = std::io::copy(&mut stream, &mut answers);
            });
        }
    });
    address
}

fn start() -> Proxy {
    Proxy::start(echo(), 7).unwrap()
}

/// A client that asks for TLS first, as drivers do.
fn client(proxy: &Proxy, name: &str) -> Stream {
    let mut stream = Stream::connect(("127.0.0.1", proxy.port())).unwrap();
    stream.set_read_timeout(Some(WITHIN)).unwrap();
    let packet = |code: u32, body: &[u8]| {
        let length = u32::try_from(body.len() + 8).unwrap().to_be_bytes();
        [&length, &code.to_be_bytes()[..], body].concat()
    };
    stream.write_all(&packet(80_877_103, b"")).unwrap();
    let mut answer = [0];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"N");
    let pairs = format!("user\0ana\0application_name\0{name}\0\0");
    stream.write_all(&packet(3 << 16, pairs.as_bytes())).unwrap();
    stream
}

fn answer(stream: &mut Stream, bytes: usize) -> std::io::Result<Vec<u8>> {
    let mut answer = vec![0; bytes];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

/// Sends it, and takes what comes back.
fn ask(stream: &mut Stream, message: &[u8]) -> std::io::Result<Vec<u8>> {
    stream.write_all(message)?;
    answer(stream, message.len())
}

/// Whether nothing comes for a moment.
fn is_quiet(stream: &mut Stream) -> bool {
    stream.set_read_timeout(Some(MOMENT)).unwrap();
    let read = stream.read(&mut [0]);
    stream.set_read_timeout(Some(WITHIN)).unwrap();
    matches!(read, Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

fn is_broken(stream: &mut Stream) -> bool {
    matches!(stream.read(&mut [0]), Err(error) if error.kind() == ErrorKind::ConnectionReset)
}

#[test]
fn what_is_not_hurt_passes_in_whatever_pieces_it_comes() {
    let proxy = start();
    let mut stream = client(&proxy, "a");
    let messages = [letter(b'Q', b"select 1\0"), letter(b'D', &[7; 100_000])].concat();
    for piece in messages.chunks(999) {
        stream.write_all(piece).unwrap();
    }
    assert_eq!(answer(&mut stream, messages.len()).unwrap(), messages);
    assert_eq!((proxy.open(Which::All), proxy.open(Which::Named("b"))), (1, 0));
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "the end passes as well");
}

#[test]
fn a_letter_that_is_dropped_never_arrives_and_the_others_do() {
    let proxy = start();
    let mut stream = client(&proxy, "a");
    let fault = Fault::Drop { letter: b'A' };
    proxy.set(&[Rule { which: Which::All, way: Way::ToClient, fault }]);
    stream.write_all(&letter(b'A', b"gone")).unwrap();
    assert_eq!(ask(&mut stream, &letter(b'Z', b"I")).unwrap(), letter(b'Z', b"I"));
}

#[test]
fn a_silent_line_holds_back_what_arrives_once_it_is_over() {
    let proxy = start();
    let (mut hit, mut other) = (client(&proxy, "beat"), client(&proxy, "settle"));
    proxy.hurt(Which::Named("beat"), Fault::Silent);
    hit.write_all(&letter(b'Q', b"")).unwrap();
    assert!(is_quiet(&mut hit));
    assert!(ask(&mut other, &letter(b'Q', b"")).is_ok(), "nobody else is hit");
    proxy.heal();
    assert_eq!(answer(&mut hit, 5).unwrap(), letter(b'Q', b""));
}

#[test]
fn whoever_comes_to_a_silent_line_is_taken_and_hears_nothing() {
    let proxy = start();
    proxy.hurt(Which::All, Fault::Silent);
    let mut stream = Stream::connect(("127.0.0.1", proxy.port())).unwrap();
    stream.write_all(&[0, 0, 0, 8, 4, 210, 22, 47]).unwrap();
    assert!(is_quiet(&mut stream));
}

#[test]
fn a_cut_goes_through_the_middle_of_a_message() {
    let proxy = start();
    let mut stream = client(&proxy, "a");
    assert!(ask(&mut stream, &letter(b'Q', b"whole")).is_ok());
    let fault = Fault::Cut { after: 7 };
    proxy.set(&[Rule { which: Which::All, way: Way::ToClient, fault }]);
    let message = letter(b'Q', b"torn");
    stream.write_all(&message).unwrap();
    // A reset may overtake the bytes before it; more than those never arrive.
    assert!(answer(&mut stream, message.len()).is_err());
    assert!(ask(&mut client(&proxy, "a"), &letter(b'Q', b"again")).is_err());
    proxy.heal();
    assert!(ask(&mut client(&proxy, "a"), &letter(b'Q', b"again")).is_ok());
}

#[test]
fn late_and_slow_messages_take_their_time_and_keep_their_order() {
    let proxy = start();
    let mut stream = client(&proxy, "a");
    let late = Fault::Late { by: Duration::from_millis(40), jitter: Duration::from_millis(40) };
    proxy.hurt(Which::All, late);
    let began = Instant::now();
    let messages: Vec<u8> = (0..20).flat_map(|n| letter(b'Q', &[n])).collect();
    assert_eq!(ask(&mut stream, &messages).unwrap(), messages);
    assert!(began.elapsed() >= Duration::from_millis(80), "each way");

    let fault = Fault::Slow { bytes_per_second: 20_000 };
    proxy.set(&[Rule { which: Which::All, way: Way::ToServer, fault }]);
    let began = Instant::now();
    let large = letter(b'D', &[1; 3000]);
    assert_eq!(ask(&mut stream, &large).unwrap(), large);
    assert!(began.elapsed() >= Duration::from_millis(100));
}

#[test]
fn a_reset_breaks_the_connections_that_it_means() {
    let proxy = start();
    let (mut hit, mut other) = (client(&proxy, "beat"), client(&proxy, "settle"));
    assert!(
        ask(&mut hit, &letter(b'Q', b"")).is_ok() && ask(&mut other, &letter(b'Q', b"")).is_ok()
    );
    let began = Instant::now();
    proxy.reset(Which::Named("beat"));
    assert!(is_broken(&mut hit));
    assert!(ask(&mut other, &letter(b'Q', b"")).is_ok());
    assert!(ask(&mut client(&proxy, "beat"), &letter(b'Q', b"")).is_ok());
    let most = |which| proxy.most_made_within(WITHIN, began, which);
    assert_eq!((most(Which::Named("beat")), most(Which::Named("settle"))), (1, 0));
}

#[test]
fn a_flapping_line_breaks_and_comes_back() {
    let proxy = start();
    let mut stream = client(&proxy, "a");
    let (up, down) = (Duration::from_millis(50), Duration::from_millis(50));
    proxy.hurt(Which::Named("a"), Fault::Flapping { up, down });
    assert!(is_broken(&mut stream));
    let end = Instant::now() + WITHIN;
    while ask(&mut client(&proxy, "a"), &letter(b'Q', b"")).is_err() {
        assert!(Instant::now() < end, "it never comes back");
    }
}
