//! `[alerts]`: the channels that reach people, and which alerts go to which of them.

use std::time::Duration;

use super::fault::{BAD_VALUE, DUPLICATE};
use super::form;
use super::key::{Form, Keys, key};
use super::network::{self, Network};
use super::route::{Route, read_routes};
use super::rule::{RuleSettings, read_rules};
use super::secret::Secret;
use super::section::{Book, Section};
use super::value::Value;
use crate::model::alert::Rule;

pub(super) const KEYS: Keys = Keys {
    now: &[
        key(
            "quiet",
            Form::Span("1m", "30d"),
            "\"1h\"",
            "How long one incident stays silent between two messages",
        ),
        key(
            "unread",
            Form::Span("1m", "365d"),
            "\"24h\"",
            "How long a dead letter may stay unseen before somebody is told again",
        ),
        key(
            "allow_networks",
            Form::Texts,
            "[]",
            "Inner networks that webhooks may reach, such as \"10.0.0.0/8\"; http:// works there only",
        ),
        key(
            "dead_man",
            Form::Secret,
            "",
            "Address that is called once a minute while all goes well; who watches it hears when that ends",
        ),
        key(
            "rules",
            Form::Other("[alerts.rules], one per rule"),
            "",
            "What is told, and how often",
        ),
        key("channels", Form::Other("[alerts.channels], one per name"), "", "Ways to people"),
        key("routes", Form::Other("[[alerts.routes]]"), "", "Which alerts go to which channels"),
    ],
    later: &[],
    moved: &[],
};

const SLACK: Keys = Keys {
    now: &[key("slack", Form::Secret, "", "Address of an incoming webhook of Slack or the like")],
    later: &[],
    moved: &[],
};

const WEBHOOK: Keys = Keys {
    now: &[
        key("webhook", Form::Secret, "", "Address that gets each alert as JSON by POST"),
        key("secret", Form::Secret, "", "Signs each message, so that the receiver can trust it"),
    ],
    later: &[],
    moved: &[],
};

const EMAIL: Keys = Keys {
    now: &[
        key("email", Form::Texts, "", "Addresses that get each alert"),
        key("from", Form::Text, "", "The sender's address"),
        key("smtp", Form::Secret, "", "smtps://user:password@host (TLS) or smtp://host (STARTTLS)"),
    ],
    later: &[],
    moved: &[],
};

const COMMAND: Keys = Keys {
    now: &[
        key("command", Form::Command, "", "A program that gets each alert as JSON on stdin"),
        key("timeout", Form::Span("1s", "45s"), "\"10s\"", "Longest run of the program"),
    ],
    later: &[],
    moved: &[],
};

/// The four ways, by the key that chooses them.
const WAYS: [(&str, Keys); 4] =
    [("slack", SLACK), ("webhook", WEBHOOK), ("email", EMAIL), ("command", COMMAND)];

/// Whom to tell, and how often.
#[derive(Debug, Clone)]
pub struct AlertSettings {
    /// How long one incident stays silent between two messages \[1 h\].
    pub quiet: Duration,
    /// How long a dead letter may stay unseen before somebody is told again \[24 h\].
    pub unread: Duration,
    /// Inner networks that webhooks may reach; none unless it is said \[none\].
    pub allow_networks: Vec<Network>,
    /// Who is called once a minute while all goes well, and tells people when the calls stop \[nobody\].
    pub dead_man: Option<Secret>,
    /// The ways to people, in the order of the file.
    pub channels: Vec<ChannelSettings>,
    /// Which alerts go where; one that fits none goes to the log.
    pub routes: Vec<Route>,
    /// Rules of which the file says something.
    pub rules: Vec<RuleSettings>,
}

impl AlertSettings {
    /// Gives what holds for a rule; what the file does not say is built in.
    #[must_use]
    pub fn rule(&self, rule: Rule) -> RuleSettings {
        let said = self.rules.iter().find(|one| one.rule == rule);
        said.cloned().unwrap_or_else(|| RuleSettings::of(rule))
    }
}

/// One way to people.
#[derive(Debug, Clone)]
pub struct ChannelSettings {
    /// The name by which routes speak of it.
    pub name: String,
    /// How it reaches them.
    pub way: Way,
}

/// How a channel reaches people.
#[derive(Debug, Clone)]
pub enum Way {
    /// An incoming webhook of Slack or of what understands the same.
    Slack {
        /// Its address, which is the credential too.
        url: Secret,
    },
    /// A signed POST of the alert as JSON.
    Webhook {
        /// Where to.
        url: Secret,
        /// The key of the signature.
        secret: Secret,
    },
    /// A mail.
    Email {
        /// Who gets it, at least one.
        to: Vec<String>,
        /// Who sends it.
        from: String,
        /// Address of the mail server with its login.
        smtp: Secret,
    },
    /// A program that gets the alert as JSON on stdin.
    Command {
        /// The program and its arguments.
        argv: Vec<String>,
        /// Its longest run \[10 s\].
        timeout: Duration,
    },
}

