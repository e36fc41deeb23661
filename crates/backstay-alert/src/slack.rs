//! A message to an incoming webhook of Slack, or of a chat that understands the same.

use std::pin::Pin;

use backstay::config::{Network, Secret};
use backstay::model::alert::Alert;
use backstay::{Deliver, DeliverError};
use serde_json::{Value, json};

use crate::message;
use crate::reason::Reason;
use crate::webhook::Post;

/// An incoming webhook of a chat.
#[derive(Debug)]
pub(crate) struct Slack {
    post: Post,
}

impl Slack {
    pub(crate) fn new(url: &Secret, allowed: &[Network]) -> Result<Self, Reason> {
        Ok(Self { post: Post::new(url, allowed)? })
    }
}

impl Deliver for Slack {
    fn deliver<'a>(
        &'a self,
        alert: &'a Alert,
    ) -> Pin<Box<dyn Future<Output = Result<(), DeliverError>> + Send + 'a>> {
        Box::pin(async move { self.post.send(payload(alert).to_string().into_bytes(), &[]).await })
    }
}

fn payload(alert: &Alert) -> Value {
    json!({ "text": neutral(&message::body(alert)), "parse": "none", "link_names": false, "unfurl_links": false })
}

/// Texts of jobs must not ring everybody. Slack's own mentions and links need `<`; others also read
/// a bare `@all`, so an invisible space parts the sign from its word.
fn neutral(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('@', "@\u{200B}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::alert;

    #[test]
    fn a_chat_gets_headline_text_and_facts() {
        let payload = payload(&alert());
        let text = payload["text"].as_str().unwrap();
        assert!(text.starts_with("[tests] report died: failed: no such month (400 times)\n"));
        assert!(text.contains("backstay dead show a3f19c02"));
    }

    #[test]
    fn mentions_and_links_of_a_job_are_plain_text() {
        let mut alert = alert();
        alert.title =
            "<!channel> <@U024BE7LH> @here @everyone <https://evil.example|click> &lt;".into();
        let payload = payload(&alert);
        let text = payload["text"].as_str().unwrap();
        assert!(!text.contains(['<', '>']), "{text}");
        for word in ["@here", "@everyone", "@U024BE7LH"] {
            assert!(!text.contains(word), "{text}");
        }
        assert!(text.contains("&amp;lt;"), "what was escaped already is shown as it was: {text}");
    }
}
