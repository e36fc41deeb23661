//! What `backstay demo` is made of: a shop, its API, its worker, and the story that is told and checked with them.

mod api;
mod ask;
pub(crate) mod database;
mod folder;
mod handlers;
pub(crate) mod http;
mod kinds;
mod language;
mod parts;
mod screen;
mod shop;
mod sink;
mod story;
mod summary;
mod trickle;

pub(crate) use api::run as run_api;
pub(crate) use folder::make as make_folder;
pub(crate) use handlers::worker;
pub(crate) use parts::end_with_demo;
pub(crate) use story::Stage;
pub(crate) use summary::{Summary, grouped};
