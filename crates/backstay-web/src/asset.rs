//! What pages load beside themselves: one stylesheet, one script, one picture, all in the binary.

use std::sync::LazyLock;

use axum::Router;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::get;
use sha2::{Digest, Sha256};

use crate::ask::typed;

struct Asset {
    path: &'static str,
    sort: &'static str,
    text: &'static str,
}

const ASSETS: [Asset; 3] = [
    Asset {
        path: "/assets/app.css",
        sort: "text/css; charset=utf-8",
        text: include_str!("../assets/app.css"),
    },
    Asset {
        path: "/assets/app.js",
        sort: "text/javascript; charset=utf-8",
        text: include_str!("../assets/app.js"),
    },
    Asset {
        path: "/assets/mark.svg",
        sort: "image/svg+xml",
        text: include_str!("../assets/mark.svg"),
    },
];

/// Changes with what they hold.
pub(crate) fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let all = ASSETS.iter().fold(Sha256::new(), |all, asset| all.chain_update(asset.text));
        all.finalize()[..4].iter().map(|byte| format!("{byte:02x}")).collect()
    });
    &VERSION
}

/// Adds them; they tell nobody anything, so nobody is asked who it is.
pub(crate) fn routes(router: Router, dress: fn(Response) -> Response) -> Router {
    ASSETS.iter().fold(router, |router, asset| {
        router.route(
            asset.path,
            get(async move || {
                let mut response = dress(typed(StatusCode::OK, asset.sort, asset.text));
                let keep = HeaderValue::from_static("public, max-age=31536000, immutable");
                response.headers_mut().insert(CACHE_CONTROL, keep);
                response
            }),
        )
    })
}
