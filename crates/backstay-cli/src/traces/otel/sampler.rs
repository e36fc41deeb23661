//! Whether an attempt is traced: as the caller of its job was, where the sampler of the variables asks the caller at all.

use opentelemetry::trace::{Link, SpanKind, TraceContextExt, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingResult, ShouldSample};

/// A sampler for which a link stands in the place of a parent. Attempts have no parent, as a job may run days later; yet a
/// caller that was left out would be linked to by traces of everything that it caused.
#[derive(Debug, Clone)]
pub(super) struct AsItsCaller(pub(super) Box<dyn ShouldSample>);

impl ShouldSample for AsItsCaller {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let Some(caller) = links.first().map(|link| &link.span_context) else {
            return self.0.should_sample(parent, trace_id, name, kind, attributes, links);
        };
        let parent = Context::new().with_remote_span_context(caller.clone());
        // A sampler by ratio decides by the trace: by the caller's it decides as it did there.
        self.0.should_sample(Some(&parent), caller.trace_id(), name, kind, attributes, links)
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_sdk::trace::{Sampler, SamplingDecision};

    use super::super::context;
    use super::*;

    fn is_sampled(sampler: Sampler, caller: Option<&str>) -> bool {
        let links: Vec<Link> =
            caller.and_then(context::read).map(Link::with_context).into_iter().collect();
        let sampler = AsItsCaller(Box::new(sampler));
        let kind = SpanKind::Consumer;
        let decided =
            sampler.should_sample(None, TraceId::from(7), "process default", &kind, &[], &links);
        decided.decision == SamplingDecision::RecordAndSample
    }

    #[test]
    fn a_sampler_that_asks_the_parent_asks_the_caller() {
        let by_caller = || Sampler::ParentBased(Box::new(Sampler::AlwaysOn));
        let trace = |flags| format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}");
        assert!(is_sampled(by_caller(), Some(&trace("01"))));
        assert!(!is_sampled(by_caller(), Some(&trace("00"))));
        assert!(is_sampled(by_caller(), None), "nobody said no");
        assert!(is_sampled(Sampler::AlwaysOn, Some(&trace("00"))), "this one asks nobody");
        let none_of_ours = Sampler::ParentBased(Box::new(Sampler::AlwaysOff));
        assert!(is_sampled(none_of_ours, Some(&trace("01"))), "the caller said yes");
    }
}
