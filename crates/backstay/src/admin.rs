//! What operators do and see: verbs, lists, and the doctor.

pub mod doctor;
pub mod inspect;
pub mod operate;
