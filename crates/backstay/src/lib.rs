//! backstay
