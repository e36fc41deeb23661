//! What operators do and see: verbs, lists, the doctor, and the invariants.

pub mod check;
pub mod doctor;
pub mod inspect;
pub mod operate;
pub mod session;
pub mod token;
