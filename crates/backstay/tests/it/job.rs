//! Kinds in code: what the derive macro writes.

use backstay::{Job, Request};
use serde::{Deserialize, Serialize};

/// Documented, renamed by serde, with a raw name.
#[derive(Serialize, Deserialize, Job)]
#[serde(rename_all = "camelCase")]
#[job(kind = "mail.digest:v2")]
#[allow(non_camel_case_types)]
pub(crate) struct r#type {
    user_id: i64,
}

#[derive(Serialize, Deserialize, Job)]
#[serde(tag = "what")]
#[job(kind = "tidy")]
enum Tidy {
    Files { older: u32 },
}

#[test]
fn a_kind_is_read_through_all_that_stands_around_it() {
    assert_eq!(r#type::KIND, "mail.digest:v2");
    let request = Request::from(r#type { user_id: 7 });
    assert_eq!(request.args().unwrap(), r#"{"userId":7}"#);
    let request = Request::from(Tidy::Files { older: 3 });
    assert_eq!((Tidy::KIND, request.args().unwrap()), ("tidy", r#"{"what":"Files","older":3}"#));
}
