//! One adapter per driver and major version, each behind the feature of that name.

#[cfg(feature = "worker")]
mod database;
#[cfg(feature = "sqlx-0_8")]
mod sqlx_0_8;
#[cfg(feature = "sqlx-0_9")]
mod sqlx_0_9;
#[cfg(feature = "tokio-postgres-0_7")]
mod tokio_postgres_0_7;
