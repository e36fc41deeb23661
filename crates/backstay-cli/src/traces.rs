//! Traces of attempts by OpenTelemetry, behind the feature `otel`; without it nothing of them is in the binary.

#[cfg(feature = "otel")]
mod otel;
#[cfg(not(feature = "otel"))]
mod without;

#[cfg(feature = "otel")]
pub(crate) use otel::Traces;
#[cfg(not(feature = "otel"))]
pub(crate) use without::Traces;
