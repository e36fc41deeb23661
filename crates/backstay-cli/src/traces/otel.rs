//! Whether attempts are traced, by the standard variables; a span for each, and an end that waits for nobody for long.

mod attempt;
mod collector;
mod context;
mod sampler;

use std::time::Duration;

use backstay::Worker;
use backstay::model::event::{self, Event};
use opentelemetry::InstrumentationScope;
use opentelemetry::trace::TracerProvider;

use self::collector::Collector;
use crate::settings::Environment;

/// Any of these names a collector.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

/// So long the end of a worker waits for the collector. A drain takes 25 s of the 30 s that orchestrators give.
const FLUSH: Duration = Duration::from_secs(2);

/// What becomes of traces while this process lives.
pub(crate) struct Traces(Option<Collector>);

impl Traces {
    /// Starts tracing where a collector is named. What is wrong with its variables is told, and stops no worker.
    pub(crate) fn start(environment: &Environment) -> Traces {
        if !is_wanted(environment) {
            return Traces(None);
        }
        let collector = Collector::new(environment);
        let told = |error: &String| {
            event::emit(&Event::TracesLost { count: 0, error: error.clone() });
        };
        Traces(collector.inspect_err(told).ok())
    }

    /// Has the attempts of this worker traced.
    pub(crate) fn of<S: Clone + Send + Sync + 'static>(&self, worker: Worker<S>) -> Worker<S> {
        let Some(collector) = &self.0 else { return worker };
        let scope =
            InstrumentationScope::builder("backstay").with_version(env!("CARGO_PKG_VERSION"));
        let tracer = collector.provider.tracer_with_scope(scope.build());
        worker.trace(move |job, waited| Some(attempt::begin(&tracer, job, waited)))
    }

    /// Hands over what is left, for two seconds at most.
    pub(crate) fn end(self) {
        if let Some(collector) = self.0 {
            collector.end(FLUSH);
        }
    }
}

fn is_wanted(environment: &Environment) -> bool {
    let says = |name, word: &str| {
        environment.get(name).is_some_and(|value| value.eq_ignore_ascii_case(word))
    };
    let is_named = ENDPOINTS.iter().any(|name| environment.get(name).is_some());
    is_named && !says("OTEL_SDK_DISABLED", "true") && !says("OTEL_TRACES_EXPORTER", "none")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_started_where_no_collector_is_named_or_somebody_switched_it_off() {
        let named = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
        let is_wanted = |variables: &[_]| is_wanted(&Environment::of(variables));
        assert!(!is_wanted(&[]) && !is_wanted(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")]));
        assert!(!is_wanted(&[("OTEL_SERVICE_NAME", "shop")]));
        assert!(is_wanted(&[named]));
        assert!(is_wanted(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:4318/x")]));
        assert!(!is_wanted(&[named, ("OTEL_SDK_DISABLED", "TRUE")]));
        assert!(is_wanted(&[named, ("OTEL_SDK_DISABLED", "false")]));
        assert!(!is_wanted(&[named, ("OTEL_TRACES_EXPORTER", "none")]));
    }
}
