//! One file per command: each asks the layers below and hands the answer to the printer.

pub(crate) mod alerts;
pub(crate) mod bench;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod connect;
pub(crate) mod cron;
pub(crate) mod demo;
pub(crate) mod desk;
pub(crate) mod dev;
pub(crate) mod doctor;
pub(crate) mod enqueue;
pub(crate) mod init;
pub(crate) mod inspect;
pub(crate) mod man;
pub(crate) mod migrate;
pub(crate) mod operate;
pub(crate) mod private;
pub(crate) mod serve;
pub(crate) mod tokens;
pub(crate) mod top;
pub(crate) mod version;
pub(crate) mod work;
