//! Tables for `ending`.
