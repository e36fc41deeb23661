//! Blanks secrets in what jobs print: credentials in addresses, bearer tokens, and the sensitive values of the job's own args.

use std::borrow::Cow;

use serde_json::Value;

/// Stands in place of a secret, as in the views.
const BLANK: &str = "***";
/// Shorter values stand in too many lines that have nothing to do with them.
const VALUE_CHARS: usize = 4;
/// Sensitive values of one job that are looked for.
const VALUES: usize = 100;
/// Shorter words behind `bearer` are words.
const TOKEN_BYTES: usize = 8;
/// Args whose names say that they are secrets; the same list as in `sql/inner/redact.sql`.
const SECRET_NAMES: [&str; 11] = [
    "password",
    "passwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "authorization",
    "cookie",
    "card",
    "iban",
    "ssn",
];

/// What must not be shown of one job.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scrub {
    /// The longest first, since one may hold another.
    values: Vec<String>,
}

impl Scrub {
    /// Takes the sensitive values out of the args: those at the kind's pointers, and those whose names sound like secrets.
    pub(crate) fn of(args: &str, pointers: &[String]) -> Scrub {
        let mut values = Vec::new();
        if let Ok(args) = serde_json::from_str(args) {
            collect(&args, pointers, false, &mut values);
        }
        values.sort_by_key(|value: &String| std::cmp::Reverse(value.len()));
        values.dedup();
        Scrub { values }
    }

    /// Gives the text without its secrets.
    pub(crate) fn clean<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut clean = Cow::Borrowed(text);
        for value in &self.values {
            if clean.contains(value.as_str()) {
                clean = Cow::Owned(clean.replace(value.as_str(), BLANK));
            }
        }
        if clean.contains("://") {
            clean = Cow::Owned(without_credentials(&clean));
        }
        if find_bearer(&clean, 0).is_some() {
            clean = Cow::Owned(without_tokens(&clean));
        }
        clean
    }
}

/// Gathers the values beneath a pointer or a secret's name, as the views hide them.
fn collect(value: &Value, pointers: &[String], hidden: bool, values: &mut Vec<String>) {
    if values.len() >= VALUES {
        return;
    }
    let mut enter = |name: &str, value: &Value, by_name: bool| {
        let below = step_into(pointers, name);
        let is = |mark: &str| below.iter().any(|pointer| pointer == mark);
        let hides = hidden || ((by_name && sounds_secret(name)) || is("")) && !is("!");
        collect(value, &below, hides, values);
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| enter(name, value, true)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, item)| enter(&n.to_string(), item, false));
        }
        Value::String(text) if hidden && text.chars().count() >= VALUE_CHARS => {
            values.push(text.clone());
        }
        Value::Number(number) if hidden && number.to_string().len() >= VALUE_CHARS => {
            values.push(number.to_string());
        }
        _ => {}
    }
}

fn sounds_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_NAMES.iter().any(|secret| name.contains(secret))
}

/// What is left of pointers one level further down, as `sql/inner/step_into.sql` has it: an empty one ends here and hides,
/// a bare `!` shows.
fn step_into(pointers: &[String], name: &str) -> Vec<String> {
    let name = name.replace('~', "~0").replace('/', "~1");
    let step = |pointer: &String| {
        let (mark, path) = match pointer.strip_prefix('!') {
            Some(path) => ("!", path),
            None => ("", pointer.as_str()),
        };
        let path = path.strip_prefix('/')?;
        let (first, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
        (first == "*" || first == name).then(|| format!("{mark}{rest}"))
    };
    pointers.iter().filter_map(step).collect()
}

/// `postgres://ana:s3cret@host/db` loses its password, `https://token@host` its token.
fn without_credentials(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, behind) = rest.split_at(at + 3);
        clean.push_str(before);
        let ends = |c: char| c.is_whitespace() || "/?#\"'<>`".contains(c);
        let authority = &behind[..behind.find(ends).unwrap_or(behind.len())];
        rest = behind;
        let Some(host) = authority.rfind('@') else { continue };
        if let Some((user, _)) = authority[..host].split_once(':') {
            clean.push_str(user);
            clean.push(':');
        }
        clean.push_str(BLANK);
        rest = &behind[host..];
    }
    clean + rest
}

/// Where the next token behind the word `bearer` begins and ends, looked for from `from` on.
fn find_bearer(text: &str, from: usize) -> Option<(usize, usize)> {
    const WORD: &[u8] = b"bearer ";
    let bytes = text.as_bytes();
    let starts = bytes.get(from..)?.windows(WORD.len()).enumerate();
    for (at, _) in starts.filter(|(_, word)| word.eq_ignore_ascii_case(WORD)) {
        let begin = from + at + WORD.len();
        let of_token = |byte: &&u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
        let length = bytes[begin..].iter().take_while(of_token).count();
        if length >= TOKEN_BYTES {
            return Some((begin, begin + length));
        }
    }
    None
}

fn without_tokens(text: &str) -> String {
    let (mut clean, mut from) = (String::with_capacity(text.len()), 0);
    while let Some((begin, end)) = find_bearer(text, from) {
        clean.extend([&text[from..begin], BLANK]);
        from = end;
    }
    clean + &text[from..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_and_tokens_are_blanked_wherever_they_stand() {
        let scrub = Scrub::default();
        for (text, clean) in [
            ("postgres://ana:s3:cr@t@db:5432/shop", "postgres://ana:***@db:5432/shop"),
            ("to https://ghp_123@host and http://b:c@d", "to https://***@host and http://b:***@d"),
            ("see http://host/a@b?c=://", "see http://host/a@b?c=://"),
            ("Authorization: Bearer eyJhbGciOi.J9-x_y=", "Authorization: Bearer ***"),
            ("bearer abcdefgh, BEARER ijklmnop!", "bearer ***, BEARER ***!"),
            ("the bearer of news; \u{20AC} bearer ", "the bearer of news; \u{20AC} bearer "),
            ("plain", "plain"),
        ] {
            assert_eq!(scrub.clean(text), clean);
        }
    }

    #[test]
    fn sensitive_values_of_the_args_are_blanked_by_pointer_and_by_name() {
        let args = r#"{"card": "4000-1234", "note": "a note", "users": [{"mail": "ana@x.org", "n": 7}],
            "db": {"Api_Key": "abcd", "pin": 123456}, "cookie": "abc", "card_kind": "visa"}"#;
        let pointers = ["/users/*/mail", "/db/pin", "!/card_kind"].map(str::to_owned);
        let scrub = Scrub::of(args, &pointers);
        let clean = scrub.clean("4000-1234 a note ana@x.org abcd 123456 abc visa 7");
        assert_eq!(
            clean, "*** a note *** *** *** abc visa 7",
            "three letters are too few to look for"
        );
    }

    #[test]
    fn args_of_any_shape_are_survived() {
        assert!(Scrub::of("no json", &[]).values.is_empty());
        let many: Vec<String> = (0..1_000).map(|n| format!("\"value {n}\"")).collect();
        let args = format!(r#"{{"secrets": [{}]}}"#, many.join(","));
        assert_eq!(Scrub::of(&args, &[]).values.len(), VALUES);
    }
}
