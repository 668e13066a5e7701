//! Everything that the crate promises to export, touched once: what goes missing does not compile.

mod support;

use std::fmt::{Debug, Display};
use std::time::Duration;

// The engine's own.
use logwheel::{
    AttachError, BuildError, Diagnostic, Engine, EngineBuilder, FlushError, FlushReport, Flushed, FlushedSink,
    GlobalGuard, InScope, InitError, Lanes, Ledger, Logger, Notes, OnFull, OnOverflow, Pin, ProcessFailure,
    RedactFailure, Report, Route, Scope, ScopeGuard, Severity, SinkLedger, SinkOptions, StageKind, StageTotals,
    Topology, as_error, current_trace, global, init,
};
// The core's.
use logwheel::{
    Batch, BatchLimits, Callsite, Delivered, DeliveryError, EncodeCounts, EncodedFields, Enricher, Enrichment, Entry,
    Envelope, Event, EventBuffers, Field, Filter, Health, Identity, JsonEncoder, JsonText, Layer, Level, LevelError,
    LineBuffer, NameEnds, Named, PayloadDraft, Processed, Processor, RawJson, Record, Redactor, Refused, Secret, Shape,
    Sink, SinkError, StageError, ToValue, TraceContext, UnknownLevel, Value, Verdict, named, wire, write_error_chain,
};
// The sinks'.
use logwheel::{
    BreakerSettings, FileSink, MemoryEntry, MemoryHandle, MemorySink, NullSink, Overflow, RetrySettings, Rotation,
    Spool, SpoolError, SpoolSettings, SpoolSync, StdoutFormat, StdoutSink, policy,
};
#[cfg(feature = "cloudwatch")]
use logwheel::{CloudWatchConfigError, CloudWatchSink, CloudWatchSinkBuilder};
#[cfg(feature = "http")]
use logwheel::{HttpCompression, HttpConfigError, HttpFormat, HttpSignature, HttpSink, HttpSinkBuilder, HttpTimeouts};
#[cfg(feature = "loki")]
use logwheel::{LokiFormat, LokiHandle, LokiSink, LokiSinkBuilder, LongLine};
// The stages'.
#[cfg(feature = "encrypt")]
use logwheel::{DecryptError, Decryptor, Encrypt, EncryptKey, EncryptKeyError};
use logwheel::{
    FieldBlocker, FieldMask, FieldPathError, Finding, PresetError, PresetMask, PresetPattern, RedactPreset, RegexMask,
    RegexMaskError, StringTruncate, UrlCredentials,
};
use logwheel::{Host, HostField, LevelFilter, StaticFields, enrichers, filters, redactors};
use logwheel::{SizeAction, SizeGuard, SizeGuardBuilder, SizeGuardCounts, SizeGuardError, processors};
// The hash chain's.
use logwheel::{ChainBreak, ChainFault, ChainReport, log_files, verify_chain, verify_chain_with_key};
// The macros.
use logwheel::{audit, critical, debug, error, event, info, security, trace, warn};

fn is_shared<T: Send + Sync>() {}
fn is_sent<T: Send>() {}
fn is_handle<T: Clone + Send + Sync + Debug>() {}
fn is_error<T: std::error::Error + Send + Sync + 'static>() {}
fn is_plain<T: Copy + Eq + Debug + Send + Sync>() {}

