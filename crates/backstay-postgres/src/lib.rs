//! backstay-postgres
