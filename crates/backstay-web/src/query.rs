//! The part of an address behind the question mark: known fields in their forms, everything else refused by name.

use std::time::{Duration, SystemTime};

use axum::http::StatusCode;
use backstay::inspect::{AuditFilter, JobFilter};
use backstay::model::instant::Instant;
use backstay::model::nearest::nearest;
use backstay::unit::parse_duration;
use serde_json::{Map, Value};

use crate::problem::Problem;

/// Most values of one field that may be given several times: as many as the longest page has rows.
const VALUES: usize = 200;
/// Longest value: the longest key that a job can have.
const VALUE_BYTES: usize = 1024;
/// Longest wait of a request: proxies cut off those that take a minute.
const SPAN: Duration = Duration::from_secs(30);

/// A field of an address or of a body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) form: Form,
    pub(crate) help: &'static str,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    /// A text; the field may be given several times.
    Texts,
    /// One of these words.
    Word(&'static [&'static str]),
    /// One of these words; the field may be given several times.
    Words(&'static [&'static str]),
    /// An id of a job; the field may be given several times.
    Ids,
    /// A whole number from the first to the second.
    Whole(i64, i64),
    /// An instant, or a duration back from now.
    When,
    /// A duration of at most [`SPAN`].
    Span,
    /// `true` or `false`.
    Flag,
    /// An object; in a body only.
    Object,
    /// Any JSON; in a body only.
    Json,
    /// A list of objects; in a body only.
    Objects,
}

impl Form {
    /// Whether a field of it may be given several times.
    pub(crate) fn is_list(self) -> bool {
        matches!(self, Form::Texts | Form::Words(_) | Form::Ids)
    }
}

pub(crate) const fn field(name: &'static str, form: Form, help: &'static str) -> Field {
    Field { name, form, help }
}

/// Fields with their values, as far as they are known.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(&'static str, String)>);

impl Query {
    /// Reads what stands behind the question mark.
    pub(crate) fn read(raw: &str, fields: &'static [Field]) -> Result<Query, Problem> {
        let mut found: Vec<(&'static str, String)> = Vec::new();
        for part in raw.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let (name, value) = (decoded(name)?, decoded(value)?);
            let field = known(&name, fields)?;
            let before = found.iter().filter(|(known, _)| *known == field.name).count();
            let most = if field.form.is_list() { VALUES } else { 1 };
            if before >= most {
                let said = format!("`{name}` is given more often than {most} times");
                return Err(Problem::new("BS102", said).at(format!("?{name}")));
            }
            check(field, &value)?;
            found.push((field.name, value));
        }
        Ok(Query(found))
    }

    /// Reads the same fields from an object; a list gives a field several times.
    pub(crate) fn from_json(
        object: &Map<String, Value>,
        fields: &'static [Field],
    ) -> Result<Query, Problem> {
        let mut found = Vec::new();
        for (name, value) in object.iter().filter(|(_, value)| !value.is_null()) {
            let at = |problem: Problem| problem.at(format!("/filter/{name}"));
            let field = known(name, fields).map_err(at)?;
            let values = match value {
                Value::Array(values) => values.as_slice(),
                one => std::slice::from_ref(one),
            };
            let most = if field.form.is_list() { VALUES } else { 1 };
            if values.len() > most {
                return Err(at(Problem::new(
                    "BS102",
                    format!("`{name}` has more than {most} values"),
                )));
            }
            for value in values {
                let text = match value {
                    Value::String(text) => text.clone(),
                    Value::Bool(_) | Value::Number(_) => value.to_string(),
                    _ => return Err(at(Problem::new("BS102", format!("`{name}` is a text")))),
                };
                check(field, &text).map_err(at)?;
                found.push((field.name, text));
            }
        }
        Ok(Query(found))
    }

    /// What stands in a field, for the form that it came from.
    pub(crate) fn value(&self, name: &str) -> String {
        self.text(name).unwrap_or_default()
    }

