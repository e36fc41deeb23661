//! A place in a trace as text: W3C `traceparent`, with its `tracestate` behind a blank, as jobs carry it.

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

/// Longest `tracestate` that is handed on; the doors take no longer one either.
const STATE_BYTES: usize = 512;

/// Reads what a job carries; nothing where it makes no sense.
pub(super) fn read(trace: &str) -> Option<SpanContext> {
    let (parent, state) = trace.split_once(' ').unwrap_or((trace, ""));
    let mut parts = parent.split('-');
    let version = parts.next()?;
    let trace_id = TraceId::from_hex(parts.next()?).ok()?;
    let span_id = SpanId::from_hex(parts.next()?).ok()?;
    let flags = u8::from_str_radix(parts.next()?, 16).ok()?;
    let flags = TraceFlags::new(flags) & TraceFlags::SAMPLED;
    let state: TraceState = state.parse().unwrap_or_default();
    let context = SpanContext::new(trace_id, span_id, flags, true, state);
    (version != "ff" && context.is_valid()).then_some(context)
}

/// Writes it for a handler.
pub(super) fn write(context: &SpanContext) -> String {
    let (trace_id, span_id) = (context.trace_id(), context.span_id());
    let parent = format!("00-{trace_id}-{span_id}-{:02x}", context.trace_flags());
    let state = context.trace_state().header();
    if state.is_empty() || state.len() > STATE_BYTES { parent } else { format!("{parent} {state}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn what_was_read_is_written_as_it_was() {
        for trace in [PARENT.to_owned(), PARENT.replace("-01", "-00"), format!("{PARENT} a=1,b=2")]
        {
            assert_eq!(write(&read(&trace).unwrap()), trace);
        }
        assert!(read(PARENT).unwrap().is_sampled());
    }

    #[test]
    fn what_is_no_place_in_a_trace_is_none() {
        let no_trace = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
        let no_span = "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01";
        let forbidden = PARENT.replace("00-4bf", "ff-4bf");
        for trace in ["", "00-4bf9", no_trace, no_span, &forbidden] {
            assert!(read(trace).is_none(), "{trace}");
        }
        // A state that makes no sense costs only itself.
        assert_eq!(write(&read(&format!("{PARENT} nonsense")).unwrap()), PARENT);
    }
}
