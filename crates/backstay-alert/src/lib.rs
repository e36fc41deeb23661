//! backstay-alert
