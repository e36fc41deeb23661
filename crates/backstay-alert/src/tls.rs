//! TLS of the calls: the host's authorities, or those of the browsers where a host has none.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

use crate::reason::Reason;

/// Makes the TLS of a client.
///
/// # Errors
///
/// Where the cryptography that is built in does not know the usual versions.
pub fn client() -> Result<ClientConfig, Reason> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Reason::Client(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
