//! From a batch to requests that CloudWatch Logs accepts. Pure functions.
//!
//! The limits are those of the API's model (`logs/2014-03-28`, `PutLogEvents`).

use std::ops::Range;

use logwheel_core::Batch;

use super::fate::Fate;

/// What each event costs on top of its message when the size of a request is counted.
pub(super) const EVENT_OVERHEAD: usize = 26;
/// The most bytes of one request: UTF-8 messages and their overhead.
pub(super) const MAX_REQUEST_BYTES: usize = 1_048_576;
/// The most events of one request.
pub(super) const MAX_REQUEST_EVENTS: usize = 10_000;
/// The most milliseconds between the first and the last event of one request.
pub(super) const MAX_SPAN: i64 = 24 * 60 * 60 * 1_000;
/// The most bytes of a message that fits into a request.
pub(super) const MAX_MESSAGE: usize = MAX_REQUEST_BYTES - EVENT_OVERHEAD;

/// One event as it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Message<'a> {
    /// Where its entry is in the batch.
    pub(super) position: usize,
    /// Milliseconds since the Unix epoch.
    pub(super) at: i64,
    pub(super) text: &'a str,
}

/// The messages of a batch in the order in which they are sent, and where each request ends.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) messages: Vec<Message<'a>>,
    pub(super) requests: Vec<Range<usize>>,
}

impl<'a> Plan<'a> {
    /// Plans the entries whose fate is [`Fate::Pending`]; those that no request can hold get
    /// [`Fate::Unsendable`].
    ///
    /// Messages are ordered by time, to the millisecond that the API knows; those of the same
    /// millisecond keep the order of the batch.
    pub(super) fn new(batch: &'a Batch, fates: &mut [Fate], max_event_bytes: usize, max_events: usize) -> Self {
        let mut messages = Vec::with_capacity(batch.len());
        for (position, (entry, fate)) in batch.iter().zip(fates).enumerate() {
            if *fate != Fate::Pending {
                continue;
            }
            match text(entry.payload, max_event_bytes) {
                Ok(text) => messages.push(Message { position, at: milliseconds(entry.timestamp), text }),
                Err(reason) => *fate = Fate::Unsendable(reason),
            }
        }
        // Stable, and next to nothing for what is in order already.
        messages.sort_by_key(|message| message.at);
        let requests = cut(&messages, max_events.clamp(1, MAX_REQUEST_EVENTS));
        Self { messages, requests }
    }
}

/// The payload as a message, or the word for why it cannot be one.
fn text(payload: &[u8], max_event_bytes: usize) -> Result<&str, &'static str> {
    if payload.is_empty() {
        return Err("empty");
    }
    if payload.len() > max_event_bytes.min(MAX_MESSAGE) {
        return Err("too_large");
    }
    std::str::from_utf8(payload).map_err(|_| "invalid_utf8")
}

fn milliseconds(nanoseconds: u64) -> i64 {
    i64::try_from(nanoseconds / 1_000_000).expect("a millionth of any u64 is an i64")
}

