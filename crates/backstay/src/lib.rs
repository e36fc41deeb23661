//! backstay

mod model;

pub use model::unit;
