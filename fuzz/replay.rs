//! Feeds a target without a fuzzer: what it was ever fed, and mutations of that. Tests of the crates include this file.
//!
//! `BACKSTAY_FUZZ_SECONDS=60` goes on for so long with mutations that are new each time.

use std::path::Path;
use std::time::{Duration, Instant};

/// As many as take a moment.
const MUTATIONS: u32 = 300;
/// Longer inputs are no better.
const LONGEST: usize = 64 * 1024;
/// What readers trip over.
const WORDS: [&[u8]; 24] = [
    b"\0",
    b"\n",
    b"\r\n",
    b"\"",
    b"\\u0000",
    b"\\ud800",
    b"\xff",
    b"\xe2\x80\xae",
    b"{",
    b"}",
    b"[",
    b"]",
    b"-1",
    b"1e999",
    b"18446744073709551616",
    b"-9223372036854775808",
    b"NaN",
    b"null",
    b"://",
    b"@",
    b"%00",
    b"%",
    b"[::1]",
    b"=",
];

/// Calls the target with everything in `fuzz/corpus/NAME`, and with mutations of it.
pub(crate) fn replay(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let corpus: Vec<Vec<u8>> = files.iter().map(|path| std::fs::read(path).unwrap()).collect();
    assert!(!corpus.is_empty(), "{} is empty", folder.display());
    for data in corpus.iter().map(Vec::as_slice).chain([&b""[..]]) {
        fed(target, data);
    }
    let seconds = std::env::var("BACKSTAY_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let mut chance = Chance(match seconds {
        Some(_) => Instant::now().elapsed().as_nanos() as u64 ^ u64::from(std::process::id()) << 20,
        None => 1,
    });
    let (began, mut calls) = (Instant::now(), 0_u32);
    while match seconds {
        Some(seconds) => began.elapsed() < Duration::from_secs(seconds),
        None => calls < MUTATIONS,
    } {
        fed(target, &mutated(&corpus, &mut chance));
        calls += 1;
    }
    println!("{name}: {} inputs, {calls} mutations", corpus.len());
}

/// Shows the input if the target panics.
struct Shown<'a>(&'a [u8]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("fed with {}", self.0.escape_ascii());
        }
    }
}

fn fed(target: fn(&[u8]), data: &[u8]) {
    let _shown = Shown(data);
    target(data);
}

struct Chance(u64);

impl Chance {
    /// Numbers that look random (splitmix64).
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) % most.max(1) as u64) as usize
    }
}

/// One of the corpus with one to eight changes.
fn mutated(corpus: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let mut data = corpus[chance.below(corpus.len())].clone();
    for _ in 0..=chance.below(8) {
        let at = chance.below(data.len() + 1);
        let end = (at + chance.below(16)).min(data.len());
        match chance.below(7) {
            0 if at < data.len() => data[at] ^= 1 << chance.below(8),
            1 if at < data.len() => data[at] = chance.below(256) as u8,
            2 => drop(data.drain(at..end)),
            3 => {
                let again = data[at..end].repeat(1 + chance.below(200));
                data.splice(at..at, again);
            }
            4 => {
                let other = &corpus[chance.below(corpus.len())];
                let from = chance.below(other.len() + 1);
                data.splice(at.., other[from..].iter().copied());
            }
            _ => drop(data.splice(at..at, WORDS[chance.below(WORDS.len())].iter().copied())),
        }
    }
    data.truncate(LONGEST);
    data
}
