//! The way to the collector: a bounded line of spans, sent in batches from a thread of its own; what is lost on it is told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use backstay::model::event::{self, Event};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{Protocol, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::resource::{EnvResourceDetector, TelemetryResourceDetector};
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Config, SdkTracerProvider, Span, SpanData,
    SpanExporter, SpanProcessor,
};
use reqwest::blocking::Client;
use reqwest::redirect::Policy;

use super::sampler::AsItsCaller;
use crate::settings::Environment;

/// Spans that wait at most, where `OTEL_BSP_MAX_QUEUE_SIZE` says nothing else: the default of the standard, some 2 MiB.
const LINE: usize = 2048;
/// The most that a variable may make of it.
const LINE_MOST: usize = 65_536;
/// For one batch, where `OTEL_EXPORTER_OTLP_TIMEOUT` says nothing else: the default of the standard.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A collector that is away is told of at most this often.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// Takes spans, and hands them over.
pub(super) struct Collector {
    pub(super) provider: SdkTracerProvider,
    line: Arc<Line>,
}

impl Collector {
    /// Starts the thread that sends. The error says which variable to mend.
    pub(super) fn new(environment: &Environment) -> Result<Collector, String> {
        check_protocol(environment)?;
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_http_client(client(environment)?)
            .build()
            .map_err(|error| error.to_string())?;
        let most = number(environment, &["OTEL_BSP_MAX_QUEUE_SIZE"]).unwrap_or(LINE as u64);
        let most = usize::try_from(most).unwrap_or(LINE_MOST).clamp(1, LINE_MOST);
        let line = Arc::new(Line::new(most));
        let batches = BatchConfigBuilder::default().with_max_queue_size(most).build();
        let batches = BatchSpanProcessor::builder(Exporter { line: line.clone(), otlp: exporter })
            .with_batch_config(batches)
            .build();
        let provider = SdkTracerProvider::builder()
            .with_sampler(AsItsCaller(Config::default().sampler))
            .with_resource(resource(environment))
            .with_span_processor(Processor { line: line.clone(), batches })
            .build();
        Ok(Collector { provider, line })
    }

    /// Sends what waits, for as long as this, and tells what was lost.
    pub(super) fn end(self, within: Duration) {
        if self.provider.shutdown_with_timeout(within).is_err() {
            let left = self.line.waiting.load(Ordering::Acquire);
            self.line.lost(left, "the worker has ended before they were taken");
        }
        self.line.tell();
    }
}

/// There is one way to speak with a collector here.
fn check_protocol(environment: &Environment) -> Result<(), String> {
    for name in ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"] {
        match environment.get(name) {
            None => continue,
            Some("http/protobuf") => break,
            Some(other) => {
                return Err(format!(
                    "{name} is `{other}`: spans are sent as `http/protobuf` only, which collectors take on port 4318"
                ));
            }
        }
    }
    Ok(())
}

