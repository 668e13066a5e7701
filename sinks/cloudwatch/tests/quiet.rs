//! The SDK must not feed the pipeline that it serves.

use std::sync::Arc;

use parking_lot::Mutex;

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::*;

/// Notes the target of everything that is traced, as a bridge into the engine would take it.
struct Bridge(Arc<Mutex<Vec<&'static str>>>);

impl Subscriber for Bridge {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.0.lock().push(span.metadata().target());
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        self.0.lock().push(event.metadata().target());
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[test]
fn a_bridge_from_tracing_sees_nothing_of_the_sdk() {
    let service = CloudWatch::new();
    let seen = Arc::new(Mutex::default());
    tracing::subscriber::with_default(Bridge(Arc::clone(&seen)), || {
        tracing::info!(target: "test", "the bridge works");
        let mut sink = sink(&service);
        sink.start().unwrap();
        assert_eq!(deliver(&mut sink, numbered(3)).delivered, 3);
        sink.stop().unwrap();
        tracing::info!(target: "test", "and still does");
    });
    assert_eq!(*seen.lock(), ["test"; 2]);
}
