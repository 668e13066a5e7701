use std::time::Duration;

use logwheel_core::{Batch, Delivered, DeliveryError, Level, Refused, Sink};

use super::double::{DAY, Double, HOUR, Limits, SECOND};
use super::*;
use crate::http::server::Reply;

mod facts;
mod health;
mod labelling;
mod outcomes;
mod real;

/// A sink that waits long enough for the slowest test machine.
fn builder(double: &Double) -> LokiSinkBuilder {
    LokiSink::builder(double.url()).timeout(Duration::from_secs(60))
}

fn sink(double: &Double) -> LokiSink {
    builder(double).build().unwrap()
}

/// Lines with their times.
fn batch<'a>(entries: impl IntoIterator<Item = (u64, &'a str)>) -> Batch {
    let mut batch = Batch::new();
    entries.into_iter().for_each(|(time, line)| batch.push(line.as_bytes(), time, Level::INFO));
    batch
}

/// Numbered lines of this length, one a microsecond, up to now.
fn numbered(now: u64, count: u64, len: usize) -> Batch {
    let mut batch = Batch::new();
    for n in 0..count {
        let line = format!("{n:05}");
        let filled = line.clone() + &".".repeat(len - line.len());
        batch.push(filled.as_bytes(), now - (count - n) * 1_000, Level::INFO);
    }
    batch
}

/// Time, line, and the fields that are beside it.
type Fields<'a> = (u64, &'a str, &'a [(&'a str, &'a str)]);

fn with_fields(sink: &LokiSink, entries: &[Fields<'_>]) -> Batch {
    let mut batch = Batch::with_columns(sink.columns().into());
    for (time, line, fields) in entries {
        batch.push(line.as_bytes(), *time, Level::INFO);
        for (field, value) in *fields {
            batch.set_cell(batch.column(field).unwrap(), value);
        }
    }
    batch
}

fn owned(labels: &[(&str, &str)]) -> encode::LabelSet {
    labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// What the engine does with a batch, without its pauses: tries again, splits. Returns how many
/// entries were delivered and how many refused.
fn drive(sink: &mut LokiSink, batch: Batch) -> (usize, usize) {
    let (mut delivered, mut refused) = (0, 0);
    let mut todo = vec![batch];
    let mut attempts = 0;
    while let Some(mut batch) = todo.pop() {
        attempts += 1;
        assert!(attempts < 1_000, "it goes round in circles");
        match sink.deliver(&batch) {
            Ok(_) => delivered += batch.len(),
            Err(DeliveryError::Retry { .. }) => todo.push(batch),
            Err(DeliveryError::Split { .. }) => {
                let second = batch.split_off(batch.len() / 2);
                todo.extend([second, batch]);
            }
            Err(DeliveryError::Reject { refused: Refused::All, .. }) => refused += batch.len(),
            Err(DeliveryError::Reject { refused: Refused::Entries(entries), .. }) => {
                refused += entries.len();
                delivered += batch.len() - entries.len();
            }
            Err(DeliveryError::Reject { refused: Refused::ByReason(entries), .. }) => {
                refused += entries.len();
                delivered += batch.len() - entries.len();
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    (delivered, refused)
}

/// The positions that were refused, and the word for it.
#[track_caller]
fn refused(result: Result<Delivered, DeliveryError>) -> (Refused, &'static str) {
    match result {
        Err(DeliveryError::Reject { refused, reason, .. }) => (refused, reason),
        other => panic!("{other:?}"),
    }
}