#[test]
fn types_have_the_traits_that_users_rely_on() {
    is_shared::<Engine>();
    is_shared::<GlobalGuard>();
    is_sent::<Flushed>();
    is_sent::<InScope<std::future::Ready<()>>>();
    is_sent::<Box<dyn Sink>>();
    is_sent::<(Box<dyn Filter>, Box<dyn Enricher>, Box<dyn Redactor>, Box<dyn Processor>)>();
    is_handle::<Logger>();
    is_handle::<MemoryHandle>();
    is_handle::<(Report, Ledger, Notes, SinkLedger, StageTotals, MemoryEntry, Batch, EncodedFields, Scope)>();
    is_handle::<(SinkOptions, RetrySettings, BreakerSettings, SpoolSettings, Refused, Health, Pin, Rotation)>();
    is_handle::<(Route, FlushReport, FlushedSink)>();
    is_handle::<(policy::DeliveryPolicy, policy::Command, policy::DeliveryCounts, policy::News)>();
    is_sent::<Spool>();
    is_error::<SpoolError>();
    is_plain::<(SpoolSync, policy::Role)>();
    is_error::<AttachError>();
    is_error::<BuildError>();
    is_error::<FlushError>();
    is_error::<InitError>();
    is_error::<LevelError>();
    is_error::<UnknownLevel>();
    is_error::<StageError>();
    is_error::<SinkError>();
    is_error::<DeliveryError>();
    is_error::<FieldPathError>();
    is_error::<PresetError>();
    is_error::<RegexMaskError>();
    is_error::<SizeGuardError>();
    is_error::<ChainBreak>();
    is_error::<ChainFault>();
    is_handle::<(SizeGuardCounts, SizeGuardBuilder, ChainReport)>();
    is_plain::<SizeAction>();
    #[cfg(feature = "cloudwatch")]
    is_error::<CloudWatchConfigError>();
    #[cfg(feature = "http")]
    {
        is_error::<HttpConfigError>();
        is_plain::<(HttpCompression, HttpFormat, HttpTimeouts)>();
    }
    #[cfg(feature = "loki")]
    {
        is_handle::<LokiHandle>();
        is_plain::<(LokiFormat, LongLine)>();
    }
    #[cfg(feature = "encrypt")]
    {
        is_error::<DecryptError>();
        is_error::<EncryptKeyError>();
        is_handle::<(EncryptKey, Decryptor)>();
        is_sent::<Encrypt>();
    }
    is_plain::<(Level, Envelope, Layer, Shape, Identity, TraceContext, BatchLimits, Verdict, Processed)>();
    is_plain::<(Lanes, OnFull, OnOverflow, Topology, Overflow, ProcessFailure, RedactFailure)>();
    is_plain::<(StageKind, Severity, EncodeCounts, StdoutFormat, HostField)>();
    fn is_debug<T: Debug>() {}
    is_debug::<(EngineBuilder, ScopeGuard, Diagnostic<'_>, EventBuffers, Callsite)>();
    is_debug::<(Enrichment<'_, '_>, Event<'_>)>();
    is_debug::<(Record<'_>, Field<'_>, Entry<'_>, Value<'_>, RawJson<'_>, Named<()>)>();
}

#[test]
fn functions_and_constructors_are_where_they_belong() {
    fn is_display(_: &impl Display) {}
    is_display(&Level::INFO);
    is_display(&JsonText("x"));
    let _: fn(EngineBuilder) -> Result<GlobalGuard, InitError> = init;
    assert!(!global().enabled(Level::SECURITY));
    assert_eq!(current_trace(), None);
    let error = std::io::Error::other("failed");
    assert!(matches!(as_error(&error), Value::Error(_)));
    let mut text = String::new();
    write_error_chain(&error, &mut text).unwrap();
    assert_eq!(text, "failed");
    assert!(matches!(7u8.to_value(), Value::U64(7)));
    assert_eq!(wire::MAX_NAME, usize::from(u16::MAX));
    let _: for<'b> fn(&'b mut Batch) -> PayloadDraft<'b> = Batch::draft;
    let _: (LineBuffer, NameEnds) = (LineBuffer::new(), NameEnds::new());
    assert_eq!(JsonEncoder::new(Envelope::V1_1).counts(), EncodeCounts::default());
    let _: (LevelFilter, StaticFields, Host) =
        (filters::LevelFilter::new(Level::INFO), StaticFields::new(), Host::new());
    let _: Result<FieldMask, _> = redactors::FieldMask::new(["a"]);
    let _: Result<FieldBlocker, _> = redactors::FieldBlocker::new(["a"]);
    let _: Result<RegexMask, _> = redactors::RegexMask::new(["a"]);
    let _: (UrlCredentials, StringTruncate) = (redactors::UrlCredentials::new(), StringTruncate::new());
    let _: (PresetMask, &[PresetPattern]) =
        (PresetMask::new(RedactPreset::all().to_vec()), RedactPreset::Jwt.patterns());
    let _: Vec<Finding> = redactors::RedactPreset::Jwt.test("none");
    let _: Secret<u8> = Secret::new(1);
    let _ = enrichers::StaticFields::new();
    let _: SizeGuard = processors::SizeGuard::new();
    assert_eq!(verify_chain(log_files("never-written.log").unwrap()).unwrap().lines, 0);
    assert_eq!(verify_chain_with_key(log_files("never-written.log").unwrap(), "key").unwrap().files, 0);
    let _: (NullSink, MemorySink) = (NullSink, MemorySink::new());
    let _: (FileSink, StdoutSink) = (FileSink::new("never-opened.log"), StdoutSink::json());
    #[cfg(feature = "cloudwatch")]
    {
        let builder: CloudWatchSinkBuilder = CloudWatchSink::builder().log_group_name("/a/group");
        assert!(builder.build().is_ok());
    }
    #[cfg(feature = "http")]
    {
        let builder: HttpSinkBuilder = HttpSink::builder("http://127.0.0.1:9/").format(HttpFormat::Ndjson);
        assert!(builder.signature(HttpSignature::new("s")).build().is_ok());
    }
    #[cfg(feature = "loki")]
    {
        let builder: LokiSinkBuilder = LokiSink::builder("http://127.0.0.1:9/").format(LokiFormat::Json);
        assert!(builder.long_lines(LongLine::Truncate).build().is_ok());
    }
    assert_eq!(Delivered::all(), Delivered::unconfirmed(0));
}

#[test]
fn every_level_has_its_macro() {
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = support::small()
        .level(Level::TRACE)
        .topology(Topology::Fused)
        .wake_level(Level::ERROR)
        .idle_park(Duration::from_millis(50))
        .filter(named("named", |_: &Event<'_>| true))
        .sink(memory)
        .build()
        .unwrap();
    let logger = engine.logger("t");
    trace!(logger, "m");
    debug!(logger, "m");
    info!(logger, "m");
    warn!(logger, "m");
    error!(logger, "m");
    critical!(logger, "m");
    audit!(logger, "m");
    security!(logger, "m");
    event!(Level::INFO, logger, "m");
    assert!(engine.shutdown(support::LONG).complete);
    let levels: Vec<_> = handle.entries().iter().map(|entry| entry.level.number()).collect();
    assert_eq!(levels, [5, 10, 20, 30, 40, 50, 60, 70, 20]);
}
