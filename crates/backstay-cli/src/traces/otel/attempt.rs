//! The span of one attempt: `process QUEUE`, a trace of its own with a link to whoever enqueued the job.

use std::time::{Duration, SystemTime};

use backstay::{AttemptEnd, JobInfo, Traced};
use opentelemetry::trace::{Link, Span as _, SpanKind, Status, Tracer};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SdkTracer, Span};

use super::context;

/// Begins the span of an attempt. Its handler gets it as its parent also where it is not recorded, so that all decide alike.
pub(super) fn begin(tracer: &SdkTracer, job: &JobInfo, waited: Duration) -> Traced {
    let caller = job.trace.as_deref().and_then(context::read);
    let began = SystemTime::now();
    let mut span = tracer
        .span_builder(format!("process {}", job.queue))
        .with_kind(SpanKind::Consumer)
        .with_start_time(began)
        .with_links(caller.map(Link::with_context).into_iter().collect())
        .start_with_context(tracer, &Context::new());
    let trace = context::write(span.span_context());
    if !span.is_recording() {
        return Traced { trace, end: Box::new(|_| {}) };
    }
    span.set_attributes([
        KeyValue::new("messaging.system", "backstay"),
        KeyValue::new("messaging.destination.name", job.queue.clone()),
        KeyValue::new("messaging.operation.name", "process"),
        KeyValue::new("messaging.operation.type", "process"),
        KeyValue::new("messaging.message.id", job.id.to_string()),
        KeyValue::new("backstay.kind", job.kind.clone()),
        KeyValue::new("backstay.attempt", i64::from(job.attempt)),
        KeyValue::new("backstay.worker", job.worker.to_string()),
        KeyValue::new("backstay.wait_seconds", waited.as_secs_f64()),
    ]);
    Traced { trace, end: Box::new(move |end| finish(span, began, end)) }
}

/// Ends it at the moment at which the attempt ended, which is earlier than the moment at which that was written down.
fn finish(mut span: Span, began: SystemTime, end: &AttemptEnd) {
    span.set_attribute(KeyValue::new("backstay.outcome", end.outcome));
    if let Some(cpu) = end.cpu {
        span.set_attribute(KeyValue::new("backstay.cpu_seconds", cpu.as_secs_f64()));
    }
    if let Some(bytes) = end.peak_bytes {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        span.set_attribute(KeyValue::new("backstay.peak_memory_bytes", bytes));
    }
    if end.is_error {
        span.set_attribute(KeyValue::new("error.type", end.outcome));
        let class = end.error_class.clone();
        span.set_attributes(class.map(|class| KeyValue::new("backstay.error_class", class)));
        span.set_status(Status::error(end.message.clone().unwrap_or_default()));
    }
    span.end_with_timestamp(began + end.wall);
}