    /// All fields with their values.
    pub(crate) fn pairs(&self) -> &[(&'static str, String)] {
        &self.0
    }

    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(known, _)| *known == name).map(|(_, value)| value.clone()).collect()
    }

    /// A duration that was looked at before.
    pub(crate) fn span(&self, name: &str) -> Option<Duration> {
        self.text(name).and_then(|text| parse_duration(&text).ok())
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.text(name).is_some_and(|value| value == "true")
    }

    /// Reads each value of a field by its own rules.
    pub(crate) fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
        &self,
        name: &str,
    ) -> Result<Vec<T>, Problem> {
        let read = |value: String| {
            let refused = |error: T::Err| Problem::new("BS102", error.to_string());
            value.parse().map_err(refused).map_err(|problem| problem.at(format!("?{name}")))
        };
        self.texts(name).into_iter().map(read).collect()
    }

    fn when(&self, name: &str) -> Result<Option<Instant>, Problem> {
        self.text(name).map(|text| when(name, &text)).transpose()
    }

    /// The filter that lists and verbs share.
    pub(crate) fn filter(&self) -> Result<JobFilter, Problem> {
        Ok(JobFilter {
            ids: self.parsed("id")?,
            states: self.parsed("state")?,
            kinds: self.texts("kind"),
            queues: self.texts("queue"),
            group: self.text("group"),
            tags: self.texts("tag"),
            unique: self.text("unique"),
            limit_key: self.text("limit_key"),
            worker: self.parsed("worker")?.pop(),
            outcomes: self.parsed("outcome")?,
            with_args: self.parsed("with_args")?.pop(),
            fingerprint: self.text("fingerprint"),
            owner: self.text("owner"),
            since: self.when("since")?,
            before: self.when("before")?,
        })
    }

    /// Which entries of the audit are meant.
    pub(crate) fn audit_filter(&self) -> Result<AuditFilter, Problem> {
        Ok(AuditFilter {
            verb: self.text("verb"),
            target: self.text("target"),
            actor: self.text("actor"),
            since: self.when("since")?,
            before: self.when("before")?,
        })
    }

    /// Everything but the place in the list, in the order of the fields, so that it tells one list from another.
    pub(crate) fn list(&self) -> String {
        let mut rest: Vec<_> =
            self.0.iter().filter(|(name, _)| !["limit", "cursor"].contains(name)).collect();
        rest.sort();
        format!("{rest:?}")
    }
}

fn known<'a>(name: &str, fields: &'a [Field]) -> Result<&'a Field, Problem> {
    if let Some(field) = fields.iter().find(|field| field.name == name) {
        return Ok(field);
    }
    let name: String = name.chars().take(64).collect();
    let problem = Problem::new("BS101", format!("there is no field `{name}` here"));
    let near = nearest(&name, fields.iter().map(|field| field.name));
    let hint = near.map(|near| format!("did you mean `{near}`?"));
    let all = || match fields {
        [] => "this path takes none".to_owned(),
        _ => fields.iter().map(|field| field.name).collect::<Vec<_>>().join(", "),
    };
    Err(problem.hint(hint.unwrap_or_else(all)).at(format!("?{name}")))
}

/// Refuses what its form does not allow, so that nothing odd comes any further.
fn check(field: &Field, value: &str) -> Result<(), Problem> {
    let name = field.name;
    let bad = |said: String| Err(Problem::new("BS102", said).at(format!("?{name}")));
    if value.len() > VALUE_BYTES {
        return bad(format!("`{name}` has {} bytes, at most {VALUE_BYTES}", value.len()));
    }
    if value.is_empty() {
        return bad(format!("`{name}` is empty"));
    }
    if value.chars().any(char::is_control) {
        return bad(format!("`{name}` has a control character"));
    }
    match field.form {
        Form::Text | Form::Texts | Form::Object | Form::Objects | Form::Json => Ok(()),
        Form::When => when(name, value).map(drop),
        Form::Flag if value == "true" || value == "false" => Ok(()),
        Form::Flag => bad(format!("`{name}` is `true` or `false`")),
        Form::Word(words) | Form::Words(words) if words.contains(&value) => Ok(()),
        Form::Word(words) | Form::Words(words) => {
            let near = nearest(value, words.iter().copied());
            let hint = near.map(|near| format!("did you mean `{near}`?"));
            let value: String = value.chars().take(64).collect();
            let problem = Problem::new("BS102", format!("`{value}` is no value of `{name}`"));
            let hint = hint.unwrap_or_else(|| words.join(", "));
            Err(problem.hint(hint).at(format!("?{name}")))
        }
        Form::Ids => match value.parse::<i64>() {
            Ok(1..) if value.bytes().all(|b| b.is_ascii_digit()) => Ok(()),
            _ => bad(format!("`{name}` is a whole number from 1")),
        },
        Form::Span => match parse_duration(value) {
            Ok(span) if span <= SPAN => Ok(()),
            Ok(_) => bad(format!("`{name}` is at most {SPAN:?}")),
            Err(error) => bad(error.to_string()),
        },
        Form::Whole(least, most) => match value.parse::<i64>() {
            Ok(number) if (least..=most).contains(&number) => Ok(()),
            _ => bad(format!("`{name}` is a whole number from {least} to {most}")),
        },
    }
}

