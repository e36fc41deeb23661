//! Who may ask a server, under which names, and what that server does at most.

use backstay::config::{WebAuth, WebSettings};
use backstay::sessions::Role;

/// Who may ask, and under which names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Names under which it is asked beside those of this machine, in small letters.
    pub hosts: Vec<String>,
    /// Who may ask. Mounted in another server, [`WebAuth::Loopback`] lets everybody look whom that server lets in.
    pub auth: WebAuth,
    /// What whoever is on this machine may do without a token, where `auth` lets them in at all.
    pub here: Role,
    /// Whether nobody changes anything here, whatever their token allows elsewhere.
    pub read_only: bool,
}

impl From<&WebSettings> for Options {
    fn from(settings: &WebSettings) -> Options {
        let WebSettings { hosts, auth, read_only, .. } = settings;
        Options { hosts: hosts.clone(), auth: *auth, here: Role::Viewer, read_only: *read_only }
    }
}
