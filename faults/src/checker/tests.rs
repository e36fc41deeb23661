//! Hand-made histories with the verdict that each must get, and chance: what is lawful is never accused, a change of it always is.

mod cases;
mod chance;
mod story;
