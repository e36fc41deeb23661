//! The worker: claims, runs, judges, settles; and the duties that keep the house.

pub(crate) mod around;
pub(crate) mod context;
pub(crate) mod deliver;
pub(crate) mod duties;
pub(crate) mod duty;
pub(crate) mod ended;
pub(crate) mod fail;
pub(crate) mod figures;
pub(crate) mod handler;
pub(crate) mod host;
pub(crate) mod inline;
pub(crate) mod looper;
pub(crate) mod main;
pub(crate) mod push;
pub(crate) mod settle;
pub(crate) mod trace;
pub(crate) mod worker;
