//! Whether a licence expression leaves a choice that is allowed.

/// An expression such as `(MIT OR Apache-2.0) AND Unicode-3.0`, read while it is judged.
struct Reader<'a> {
    words: Vec<&'a str>,
    at: usize,
    allowed: &'a [String],
}

/// What of `allowed` an SPDX expression asks for: `Ok(true)` where somebody may choose among them; an error where it
/// cannot be read. A slash is how crates wrote `OR` before there was a standard.
pub(crate) fn is_allowed(expression: &str, allowed: &[String]) -> Result<bool, String> {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut reader = Reader { words, at: 0, allowed };
    match reader.either() {
        Some(may) if reader.at == reader.words.len() => Ok(may),
        _ => Err(format!("`{expression}` is no licence expression")),
    }
}

/// The expression as the standard writes it.
pub(crate) fn normal(expression: &str) -> String {
    expression.replace('/', " OR ")
}

impl Reader<'_> {
    fn either(&mut self) -> Option<bool> {
        let mut may = self.both()?;
        while self.take("OR") {
            may |= self.both()?;
        }
        Some(may)
    }

    fn both(&mut self) -> Option<bool> {
        let mut may = self.one()?;
        while self.take("AND") {
            may &= self.one()?;
        }
        Some(may)
    }

    fn one(&mut self) -> Option<bool> {
        if self.take("(") {
            let may = self.either()?;
            return self.take(")").then_some(may);
        }
        let mut name = self.name()?.to_owned();
        if self.take("WITH") {
            name = format!("{name} WITH {}", self.name()?);
        }
        Some(self.allowed.contains(&name))
    }

    fn name(&mut self) -> Option<&str> {
        let word = *self.words.get(self.at)?;
        let is_name = !matches!(word, "OR" | "AND" | "WITH" | "(" | ")");
        self.at += usize::from(is_name);
        is_name.then_some(word)
    }

    fn take(&mut self, word: &str) -> bool {
        let is_next = self.words.get(self.at) == Some(&word);
        self.at += usize::from(is_next);
        is_next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_allowed_choice_is_enough_and_all_parts_must_be_allowed() {
        let allowed = ["MIT", "Unicode-3.0", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
        for (expression, may) in [
            ("MIT", true),
            ("GPL-3.0", false),
            ("MIT/Apache-2.0", true),
            ("GPL-3.0 OR MIT", true),
            ("GPL-3.0 AND MIT", false),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
            ("(GPL-2.0 OR Apache-2.0) AND MIT", false),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("Apache-2.0", false),
            ("GPL-3.0 OR GPL-2.0 AND MIT", false),
        ] {
            assert_eq!(is_allowed(expression, &allowed), Ok(may), "{expression}");
        }
    }

    #[test]
    fn what_is_no_expression_is_not_allowed_by_accident() {
        let allowed = ["MIT".to_owned()];
        for expression in ["", "MIT OR", "(MIT", "MIT)", "MIT MIT", "OR MIT", "MIT WITH"] {
            assert!(is_allowed(expression, &allowed).is_err(), "{expression}");
        }
    }
}
