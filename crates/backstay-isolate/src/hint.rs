//! What a child is told about its limits, in the variables that runtimes look for.

use crate::limits::Limits;

const MIB: u64 = 1024 * 1024;

/// The heap of Node is not all of Node.
const NODE_PERCENT: u64 = 75;

/// From here on Go collects its garbage harder.
const GO_PERCENT: u64 = 90;

/// Adds what a child should know; what the user has set stays as it is.
pub(crate) fn add(env: &mut Vec<(String, String)>, limits: &Limits) {
    // Or the last lines before a kill are lost in a buffer.
    add_unless_set(env, "PYTHONUNBUFFERED", "1".to_owned());
    let Some(bytes) = limits.memory_bytes else { return };
    env.push(("BACKSTAY_MEMORY_BYTES".to_owned(), bytes.to_string()));
    add_unless_set(env, "GOMEMLIMIT", (bytes / 100 * GO_PERCENT).to_string());
    // An error with a stack instead of a process that is gone.
    let option = format!("--max-old-space-size={}", (bytes / 100 * NODE_PERCENT / MIB).max(1));
    match env.iter_mut().rev().find(|(name, _)| name == "NODE_OPTIONS") {
        Some((_, set)) if set.replace('_', "-").contains("--max-old-space-size") => {}
        Some((_, set)) => *set = format!("{set} {option}"),
        None => env.push(("NODE_OPTIONS".to_owned(), option)),
    }
}

fn add_unless_set(env: &mut Vec<(String, String)>, name: &str, value: String) {
    if !env.iter().any(|(set, _)| set == name) {
        env.push((name.to_owned(), value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(env: &[(&str, &str)], memory_bytes: Option<u64>) -> Vec<(String, String)> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let mut env: Vec<(String, String)> = env.iter().map(own).collect();
        add(&mut env, &Limits { memory_bytes, ..Limits::default() });
        env
    }

    fn value<'a>(env: &'a [(String, String)], name: &str) -> Option<&'a str> {
        env.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn runtimes_learn_of_the_limit_in_their_own_words() {
        let env = told(&[], Some(256 * MIB));
        assert_eq!(value(&env, "BACKSTAY_MEMORY_BYTES"), Some("268435456"));
        assert_eq!(value(&env, "NODE_OPTIONS"), Some("--max-old-space-size=191"));
        assert_eq!(value(&env, "GOMEMLIMIT"), Some("241591860"));
        assert_eq!(told(&[], None).len(), 1, "nothing to tell but the buffer");
    }

    #[test]
    fn what_the_user_has_set_stays() {
        let set = [("NODE_OPTIONS", "--max_old_space_size=100"), ("GOMEMLIMIT", "off")];
        let env = told(&set, Some(256 * MIB));
        assert_eq!(value(&env, "NODE_OPTIONS"), Some("--max_old_space_size=100"));
        assert_eq!(value(&env, "GOMEMLIMIT"), Some("off"));
        let env = told(&[("NODE_OPTIONS", "--enable-source-maps")], Some(256 * MIB));
        let both = "--enable-source-maps --max-old-space-size=191";
        assert_eq!(value(&env, "NODE_OPTIONS"), Some(both));
    }
}