/// Cuts messages in order of time into requests, each as large as the limits allow.
fn cut(messages: &[Message<'_>], max_events: usize) -> Vec<Range<usize>> {
    let mut requests = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (index, message) in messages.iter().enumerate() {
        let size = message.text.len() + EVENT_OVERHEAD;
        let full = bytes + size > MAX_REQUEST_BYTES || index - start == max_events;
        if index > start && (full || message.at - messages[start].at > MAX_SPAN) {
            requests.push(start..index);
            (start, bytes) = (index, 0);
        }
        bytes += size;
    }
    if start < messages.len() {
        requests.push(start..messages.len());
    }
    requests
}

#[cfg(test)]
mod tests {
    use logwheel_core::Level;
    use proptest::prelude::*;

    use super::*;

    const DAY: u64 = 24 * 60 * 60 * 1_000_000_000;

    fn batch(entries: impl IntoIterator<Item = (u64, Vec<u8>)>) -> Batch {
        let mut batch = Batch::new();
        for (timestamp, payload) in entries {
            batch.push(&payload, timestamp, Level::INFO);
        }
        batch
    }

    fn sizes(entries: impl IntoIterator<Item = (u64, Vec<u8>)>) -> Vec<usize> {
        let batch = batch(entries);
        let mut fates = vec![Fate::Pending; batch.len()];
        let plan = Plan::new(&batch, &mut fates, MAX_MESSAGE, MAX_REQUEST_EVENTS);
        plan.requests.iter().map(Range::len).collect()
    }

    #[test]
    fn a_request_holds_ten_thousand_events_and_not_one_more() {
        let entries = |count| (0..count).map(|at| (at, b"x".to_vec()));
        assert_eq!(sizes(entries(10_000)), [10_000]);
        assert_eq!(sizes(entries(10_001)), [10_000, 1]);
    }

    #[test]
    fn a_request_counts_26_bytes_for_each_event() {
        // 16 times 65,510 + 26 is 1,048,576.
        let entries = |last: usize| (0..16).map(move |n| (0, vec![b'x'; if n == 15 { last } else { 65_510 }]));
        assert_eq!(sizes(entries(65_510)), [16]);
        assert_eq!(sizes(entries(65_511)), [15, 1]);
    }

    #[test]
    fn a_request_spans_a_day_and_not_one_millisecond_more() {
        let entries = |last| [(5, b"a".to_vec()), (DAY / 2, b"b".to_vec()), (last, b"c".to_vec())];
        assert_eq!(sizes(entries(DAY)), [3]);
        assert_eq!(sizes(entries(DAY + 999_999)), [3]);
        assert_eq!(sizes(entries(DAY + 1_000_000)), [2, 1]);
    }

    #[test]
    fn what_no_request_can_hold_is_left_out_with_its_reason() {
        let batch = batch([
            (0, vec![b'x'; MAX_MESSAGE]),
            (0, vec![b'x'; MAX_MESSAGE + 1]),
            (0, Vec::new()),
            (0, vec![b'"', 0xff, b'"']),
            (0, b"known".to_vec()),
        ]);
        let mut fates = vec![Fate::Pending; 5];
        fates[4] = Fate::Accepted;
        // A setting above the limit does not lift it.
        let plan = Plan::new(&batch, &mut fates, usize::MAX, usize::MAX);
        assert_eq!(plan.messages.iter().map(|message| message.position).collect::<Vec<_>>(), [0]);
        let unsendable = ["too_large", "empty", "invalid_utf8"].map(Fate::Unsendable);
        assert_eq!(fates[..1], [Fate::Pending]);
        assert_eq!(fates[1..4], unsendable);
        assert_eq!(fates[4], Fate::Accepted);

        let mut fates = vec![Fate::Pending; 5];
        Plan::new(&batch, &mut fates, 4, 1);
        assert_eq!(fates[4], Fate::Unsendable("too_large"));
    }

    #[test]
    fn a_time_before_or_far_beyond_today_is_no_trouble() {
        assert_eq!(milliseconds(0), 0);
        assert_eq!(milliseconds(1_700_000_000_123_999_999), 1_700_000_000_123);
        assert_eq!(milliseconds(u64::MAX), 18_446_744_073_709);
    }

    /// An entry: some of them long, so that requests fill up by bytes too.
    fn entry() -> impl Strategy<Value = (u64, Vec<u8>)> {
        let length =
            prop_oneof![20 => 0..200_usize, 2 => 100_000..400_000_usize, 1 => MAX_MESSAGE - 2..MAX_MESSAGE + 3];
        (0..3 * DAY, length).prop_map(|(timestamp, length)| (timestamp, vec![b'x'; length]))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn every_entry_is_sent_once_or_left_out_and_all_limits_hold(
            entries in proptest::collection::vec(entry(), 0..60),
            max_events in 1..30_usize,
            max_event_bytes in prop_oneof![Just(MAX_MESSAGE), 1..300_000_usize],
        ) {
            let batch = batch(entries.clone());
            let mut fates = vec![Fate::Pending; batch.len()];
            let plan = Plan::new(&batch, &mut fates, max_event_bytes, max_events);

            let mut seen: Vec<_> = plan.messages.iter().map(|message| message.position).collect();
            let left_out = (0..fates.len()).filter(|at| fates[*at] != Fate::Pending);
            for at in left_out.clone() {
                prop_assert!(entries[at].1.is_empty() || entries[at].1.len() > max_event_bytes);
            }
            seen.extend(left_out);
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..entries.len()).collect::<Vec<_>>());

            let mut next = 0;
            for request in &plan.requests {
                prop_assert_eq!(request.start, next);
                next = request.end;
                let messages = &plan.messages[request.clone()];
                prop_assert!((1..=max_events).contains(&messages.len()));
                let bytes: usize = messages.iter().map(|message| message.text.len() + 26).sum();
                prop_assert!(bytes <= 1_048_576);
                let span = messages[messages.len() - 1].at - messages[0].at;
                prop_assert!((0..=86_400_000).contains(&span));
            }
            prop_assert_eq!(next, plan.messages.len());

            for pair in plan.messages.windows(2) {
                prop_assert!((pair[0].at, pair[0].position) < (pair[1].at, pair[1].position), "stable by time");
            }
            for message in &plan.messages {
                let (timestamp, payload) = &entries[message.position];
                prop_assert_eq!(message.at, (timestamp / 1_000_000) as i64);
                prop_assert_eq!(message.text.as_bytes(), &payload[..]);
            }
        }

        #[test]
        fn a_request_is_closed_only_when_the_next_message_does_not_fit(
            entries in proptest::collection::vec(entry(), 0..60),
            max_events in 1..30_usize,
        ) {
            let batch = batch(entries);
            let mut fates = vec![Fate::Pending; batch.len()];
            let plan = Plan::new(&batch, &mut fates, MAX_MESSAGE, max_events);
            for pair in plan.requests.windows(2) {
                let messages = &plan.messages[pair[0].start..=pair[1].start];
                let bytes: usize = messages.iter().map(|message| message.text.len() + 26).sum();
                let span = messages[messages.len() - 1].at - messages[0].at;
                prop_assert!(messages.len() > max_events || bytes > 1_048_576 || span > 86_400_000);
            }
        }
    }
}
