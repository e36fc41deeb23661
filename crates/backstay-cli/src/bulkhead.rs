//! What `backstay bench bulkhead` is made of: a small API, six runaways beside it, and what they do to each other.

mod api;
mod course;
mod goal;
mod harm;
mod jobs;
mod load;
mod part;
mod picture;
mod plan;
mod report;
mod row;
mod runaway;
mod side;
mod stage;
mod storm;

pub(crate) use api::run as run_api;
pub(crate) use course::measure;
pub(crate) use goal::Verdict;
pub(crate) use jobs::work;
pub(crate) use part::{end_with_bench, leave_terminal, raise_files};
pub(crate) use plan::Plan;
pub(crate) use report::Report;
pub(crate) use runaway::Runaway;
pub(crate) use stage::Stage;
