use super::blank::blank;
use super::*;
use proptest::prelude::*;

#[track_caller]
fn check(line: &str, blanked: &str) {
    assert_eq!(blank(line), blanked, "{line}");
}

#[test]
fn what_differs_from_time_to_time_is_blanked() {
    check("used 512 MiB of 512 MiB", "used · MiB of · MiB");
    check("row 4211 of table \"orders\" is gone", "row · of table · is gone");
    check("no such file: /srv/data/2026/11.csv", "no such file: ·");
    check("cannot open C:\\data\\x.csv, giving up", "cannot open ·, giving up");
    check("GET https://example.org/a?b=1 answered 503", "GET · answered ·");
    check("id 018f6f1e-7d2c-7000-8000-000000000001 unknown", "id · unknown");
    check("at 0x7ffd3a, code deadbeef01", "at ·, code ·");
    check("timed out after 1500ms (limit 1s)", "timed out after · (limit ·)");
    check("KeyError: 'month'", "KeyError: ·");
    check("month=2026-11-24 tenant=-7", "month=· tenant=·");
}

#[test]
fn words_stay_that_say_what_happened() {
    check("can't decode as utf8", "can't decode as utf8");
    check("sha256 mismatch in ipv4 header", "sha256 mismatch in ipv4 header");
    check("connect ECONNREFUSED smtp.example.org:25", "connect ECONNREFUSED smtp.example.org:·");
    check("an unclosed \" quote", "an unclosed \" quote");
    check("faded added", "faded added");
}

#[test]
fn only_the_first_line_that_says_something_counts() {
    let of = |message| fingerprint("mail", "failed", None, message, None);
    assert_eq!(of("\n  refused\n  at line 7"), of("refused\nsomething else"));
    assert_eq!(of("refused").title, "failed: refused");
    assert_eq!(of("").title, "failed");
    assert_eq!(of("failed: refused").title, "failed: refused", "once is enough");
}

#[test]
fn each_part_tells_errors_apart() {
    let all = [
        fingerprint("mail", "failed", None, "x", None),
        fingerprint("report", "failed", None, "x", None),
        fingerprint("mail", "rejected", None, "x", None),
        fingerprint("mail", "failed", Some("IoError"), "x", None),
        fingerprint("mail", "failed", None, "y", None),
        fingerprint("mail", "failed", None, "x", Some("main.rs in send")),
        own_fingerprint("mail", "x", "failed", "x"),
        own_fingerprint("report", "x", "failed", "x"),
    ];
    for (at, one) in all.iter().enumerate() {
        assert!(!all[at + 1..].iter().any(|other| other.hash == one.hash), "{one:?}");
    }
}

#[test]
fn a_frame_stays_the_same_when_its_line_moves() {
    let at = |frame| fingerprint("mail", "failed", None, "x", Some(frame)).hash;
    assert_eq!(at("send (/srv/app/mail.js:10:4)"), at("send (/srv/app/mail.js:12:4)"));
}

#[test]
fn an_own_fingerprint_joins_what_the_messages_would_part() {
    let one = own_fingerprint("mail", "provider-down", "failed", "timeout");
    let other = own_fingerprint("mail", "provider-down", "exited", "refused");
    assert_eq!(one.hash, other.hash);
    assert_eq!(other.title, "exited: refused");
}

/// Groups are kept for years: a hash that changes would make every old error new.
#[test]
fn the_hash_is_the_same_in_every_release() {
    let known = fingerprint("report", "failed", Some("IoError"), "cannot read 7", None);
    assert_eq!(known.hash, "71ec73b7");
}

proptest! {
    #[test]
    fn every_text_has_a_short_hash_and_a_title_of_one_line(message in any::<String>(), frame in any::<Option<String>>()) {
        let print = fingerprint("k", "failed", None, &message, frame.as_deref());
        prop_assert_eq!(print.hash.len(), 8);
        prop_assert!(print.hash.bytes().all(|b| b.is_ascii_hexdigit()));
        prop_assert!(print.title.chars().count() <= 200);
        prop_assert!(!print.title.chars().any(char::is_control));
    }

    #[test]
    fn numbers_never_part_an_error(a: u64, b: u64) {
        let of = |n: u64| fingerprint("k", "failed", None, &format!("order {n} of 3 failed"), None).hash;
        prop_assert_eq!(of(a), of(b));
    }
}
