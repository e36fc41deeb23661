//! Fetches programs once, with the clients the user has; keeps what was fetched.

use crate::locate::{Found, Programs};

pub(crate) fn cached() -> Found {
    Found::default()
}

pub(crate) fn fetch(_major: Option<u32>, _announce: fn(&str)) -> Result<Programs, Vec<String>> {
    Err(vec!["nothing can be fetched yet".to_owned()])
}
