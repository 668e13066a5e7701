//! The sink against the double, in files by theme.

mod answers;
mod credentials;
mod facts;
mod health;
mod quiet;
mod servers;
mod stories;

use std::time::Duration;

use logwheel_core::{Batch, Delivered, DeliveryError, Level, Refused, Sink};

use super::double::{CloudWatch, now};
use super::*;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// A sink that waits long enough for the slowest test machine.
fn builder(service: &CloudWatch) -> CloudWatchSinkBuilder {
    CloudWatchSink::builder()
        .log_group_name("/test/group")
        .log_stream_name("stream")
        .region("eu-central-1")
        .endpoint_url(service.url())
        .credentials("AKIDEXAMPLE", "wJalrXUtnFEMI", Some("IQoJb3JpZ2lu".to_owned()))
        .timeout(Duration::from_secs(60))
}

fn sink(service: &CloudWatch) -> CloudWatchSink {
    builder(service).build().unwrap()
}

/// A batch of messages with their times in milliseconds.
fn batch<M: AsRef<[u8]>>(entries: impl IntoIterator<Item = (i64, M)>) -> Batch {
    let mut batch = Batch::new();
    for (at, message) in entries {
        batch.push(message.as_ref(), u64::try_from(at).unwrap() * 1_000_000, Level::INFO);
    }
    batch
}

/// `count` messages of now, named by their number.
fn numbered(count: usize) -> Batch {
    let start = now() - 1_000;
    batch((0..count).map(|n| (start, format!(r#"{{"n":{n}}}"#))))
}

/// What the engine counts when it does as the delivery policy says, retries at once included.
#[derive(Debug, Default, PartialEq, Eq)]
struct Books {
    delivered: usize,
    rejected: Vec<(&'static str, usize)>,
    dropped: Vec<(&'static str, usize)>,
    retries: Vec<&'static str>,
    splits: usize,
}

/// Delivers a batch to its end.
fn deliver(sink: &mut CloudWatchSink, batch: Batch) -> Books {
    let mut books = Books::default();
    let add = |list: &mut Vec<(&'static str, usize)>, reason, count| match list.iter_mut().find(|(r, _)| *r == reason) {
        Some((_, sum)) => *sum += count,
        None => list.push((reason, count)),
    };
    let mut parts = vec![batch];
    while let Some(mut part) = parts.pop() {
        match sink.deliver(&part) {
            Ok(delivered) => {
                assert_eq!(delivered, Delivered::all());
                books.delivered += part.len();
            }
            Err(DeliveryError::Retry { reason, .. }) => {
                books.retries.push(reason);
                assert!(books.retries.len() < 100, "{books:?}");
                parts.push(part);
            }
            Err(DeliveryError::Split { reason }) => {
                assert!(part.len() > 1, "{reason} for a single entry");
                books.splits += 1;
                let second = part.split_off(part.len() / 2);
                parts.extend([second, part]);
            }
            Err(DeliveryError::Reject { refused, reason, .. }) => {
                let refused: Vec<(usize, &'static str)> = match refused {
                    Refused::All => (0..part.len()).map(|at| (at, reason)).collect(),
                    Refused::Entries(entries) => entries.into_iter().map(|at| (at, reason)).collect(),
                    Refused::ByReason(entries) => entries,
                };
                assert!(refused.is_sorted_by(|(a, _), (b, _)| a < b) && refused.len() <= part.len());
                refused.iter().for_each(|(_, reason)| add(&mut books.rejected, reason, 1));
                books.delivered += part.len() - refused.len();
            }
            Err(DeliveryError::Fatal { reason, .. }) => add(&mut books.dropped, reason, part.len()),
            Err(other) => panic!("{other:?}"),
        }
    }
    books
}

/// The text of the failure that one attempt ends in.
fn failure(sink: &mut CloudWatchSink, batch: &Batch) -> String {
    match sink.deliver(batch) {
        Err(error @ DeliveryError::Retry { .. }) => format!("retry {error}"),
        Err(error @ DeliveryError::Fatal { .. }) => format!("fatal {error}"),
        Err(error @ DeliveryError::Reject { .. }) => format!("reject {error}"),
        other => panic!("{other:?}"),
    }
}
