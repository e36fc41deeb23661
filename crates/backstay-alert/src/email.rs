//! A mail by SMTP, over TLS unless the server is on this host.

use std::net::IpAddr;
use std::pin::Pin;
use std::time::Duration;

use backstay::config::Secret;
use backstay::model::alert::Alert;
use backstay::{Deliver, DeliverError};
use lettre::message::Mailbox;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use reqwest::Url;
use sha2::{Digest, Sha256};

use crate::message;
use crate::reason::{Reason, causes};
use crate::sign::hex;

/// Each step of the conversation may take this long, the whole of it three times as long.
const STEP: Duration = Duration::from_secs(10);

/// A mail to some people.
pub(crate) struct Email {
    server: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl Email {
    pub(crate) fn new(to: &[String], from: &str, smtp: &Secret) -> Result<Self, Reason> {
        let address = |text: &str| {
            // The builder would refuse these too; here the reason can name the address.
            if text.contains(['\r', '\n']) {
                return Err(Reason::Mail(format!("{text:?} holds a line break")));
            }
            text.parse::<Mailbox>().map_err(|error| Reason::Mail(format!("`{text}`: {error}")))
        };
        let server = AsyncSmtpTransport::<Tokio1Executor>::from_url(&way(smtp.expose())?)
            // Its own text may hold the password.
            .map_err(|_| Reason::Smtp("it is not understood".into()))?
            .timeout(Some(STEP))
            .build();
        let to = to.iter().map(|text| address(text)).collect::<Result<_, _>>()?;
        Ok(Self { server, from: address(from)?, to })
    }

    async fn send(&self, alert: &Alert) -> Result<(), DeliverError> {
        let mail = self.compose(alert).map_err(|why| DeliverError::later(why.to_string()))?;
        match tokio::time::timeout(STEP * 3, self.server.send(mail)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(DeliverError::later(causes(&error))),
            Err(_) => Err(DeliverError::later("the mail server took too long")),
        }
    }

    /// The same message has the same id each time, and the mails of one incident form a thread.
    fn compose(&self, alert: &Alert) -> Result<Message, lettre::error::Error> {
        let host = self.from.email.domain();
        let name = |parts: &[&str]| {
            let digest = Sha256::digest(parts.join("\n"));
            format!("<backstay-{}@{host}>", &hex(&digest)[..32])
        };
        let own = name(&[&alert.dedupe_key, &alert.id, &alert.first_at.to_string()]);
        let thread = name(&[&alert.dedupe_key]);
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        let mut mail = Message::builder().from(self.from.clone());
        for to in &self.to {
            mail = mail.to(to.clone());
        }
        mail.subject(message::shown(&alert.headline()))
            .message_id(Some(own))
            .in_reply_to(thread.clone())
            .references(thread)
            .raw_header(HeaderValue::new(automatic, "auto-generated".into()))
            .header(ContentType::TEXT_PLAIN)
            .body(message::body(alert))
    }
}

impl Deliver for Email {
    fn deliver<'a>(
        &'a self,
        alert: &'a Alert,
    ) -> Pin<Box<dyn Future<Output = Result<(), DeliverError>> + Send + 'a>> {
        Box::pin(self.send(alert))
    }
}

/// How the server is spoken to: `smtps` is TLS from the first byte, `smtp` must become TLS before
/// anything is said, except on this host.
fn way(text: &str) -> Result<String, Reason> {
    let (scheme, rest) =
        text.split_once("://").ok_or_else(|| Reason::Smtp("it has no `://`".into()))?;
    let must_encrypt = match scheme {
        "smtps" => return Ok(text.to_owned()),
        "smtp+starttls" => true,
        "smtp" => false,
        _ => {
            let scheme = scheme.escape_debug();
            return Err(Reason::Smtp(format!("`{scheme}` is neither smtps nor smtp")));
        }
    };
    let mut url =
        Url::parse(&format!("smtp://{rest}")).map_err(|error| Reason::Smtp(error.to_string()))?;
    let encrypts = must_encrypt || !is_here(url.host_str().unwrap_or_default());
    url.set_query(encrypts.then_some("tls=required"));
    Ok(url.into())
}

fn is_here(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_server_on_this_host_is_spoken_to_in_plain_text() {
        let way = |text| way(text).unwrap();
        assert_eq!(way("smtps://u:p@mail.example.org"), "smtps://u:p@mail.example.org");
        assert_eq!(
            way("smtp://u:p@mail.example.org:587"),
            "smtp://u:p@mail.example.org:587?tls=required"
        );
        assert_eq!(way("smtp://mail.example.org?tls=none"), "smtp://mail.example.org?tls=required");
        assert_eq!(way("smtp+starttls://127.0.0.1"), "smtp://127.0.0.1?tls=required");
        assert_eq!(way("smtp://127.0.0.1:2525"), "smtp://127.0.0.1:2525");
        assert_eq!(way("smtp://[::1]:2525"), "smtp://[::1]:2525");
        assert_eq!(
            way("smtp://localhost.example.org"),
            "smtp://localhost.example.org?tls=required"
        );
    }

    #[test]
    fn a_line_break_in_an_address_is_refused() {
        let smtp = Secret::new("smtp://localhost");
        for wrong in ["a@example.org\r\nBcc: x@example.org", "a b", "Ana <a@example.org>\n"] {
            assert!(Email::new(&[wrong.into()], "b@example.org", &smtp).is_err(), "{wrong:?}");
            assert!(Email::new(&["a@example.org".into()], wrong, &smtp).is_err(), "{wrong:?}");
        }
        assert!(Email::new(&["Ana <a@example.org>".into()], "b@example.org", &smtp).is_ok());
    }

    #[test]
    fn a_wrong_address_of_the_server_does_not_show_its_password() {
        let refused = Email::new(
            &["a@example.org".into()],
            "b@example.org",
            &Secret::new("smtps://u:hunter2@"),
        );
        assert!(!format!("{:?}", refused.err()).contains("hunter2"));
    }
}