/// An instant, or a duration back from now.
pub(crate) fn when(name: &str, text: &str) -> Result<Instant, Problem> {
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    let back = parse_duration(text).ok().and_then(|back| SystemTime::now().checked_sub(back));
    back.and_then(|at| Instant::try_from(at).ok()).ok_or_else(|| {
        let text: String = text.chars().take(64).collect();
        Problem::new("BS102", format!("`{text}` is neither an instant nor a duration"))
            .hint("write it like 2026-11-23T09:00:00Z, or like 90m for the last 90 minutes")
            .at(format!("?{name}"))
    })
}

/// A text as it may stand in a part of an address.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            all.push(char::from(byte));
        } else {
            all.push_str(&format!("%{byte:02X}"));
        }
        all
    })
}

/// Undoes percent signs; what is no UTF-8 then is refused rather than mended.
pub(crate) fn decoded(text: &str) -> Result<String, Problem> {
    let bad = || {
        Problem::new("BS804", "the address has an escape that is none, or is no UTF-8")
            .status(StatusCode::BAD_REQUEST)
    };
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let (pair, after) = rest.split_at_checked(2).ok_or_else(bad)?;
                let pair = std::str::from_utf8(pair).map_err(|_| bad())?;
                if !pair.bytes().all(|b| b.is_ascii_hexdigit()) {
                    return Err(bad());
                }
                bytes.push(u8::from_str_radix(pair, 16).map_err(|_| bad())?);
                rest = after;
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &[Field] = &[
        field("kind", Form::Texts, ""),
        field("state", Form::Words(&["ready", "dead"]), ""),
        field("limit", Form::Whole(1, 200), ""),
        field("since", Form::When, ""),
        field("flat", Form::Flag, ""),
    ];

    #[test]
    fn what_is_encoded_is_decoded_to_the_same() {
        assert_eq!(encoded("a b/ü?"), "a%20b%2F%C3%BC%3F");
        assert_eq!(decoded(&encoded("a b/ü?+%")).unwrap(), "a b/ü?+%");
    }

    #[test]
    fn a_wait_is_a_duration_with_an_end() {
        const WAIT: &[Field] = &[field("wait", Form::Span, "")];
        let span = |raw: &str| Query::read(raw, WAIT).ok().and_then(|query| query.span("wait"));
        assert_eq!(span("wait=1500ms"), Some(Duration::from_millis(1500)));
        assert_eq!(span("wait=30s"), Some(SPAN));
        for wrong in ["wait=31s", "wait=10", "wait=-1s", "wait=soon", "wait=99999999999999w"] {
            assert_eq!(span(wrong), None, "{wrong}");
        }
    }

    fn code(raw: &str) -> String {
        match Query::read(raw, FIELDS) {
            Ok(_) => "ok".into(),
            Err(problem) => {
                let text = format!("{problem:?}");
                text.split("code: \"").nth(1).and_then(|rest| rest.get(..5)).unwrap().to_owned()
            }
        }
    }

    #[test]
    fn what_is_known_is_read_and_what_is_not_is_refused_with_its_code() {
        let query = Query::read("kind=a%20b&kind=c+d&limit=7&flat=true", FIELDS).unwrap();
        assert_eq!(query.texts("kind"), ["a b", "c d"]);
        assert_eq!((query.text("limit").as_deref(), query.flag("flat")), (Some("7"), true));
        for (raw, expected) in [
            ("", "ok"),
            ("&&", "ok"),
            ("knid=a", "BS101"),
            ("kind=", "BS102"),
            ("kind", "BS102"),
            ("kind=%00", "BS102"),
            ("kind=a%0ab", "BS102"),
            ("kind=%", "BS804"),
            ("kind=%zz", "BS804"),
            ("kind=%+1", "BS804"),
            ("kind=%ff", "BS804"),
            ("kind=%c3%a9", "ok"),
            ("limit=0", "BS102"),
            ("limit=201", "BS102"),
            ("limit=1;drop", "BS102"),
            ("limit=99999999999999999999", "BS102"),
            ("limit=1&limit=2", "BS102"),
            ("state=deed", "BS102"),
            ("state=dead&state=ready", "ok"),
            ("since=yesterday", "BS102"),
            ("since=90m", "ok"),
            ("flat=yes", "BS102"),
        ] {
            assert_eq!(code(raw), expected, "{raw}");
        }
        let many = "kind=a&".repeat(VALUES + 1);
        assert_eq!(code(&many), "BS102");
        assert_eq!(code(&format!("kind={}", "a".repeat(VALUE_BYTES + 1))), "BS102");
    }
}