fn client(environment: &Environment) -> Result<Client, String> {
    let names = ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"];
    let timeout = number(environment, &names).map_or(TIMEOUT, Duration::from_millis);
    let tls = backstay_alert::tls::client().map_err(|error| error.to_string())?;
    Client::builder()
        .tls_backend_preconfigured(tls)
        .timeout(timeout)
        .redirect(Policy::none())
        .user_agent(concat!("backstay/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| error.to_string())
}

fn number(environment: &Environment, names: &[&str]) -> Option<u64> {
    names.iter().find_map(|name| environment.get(name)).and_then(|text| text.trim().parse().ok())
}

/// Who sends: `OTEL_SERVICE_NAME` wins over `OTEL_RESOURCE_ATTRIBUTES`, and that over what is known here.
fn resource(environment: &Environment) -> Resource {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let known = [
        KeyValue::new("service.name", "backstay"),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("host.name", host),
        KeyValue::new("process.pid", i64::from(std::process::id())),
    ];
    let name = environment.get("OTEL_SERVICE_NAME").map(str::to_owned);
    Resource::builder_empty()
        .with_attributes(known)
        .with_detectors(&[
            Box::new(TelemetryResourceDetector),
            Box::new(EnvResourceDetector::new()),
        ])
        .with_attributes(name.map(|name| KeyValue::new("service.name", name)))
        .build()
}

/// The spans between their end and the collector: how many there are, and what was lost of them.
#[derive(Debug)]
struct Line {
    most: usize,
    waiting: AtomicUsize,
    lost: Mutex<Lost>,
}

#[derive(Debug, Default)]
struct Lost {
    /// Since it was told last.
    count: u64,
    /// Why, the last time.
    error: String,
    told_at: Option<Instant>,
}

impl Line {
    fn new(most: usize) -> Line {
        Line { most, waiting: AtomicUsize::new(0), lost: Mutex::default() }
    }

    /// Whether there is room for one more; a full line loses the span, so that no attempt waits for the collector.
    fn enter(&self) -> bool {
        let more = |waiting| (waiting < self.most).then_some(waiting + 1);
        let entered = self.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        if entered.is_err() {
            self.lost(1, "the collector takes them more slowly than they come");
        }
        entered.is_ok()
    }

    /// A batch has left, taken by the collector or given up.
    fn leave(&self, count: usize, result: &OTelSdkResult) {
        self.waiting.fetch_sub(count, Ordering::AcqRel);
        if let Err(error) = result {
            self.lost(count, &error.to_string());
        }
    }

    /// Counts what was lost, and tells it unless that was done a moment ago.
    fn lost(&self, count: usize, error: &str) {
        let mut lost = self.lost.lock().expect("nobody panics while holding it");
        lost.count += count as u64;
        error.clone_into(&mut lost.error);
        if lost.told_at.is_none_or(|at| at.elapsed() >= TOLD_EVERY) {
            lost.tell();
        }
    }

    fn tell(&self) {
        self.lost.lock().expect("nobody panics while holding it").tell();
    }
}

impl Lost {
    fn tell(&mut self) {
        if self.count > 0 {
            let (count, error) = (self.count, std::mem::take(&mut self.error));
            event::emit(&Event::TracesLost { count, error });
            *self = Lost { told_at: Some(Instant::now()), ..Lost::default() };
        }
    }
}

/// Lets in as many spans as there is room for. The SDK's own line is as long, so it loses none unheard.
#[derive(Debug)]
struct Processor {
    line: Arc<Line>,
    batches: BatchSpanProcessor,
}

impl SpanProcessor for Processor {
    fn on_start(&self, _span: &mut Span, _context: &Context) {}

    fn on_end(&self, span: SpanData) {
        if self.line.enter() {
            self.batches.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batches.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.batches.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.batches.set_resource(resource);
    }
}

/// Sends batches, and notes what became of them.
#[derive(Debug)]
struct Exporter {
    line: Arc<Line>,
    otlp: opentelemetry_otlp::SpanExporter,
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len();
        let result = self.otlp.export(batch).await;
        self.line.leave(count, &result);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.otlp.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.otlp.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_sdk::error::OTelSdkError;

    use super::*;

    #[test]
    fn a_full_line_loses_what_comes_and_takes_more_when_a_batch_has_left() {
        let line = Line::new(2);
        assert!(line.enter() && line.enter() && !line.enter());
        line.leave(2, &Ok(()));
        assert!(line.enter());
        assert_eq!(line.lost.lock().unwrap().count, 0, "the lost one was told");
    }

    #[test]
    fn a_collector_that_is_away_is_told_of_once_and_what_is_lost_meanwhile_is_counted() {
        let line = Line::new(8);
        let away = || Err(OTelSdkError::InternalFailure("nobody is there".into()));
        for _ in 0..4 {
            assert!(line.enter());
            line.leave(1, &away());
        }
        assert_eq!(line.lost.lock().unwrap().count, 3, "since the first was told");
        line.tell();
        assert_eq!(line.lost.lock().unwrap().count, 0);
    }

    #[test]
    fn a_protocol_that_is_not_spoken_here_says_which_is() {
        let said = check_protocol(&Environment::of(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]));
        assert!(said.unwrap_err().contains("OTEL_EXPORTER_OTLP_PROTOCOL is `grpc`"));
        let own = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf");
        let both = [own, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")];
        assert!(check_protocol(&Environment::of(&both)).is_ok(), "that of traces wins");
    }
}
