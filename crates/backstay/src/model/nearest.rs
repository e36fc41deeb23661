//! Finds the word that was probably meant by a misspelt one.

use super::bounds;

/// Gives the candidate nearest to `word`, or nothing where none is near enough to be meant.
///
/// Near enough is a third of the longer word's letters, at least one; capitals, `-` and `_` count
/// as the same. Two letters that changed places are one mistake.
///
/// ```
/// let names = ["priority", "run_in", "queue"];
/// assert_eq!(backstay::model::nearest::nearest("priorty", names), Some("priority"));
/// assert_eq!(backstay::model::nearest::nearest("colour", names), None);
/// ```
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = letters(word)?;
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let other = letters(candidate)?;
            let allowed = (word.len().max(other.len()) / 3).max(1);
            let mistakes = distance(&word, &other);
            (mistakes <= allowed).then_some((mistakes, candidate))
        })
        .min_by_key(|(mistakes, _)| *mistakes)
        .map(|(_, candidate)| candidate)
}

/// A word as it is compared; nothing where it is empty or longer than any name of ours can be.
fn letters(word: &str) -> Option<Vec<char>> {
    if word.is_empty() || word.len() > bounds::NAME_BYTES {
        return None;
    }
    let same = |c: char| if c == '-' { '_' } else { c.to_ascii_lowercase() };
    Some(word.chars().map(same).collect())
}

/// Counts the letters to insert, drop, change or swap with their neighbour.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = change.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before_last[j - 2] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    const WORDS: [&str; 5] = ["urgent", "high", "normal", "low", "max_retries"];

    #[test]
    fn a_slip_of_one_or_two_letters_is_understood() {
        assert_eq!(nearest("hgih", WORDS), Some("high"));
        assert_eq!(nearest("urgnet", WORDS), Some("urgent"));
        assert_eq!(nearest("Normal", WORDS), Some("normal"));
        assert_eq!(nearest("max-retrys", WORDS), Some("max_retries"));
        assert_eq!(nearest("lo", WORDS), Some("low"));
    }

    #[test]
    fn a_word_that_means_something_else_gets_no_proposal() {
        for word in ["", "banana", "x", "12"] {
            assert_eq!(nearest(word, WORDS), None, "{word}");
        }
        assert_eq!(nearest(&"u".repeat(5000), WORDS), None);
    }

    #[test]
    fn of_two_equally_near_the_first_wins() {
        assert_eq!(nearest("tap", ["tip", "top"]), Some("tip"));
    }
}