pub(super) fn read<'a>(book: &'a Book<'a>, section: &Section<'a>) -> AlertSettings {
    let declared = section.entries("channels");
    let names: Vec<&str> = declared.iter().map(|(name, _)| *name).collect();
    let channels = declared
        .iter()
        .filter_map(|(name, value)| read_channel(book, section, name, value))
        .collect();
    let routes = read_routes(book, section, &names);
    let (quiet, unread) = (section.span_set("quiet"), section.span_set("unread"));
    let allow_networks = network::read(section, "allow_networks");
    let dead_man = dead_man(section);
    let rules = read_rules(book, section);
    AlertSettings { quiet, unread, allow_networks, dead_man, channels, routes, rules }
}

fn dead_man(section: &Section<'_>) -> Option<Secret> {
    let url = section.secret("dead_man")?;
    is_web(section, "dead_man", &url).then_some(url)
}

fn read_channel<'a>(
    book: &'a Book<'a>,
    alerts: &Section<'a>,
    name: &str,
    value: &'a Value,
) -> Option<ChannelSettings> {
    let chosen: Vec<&(&str, Keys)> =
        WAYS.iter().filter(|(way, _)| value.get(way).is_some()).collect();
    let (way, keys) = match chosen[..] {
        [one] => *one,
        [] => {
            alerts.fault_at("channels", name, value, no_way(value));
            return None;
        }
        [(first, _), (second, _), ..] => {
            let path = super::section::join("alerts.channels", name);
            let message = format!("both `{first}` and `{second}`: a channel is one of them");
            book.fault(DUPLICATE, &value.origin, path, message);
            return None;
        }
    };
    let path = super::section::join("alerts.channels", name);
    let section = Section::open(book, path, keys, Some(value), None);
    let way = match way {
        "slack" => Way::Slack { url: web_address(&section, "slack")? },
        "webhook" => read_webhook(&section)?,
        "email" => read_email(&section)?,
        _ => {
            Way::Command { argv: section.command("command")?, timeout: section.span_set("timeout") }
        }
    };
    Some(ChannelSettings { name: name.to_owned(), way })
}

fn no_way(value: &Value) -> String {
    let ways: Vec<&str> = WAYS.iter().map(|(way, _)| *way).collect();
    let near = value.entries().unwrap_or_default().iter().find_map(|(key, _)| {
        crate::model::nearest::nearest(key, ways.iter().copied()).map(|near| (key, near))
    });
    match near {
        Some((key, near)) => format!("`{key}` is not known here; did you mean `{near}`?"),
        None => format!("a channel needs one of {}", ways.join(", ")),
    }
}

/// Gives a secret that must be there. One that is left unread on purpose leaves out its channel.
fn needed(section: &Section<'_>, name: &str, why: &str) -> Option<Secret> {
    if section.find(name).is_none() {
        section.missing(name, why);
        return None;
    }
    section.secret(name)
}

fn web_address(section: &Section<'_>, name: &str) -> Option<Secret> {
    let url = needed(section, name, "the address is missing")?;
    is_web(section, name, &url).then_some(url)
}

fn is_web(section: &Section<'_>, name: &str, url: &Secret) -> bool {
    let is_web = url.expose().starts_with("https://") || url.expose().starts_with("http://");
    if !is_web {
        section.fault(BAD_VALUE, name, "an address starts with https:// or http://");
    }
    is_web
}

fn read_webhook(section: &Section<'_>) -> Option<Way> {
    let url = web_address(section, "webhook");
    let why = "give the key that signs the messages, such as { env = \"ALERT_SECRET\" }";
    let secret = needed(section, "secret", why)?;
    if secret.expose().is_empty() {
        section.fault(BAD_VALUE, "secret", "the key that signs the messages is empty");
        return None;
    }
    Some(Way::Webhook { url: url?, secret })
}

fn read_email(section: &Section<'_>) -> Option<Way> {
    let to = section.take("email", |_, value| mail_addresses(value));
    let from = section.text("from");
    if section.find("from").is_none() {
        section.missing("from", "give the sender's address, such as \"backstay@example.org\"");
    }
    let smtp = needed(section, "smtp", "give the mail server, such as { env = \"SMTP_URL\" }")?;
    if !["smtps://", "smtp://", "smtp+starttls://"].iter().any(|way| smtp.expose().starts_with(way))
    {
        section.fault(BAD_VALUE, "smtp", "a mail server starts with smtps:// or smtp://");
        return None;
    }
    if let Some(from) = from.as_deref().filter(|from| !is_mail_address(from)) {
        section.fault(BAD_VALUE, "from", format!("`{from}` is no mail address"));
    }
    Some(Way::Email { to: to?, from: from?, smtp })
}

fn mail_addresses(value: &Value) -> Result<Vec<String>, String> {
    let addresses = form::texts(value)?;
    if addresses.is_empty() {
        return Err("at least one address is wanted".into());
    }
    match addresses.iter().find(|address| !is_mail_address(address)) {
        Some(wrong) => Err(format!("`{wrong}` is no mail address")),
        None => Ok(addresses),
    }
}

/// Only the obvious slips: what a mail server accepts is its own affair.
fn is_mail_address(text: &str) -> bool {
    let bare = text.rsplit_once('<').map_or(text, |(_, rest)| rest.trim_end_matches('>'));
    matches!(bare.split_once('@'), Some((name, host)) if !name.is_empty() && !host.is_empty())
        && !text.contains(['\n', '\r'])
}
