//! Who asks, and what that allows: a token with its scopes, a person who has signed in, or whoever is on this machine.

use std::net::IpAddr;
use std::time::Instant;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method};
use backstay::model::event::{self, Event};
use backstay::sessions::{self, Role};
use backstay::tokens::{self, Scope, TokenHolder};
use backstay::{Database, config::WebAuth};

use crate::cookie;
use crate::guard::{check_origin, check_own_page, is_local, is_of_browser};
use crate::limit::{Limits, Wrongs};
use crate::options::Options;
use crate::problem::Problem;

/// Somebody who may do something here.
#[derive(Debug, Clone)]
pub(crate) enum Caller {
    /// Whoever is on this machine.
    Here(Role),
    /// Whoever holds a token.
    Holder(TokenHolder),
    /// Who has signed in, in a browser.
    Person(TokenHolder),
}

impl Caller {
    /// Whether this is allowed; refused with the scope that it needs.
    pub(crate) fn check(&self, needed: &Scope) -> Result<(), Problem> {
        let (is_allowed, who) = match self {
            Caller::Here(role) => {
                (role.scope().includes(needed), "a request without a token".into())
            }
            Caller::Holder(holder) | Caller::Person(holder) => (
                holder.scopes.iter().any(|scope| scope.includes(needed)),
                format!("token {} ({})", holder.id, holder.name),
            ),
        };
        if is_allowed {
            return Ok(());
        }
        Err(Problem::new("BS802", format!("{who} may not do this: it needs the scope `{needed}`"))
            .hint(format!("backstay tokens create --name NAME --scope {needed}")))
    }

    /// Whether this may enqueue somewhere at all; where exactly is looked at with the job.
    pub(crate) fn check_enqueue(&self) -> Result<(), Problem> {
        match self {
            Caller::Holder(holder) | Caller::Person(holder)
                if holder.scopes.iter().any(enqueues) =>
            {
                Ok(())
            }
            _ => self.check(&Scope::Enqueue(None)),
        }
    }

    /// Who it is, where it has said so.
    pub(crate) fn person(&self) -> Option<&str> {
        match self {
            Caller::Here(_) => None,
            Caller::Holder(holder) | Caller::Person(holder) => Some(&holder.name),
        }
    }

    /// The same, who changes nothing.
    fn only_looking(self) -> Caller {
        let looking = |mut holder: TokenHolder| {
            let shows = |scope: &Scope| match scope {
                Scope::Read | Scope::Operate | Scope::Admin => Some(Scope::Read),
                Scope::Audit => Some(Scope::Audit),
                Scope::Enqueue(_) => None,
            };
            holder.scopes = holder.scopes.iter().filter_map(shows).collect();
            holder
        };
        match self {
            Caller::Here(_) => Caller::Here(Role::Viewer),
            Caller::Holder(holder) => Caller::Holder(looking(holder)),
            Caller::Person(holder) => Caller::Person(looking(holder)),
        }
    }

    /// The name under which the audit keeps what is done.
    pub(crate) fn name(&self) -> String {
        match self {
            Caller::Here(_) => "serve".into(),
            Caller::Holder(holder) => format!("serve {} {}", holder.id, holder.name),
            Caller::Person(holder) => format!("web {} {}", holder.id, holder.name),
        }
    }
}

fn enqueues(scope: &Scope) -> bool {
    matches!(scope, Scope::Enqueue(_) | Scope::Operate | Scope::Admin)
}

/// Where tokens are looked up, and what is known of those who ask.
pub(crate) struct Gate<'a> {
    pub(crate) database: &'a Database,
    pub(crate) options: &'a Options,
    pub(crate) limits: &'a Limits,
}

impl Gate<'_> {
    /// Finds out who asks, and what of it counts here.
    pub(crate) async fn caller(
        &self,
        method: &Method,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Result<Caller, Problem> {
        let caller = self.whoever(method, headers, peer).await?;
        Ok(if self.options.read_only { caller.only_looking() } else { caller })
    }

    /// A token comes before a session, which browsers send by habit.
    async fn whoever(
        &self,
        method: &Method,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Result<Caller, Problem> {
        if headers.contains_key(AUTHORIZATION) {
            return self.holder(bearer(headers), peer).await.map(Caller::Holder);
        }
        check_origin(&self.options.hosts, method, headers)?;
        let session = cookie::session(headers);
        if !method.is_safe() && (session.is_some() || is_of_browser(headers)) {
            check_own_page(headers)?;
        }
        if let Some(session) = session
            && let Some(person) = sessions::person(self.database, session).await?
        {
            return self.admit(person).map(Caller::Person);
        }
        match self.options.auth {
            // Where a server of ours took the request in, it must be of this machine: a proxy here would open it to all.
            WebAuth::Loopback
                if peer.is_none_or(|peer| peer.is_loopback() && is_local(headers)) =>
            {
                Ok(Caller::Here(self.options.here))
            }
            WebAuth::Loopback | WebAuth::Token => Err(Problem::new("BS801", "a token is wanted")
                .hint("send the header Authorization: Bearer bst_..., or sign in at /login")),
        }
    }

    /// Who holds a token.
    async fn holder(
        &self,
        token: Option<&str>,
        peer: Option<IpAddr>,
    ) -> Result<TokenHolder, Problem> {
        self.check_patience(token, peer)?;
        let holder = match token {
            Some(token) => tokens::holder(self.database, token).await?,
            None => None,
        };
        let Some(holder) = holder else {
            self.note_wrong(peer);
            let said = "this token is unknown, has expired or was revoked";
            return Err(Problem::new("BS801", said)
                .hint("send the header Authorization: Bearer bst_..., as `backstay tokens create` showed it"));
        };
        self.admit(holder)
    }

    fn admit(&self, holder: TokenHolder) -> Result<TokenHolder, Problem> {
        if self.limits.admit(&holder.id, Instant::now()) {
            Ok(holder)
        } else {
            Err(Problem::new("BS803", format!("token {} asks too often", holder.id)))
        }
    }

    /// Refuses to look at a token of whoever has shown too many wrong ones, unless this one was good before.
    pub(crate) fn check_patience(
        &self,
        token: Option<&str>,
        peer: Option<IpAddr>,
    ) -> Result<(), Problem> {
        let is_known = token.is_some_and(|token| self.limits.is_known(id(token)));
        match self.limits.shut_out(peer, Instant::now()).filter(|_| !is_known) {
            Some(wait) => Err(Problem::new("BS803", "too many wrong tokens came from here")
                .retry_after(wait.as_secs() + 1)),
            None => Ok(()),
        }
    }

    /// Notes that somebody has shown a token that opens nothing.
    pub(crate) fn note_wrong(&self, peer: Option<IpAddr>) {
        let from = peer.map_or_else(|| "an unknown address".into(), |peer| peer.to_string());
        // Whoever goes on fills no log.
        match self.limits.note_wrong(peer, Instant::now()) {
            Wrongs::Some => event::emit(&Event::AuthFailed { from }),
            Wrongs::Enough => event::emit(&Event::AuthLimited { from }),
            Wrongs::More => {}
        }
    }
}

/// The part of a token that lists show.
fn id(token: &str) -> &str {
    token.get(4..12).unwrap_or("")
}

/// The token of the one header that may carry it.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (first, None) = (all.next()?, all.next()) else { return None };
    let (sort, token) = first.to_str().ok()?.split_once(' ')?;
    sort.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
