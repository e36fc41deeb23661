//! The program in another language that does one of the shop's kinds: the first that this machine has.

/// The program of another language that writes receipts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Language {
    /// For people.
    pub(crate) name: &'static str,
    pub(crate) program: &'static str,
    /// The name of its script, and what stands in it.
    pub(crate) script: &'static str,
    pub(crate) text: &'static str,
}

const LANGUAGES: [Language; 3] = [
    Language {
        name: "Node",
        program: "node",
        script: "receipt.mjs",
        text: include_str!("scripts/receipt.mjs"),
    },
    Language {
        name: "Python",
        program: "python3",
        script: "receipt.py",
        text: include_str!("scripts/receipt.py"),
    },
    Language {
        name: "sh",
        program: "sh",
        script: "receipt.sh",
        text: include_str!("scripts/receipt.sh"),
    },
];

impl Language {
    /// The first of them that is here and runs; every Unix has the last.
    pub(crate) fn find() -> Language {
        let [first @ .., last] = LANGUAGES;
        first.into_iter().find(|language| language.runs()).unwrap_or(last)
    }

    /// A name in PATH may be a shim of a version manager with nothing behind it.
    fn runs(&self) -> bool {
        let mut command = std::process::Command::new(self.program);
        command.arg("--version").stdin(std::process::Stdio::null());
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        on_path(self.program) && command.status().is_ok_and(|status| status.success())
    }
}

/// Whether a program is in a folder of PATH.
pub(crate) fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn the_receipt_comes_to_the_same_total_in_every_language_that_is_here() {
        let dir = std::env::temp_dir().join(format!("backstay-receipt-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let mut tried = 0;
        for language in LANGUAGES.into_iter().filter(Language::runs) {
            fs::write(dir.join(language.script), language.text).unwrap();
            // The shell leads what the script writes on descriptor 3 to our stdout.
            let mut child = Command::new("sh")
                .args(["-c", "exec \"$0\" \"$1\" 3>&1", language.program, language.script])
                .current_dir(&dir)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let args = r#"{"order": 7, "prices": [250, 1000], "quantities": [2, 3]}"#;
            child.stdin.take().unwrap().write_all(args.as_bytes()).unwrap();
            let output = child.wait_with_output().unwrap();
            let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            assert!(output.status.success(), "{}", language.name);
            assert_eq!(said["output"]["total_cents"], 3500, "{}", language.name);
            assert!(fs::read_to_string(dir.join("receipt-7.txt")).unwrap().contains("Order 7"));
            tried += 1;
        }
        assert!(tried > 0);
        fs::remove_dir_all(dir).unwrap();
    }
}
