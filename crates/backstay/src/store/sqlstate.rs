//! What a database error asks for: try again, connect again, fail the row, or stop.

/// What to do about an error of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Nothing is wrong with the statement: the same one may pass in a moment.
    Retry,
    /// The connection, or the server behind it, is gone or no longer takes writes.
    Reconnect,
    /// A value in it cannot be stored: the rest of its batch must not pay for it.
    FailRow,
    /// A prepared statement is not known there: a transaction pooler is in the way.
    Unprepare,
    /// Only a person can mend it.
    Stop,
}

/// Reads a SQLSTATE; none at all means that no answer came.
pub(crate) fn remedy(sqlstate: Option<&str>) -> Remedy {
    let Some(code) = sqlstate else { return Remedy::Reconnect };
    match code {
        "40001" | "40P01" | "55P03" | "57014" | "53300" | "53400" => Remedy::Retry,
        "25006" | "57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "25P04" => Remedy::Reconnect,
        "26000" | "42P05" => Remedy::Unprepare,
        "3D000" | "42501" | "42P01" | "42883" | "3F000" => Remedy::Stop,
        // What a door of ours refuses is about one row.
        code if code.starts_with("BS") => Remedy::FailRow,
        _ => match code.get(..2) {
            Some("08") => Remedy::Reconnect,
            Some("22" | "23" | "54") => Remedy::FailRow,
            Some("28") => Remedy::Stop,
            // Disk full and the like pass when somebody has made room.
            Some("53" | "58") => Remedy::Retry,
            _ => Remedy::Stop,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: &str, expected: Remedy) {
        assert_eq!(remedy(Some(code)), expected, "{code}");
    }

    #[test]
    fn each_class_of_error_has_its_remedy() {
        check("40001", Remedy::Retry);
        check("55P03", Remedy::Retry);
        check("53100", Remedy::Retry);
        check("08006", Remedy::Reconnect);
        check("57P01", Remedy::Reconnect);
        check("25006", Remedy::Reconnect);
        check("22P05", Remedy::FailRow);
        check("23505", Remedy::FailRow);
        check("54000", Remedy::FailRow);
        check("26000", Remedy::Unprepare);
        check("28P01", Remedy::Stop);
        check("42P01", Remedy::Stop);
        assert_eq!(remedy(None), Remedy::Reconnect);
    }

    proptest::proptest! {
        /// What a row is to blame for never stops the worker, and what the server is to blame for never buries a row.
        #[test]
        fn every_code_of_a_class_has_the_remedy_of_its_class(rest in "[0-9A-Z]{3}", any in ".{0,8}") {
            for class in ["22", "23", "54"] {
                check(&format!("{class}{rest}"), Remedy::FailRow);
            }
            check(&format!("08{rest}"), Remedy::Reconnect);
            check(&format!("BS{rest}"), Remedy::FailRow);
            assert_ne!(remedy(Some(&format!("40{rest}"))), Remedy::FailRow);
            assert_ne!(remedy(Some(&format!("57{rest}"))), Remedy::FailRow);
            // Whatever the server says has some remedy.
            remedy(Some(&any));
        }
    }
}
