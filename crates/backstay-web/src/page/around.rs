//! Where a page stands among the others, so that every address in it can be relative.

use axum::extract::OriginalUri;
use axum::http::Uri;
use axum::http::request::Parts;

/// Where a page is among the others.
pub(crate) struct Around {
    pub(super) base: String,
    pub(super) here: String,
}

impl Around {
    pub(crate) fn of(parts: &Parts) -> Around {
        let original = parts.extensions.get::<OriginalUri>().map(|uri| uri.0.path());
        Around { base: base(parts.uri.path(), original), here: here(&parts.uri) }
    }
}

/// What leads to the first page from a path within the router, which a browser may know by a longer one.
fn base(path: &str, original: Option<&str>) -> String {
    if path == "/" {
        // Mounted somewhere, the first page may be asked for without the slash at its end.
        let last = original.unwrap_or("/").rsplit('/').next().unwrap_or("");
        return if last.is_empty() { "./".into() } else { format!("./{last}/") };
    }
    match path.matches('/').count() - 1 {
        0 => "./".into(),
        ups => "../".repeat(ups),
    }
}

fn here(uri: &Uri) -> String {
    let path = uri.path_and_query().map_or("/", |all| all.as_str());
    path.trim_start_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_finds_the_first_one_wherever_it_is_mounted() {
        assert_eq!(base("/", None), "./");
        assert_eq!(base("/", Some("/a/b/")), "./");
        assert_eq!(base("/", Some("/a/b")), "./b/");
        assert_eq!(base("/jobs", Some("/a/b/jobs")), "./");
        assert_eq!(base("/jobs/41", None), "../");
        assert_eq!(base("/dead/groups/ab", None), "../../");
    }
}
