//! One event that the receiver does not take must not cost its neighbours.

use logwheel_core::{Delivered, DeliveryError};

/// So many events refused alone, one after the other and with no success in between, are not bad
/// events but a receiver that takes nothing.
const MOST_ALONE: u32 = 64;

/// Has batches that were refused split, so that in the end only bad events are refused.
#[derive(Debug)]
pub(super) struct Bisect {
    enabled: bool,
    /// How many events were refused alone since the last success.
    alone: u32,
}

impl Bisect {
    pub(super) fn new(enabled: bool) -> Self {
        Self { enabled, alone: 0 }
    }

    /// What is to be said of a batch of `len` events, of which the answer means this.
    pub(super) fn judge(
        &mut self,
        len: usize,
        result: Result<Delivered, DeliveryError>,
    ) -> Result<Delivered, DeliveryError> {
        match result {
            Ok(delivered) => {
                self.alone = 0;
                Ok(delivered)
            }
            Err(DeliveryError::Reject { reason, .. }) if len > 1 && self.enabled && self.alone < MOST_ALONE => {
                Err(DeliveryError::Split { reason })
            }
            Err(error) => {
                self.alone += u32::from(len == 1 && matches!(error, DeliveryError::Reject { .. }));
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use logwheel_core::Refused;

    use super::*;

    fn refused() -> Result<Delivered, DeliveryError> {
        Err(DeliveryError::Reject { refused: Refused::All, reason: "http_400", detail: "bad".into() })
    }

    /// Delivers events to a receiver that takes no body with one of the `bad` ones in it, as the engine would; says
    /// how many requests it took and which events were refused.
    fn deliver(bisect: &mut Bisect, events: std::ops::Range<usize>, bad: impl Fn(usize) -> bool) -> (u32, Vec<usize>) {
        let (mut requests, mut lost) = (0, Vec::new());
        let mut parts = vec![events];
        while let Some(part) = parts.pop() {
            requests += 1;
            let result = if part.clone().any(&bad) { refused() } else { Ok(Delivered::all()) };
            match bisect.judge(part.len(), result) {
                Ok(_) => {}
                Err(DeliveryError::Split { reason: "http_400" }) => {
                    let middle = part.start + part.len() / 2;
                    parts.extend([middle..part.end, part.start..middle]);
                }
                Err(DeliveryError::Reject { .. }) => lost.extend(part),
                Err(other) => panic!("{other:?}"),
            }
        }
        (requests, lost)
    }

    #[test]
    fn bad_events_alone_are_refused_wherever_they_are() {
        for bad in [vec![0], vec![9_999], vec![6_789], vec![0, 1, 2, 5_000, 9_999], (4_000..4_060).collect()] {
            let (requests, lost) = deliver(&mut Bisect::new(true), 0..10_000, |event| bad.contains(&event));
            assert_eq!(lost, bad);
            assert!(requests <= 2 * 14 * bad.len() as u32 + 1, "{requests} requests for {bad:?}");
        }
    }

    #[test]
    fn a_receiver_that_takes_nothing_is_asked_for_single_events_no_more() {
        let mut bisect = Bisect::new(true);
        let (requests, lost) = deliver(&mut bisect, 0..10_000, |_| true);
        assert_eq!(lost.len(), 10_000);
        assert!((MOST_ALONE..3 * MOST_ALONE).contains(&requests), "{requests}");
        for _ in 0..3 {
            assert_eq!(deliver(&mut bisect, 0..10_000, |_| true).0, 1);
        }
        // Until it takes something.
        assert_eq!(deliver(&mut bisect, 0..1, |_| false).0, 1);
        assert_eq!(deliver(&mut bisect, 0..1_000, |event| event == 7).1, [7]);
    }

    #[test]
    fn switched_off_it_leaves_everything_as_it_is() {
        assert_eq!(deliver(&mut Bisect::new(false), 0..100, |event| event == 7), (1, (0..100).collect()));
    }

    #[test]
    fn what_is_no_refusal_passes_and_does_not_count() {
        let mut bisect = Bisect::new(true);
        for _ in 0..2 * MOST_ALONE {
            let retry = DeliveryError::Retry { reason: "http_503", detail: "".into(), after: None };
            assert!(matches!(bisect.judge(1, Err(retry)), Err(DeliveryError::Retry { .. })));
            let fatal = DeliveryError::Fatal { reason: "http_401", detail: "".into() };
            assert!(matches!(bisect.judge(9, Err(fatal)), Err(DeliveryError::Fatal { .. })));
        }
        assert!(matches!(bisect.judge(2, refused()), Err(DeliveryError::Split { .. })));
    }
}
