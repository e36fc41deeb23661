//! What a token of the HTTP API allows: a closed list of words, some of which include others.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::bounds::check_name;
use super::nearest::nearest;

/// What a token allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// To look, at what people may see.
    Read,
    /// To look, to enqueue, and every verb of an operator.
    Operate,
    /// All of that, and other args, and tokens.
    Admin,
    /// To see who did what.
    Audit,
    /// To enqueue, into whatever queue or into one.
    Enqueue(Option<String>),
}

impl Scope {
    /// The words, without the name of a queue.
    pub const WORDS: [&str; 5] = ["read", "operate", "admin", "audit", "enqueue"];

    /// Whether who may do this may do the other, too.
    #[must_use]
    pub fn includes(&self, other: &Scope) -> bool {
        match (self, other) {
            (Scope::Admin, Scope::Audit) => false,
            (Scope::Admin, _) | (Scope::Operate, Scope::Read | Scope::Operate) => true,
            (Scope::Operate | Scope::Enqueue(None), Scope::Enqueue(_)) => true,
            (mine, other) => mine == other,
        }
    }
}

/// What a person may do, in one word.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Looks at the audit, and at nothing else.
    Auditor,
    /// Looks.
    #[default]
    Viewer,
    /// Looks and acts.
    Operator,
    /// Also changes args, and makes tokens.
    Admin,
}

impl Role {
    /// The role that scopes come to; none for those that do not even allow to look.
    #[must_use]
    pub fn of(scopes: &[Scope]) -> Option<Role> {
        let of_one = |scope: &Scope| match scope {
            Scope::Read => Some(Role::Viewer),
            Scope::Operate => Some(Role::Operator),
            Scope::Admin => Some(Role::Admin),
            Scope::Audit => Some(Role::Auditor),
            Scope::Enqueue(_) => None,
        };
        scopes.iter().filter_map(of_one).max()
    }

    /// The scope that has the same meaning.
    #[must_use]
    pub fn scope(self) -> Scope {
        match self {
            Role::Auditor => Scope::Audit,
            Role::Viewer => Scope::Read,
            Role::Operator => Scope::Operate,
            Role::Admin => Scope::Admin,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Auditor => "auditor",
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Admin => "admin",
        })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::Read => f.write_str("read"),
            Scope::Operate => f.write_str("operate"),
            Scope::Admin => f.write_str("admin"),
            Scope::Audit => f.write_str("audit"),
            Scope::Enqueue(None) => f.write_str("enqueue"),
            Scope::Enqueue(Some(queue)) => write!(f, "enqueue:{queue}"),
        }
    }
}

/// A word that is no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnknownScope(String);

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(word: &str) -> Result<Scope, UnknownScope> {
        match word {
            "read" => return Ok(Scope::Read),
            "operate" => return Ok(Scope::Operate),
            "admin" => return Ok(Scope::Admin),
            "audit" => return Ok(Scope::Audit),
            "enqueue" => return Ok(Scope::Enqueue(None)),
            _ => {}
        }
        if let Some(queue) = word.strip_prefix("enqueue:") {
            let checked = check_name(queue).map_err(|error| UnknownScope(error.to_string()));
            return checked.map(|()| Scope::Enqueue(Some(queue.to_owned())));
        }
        let word: String = word.chars().take(64).collect();
        Err(UnknownScope(match nearest(&word, Self::WORDS) {
            Some(near) => format!("`{word}` is no scope; did you mean `{near}`?"),
            None => format!("`{word}` is no scope; there are {}", Self::WORDS.join(", ")),
        }))
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Scope, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(word: &str) -> Scope {
        word.parse().unwrap()
    }

    #[test]
    fn a_scope_includes_what_is_beneath_it_and_nothing_else() {
        let all = ["read", "operate", "admin", "audit", "enqueue", "enqueue:a", "enqueue:b"];
        let includes = |mine: &str| -> Vec<&str> {
            all.into_iter().filter(|other| scope(mine).includes(&scope(other))).collect()
        };
        assert_eq!(includes("read"), ["read"]);
        assert_eq!(includes("audit"), ["audit"]);
        assert_eq!(includes("enqueue:a"), ["enqueue:a"]);
        assert_eq!(includes("enqueue"), ["enqueue", "enqueue:a", "enqueue:b"]);
        assert_eq!(includes("operate"), ["read", "operate", "enqueue", "enqueue:a", "enqueue:b"]);
        let of_admin = ["read", "operate", "admin", "enqueue", "enqueue:a", "enqueue:b"];
        assert_eq!(includes("admin"), of_admin);
    }

    #[test]
    fn a_role_is_the_widest_of_its_scopes() {
        let role = |words: &[&str]| {
            Role::of(&words.iter().map(|word| scope(word)).collect::<Vec<Scope>>())
        };
        assert_eq!(role(&["enqueue"]), None);
        assert_eq!(role(&["audit", "enqueue"]), Some(Role::Auditor));
        assert_eq!(role(&["audit", "read"]), Some(Role::Viewer));
        assert_eq!(role(&["read", "enqueue:a"]), Some(Role::Viewer));
        assert_eq!(role(&["admin", "read"]), Some(Role::Admin));
        assert_eq!(role(&["operate"]).map(|role| role.to_string()), Some("operator".into()));
    }

    #[test]
    fn a_scope_reads_back_and_a_slip_names_the_nearest() {
        for word in ["read", "operate", "admin", "audit", "enqueue", "enqueue:reports.eu"] {
            assert_eq!(scope(word).to_string(), word);
        }
        let said = |word: &str| word.parse::<Scope>().unwrap_err().to_string();
        assert_eq!(said("raed"), "`raed` is no scope; did you mean `read`?");
        assert!(said("root").contains("there are read, operate"));
        assert!(said("enqueue:").contains("has none") && said("enqueue:a b").contains("character"));
    }
}
