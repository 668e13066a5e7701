//! How a sink says which entries of a batch were refused.

use std::borrow::Cow;

use logwheel_core::{DeliveryError, Refused};

/// The error for a batch of `len` entries of which these were refused, in ascending order and each
/// for its reason, while the others arrived; `None` if there are none.
pub(crate) fn refusal(
    refused: Vec<(usize, &'static str)>,
    len: usize,
    detail: impl FnOnce() -> Cow<'static, str>,
) -> Option<DeliveryError> {
    let reason = refused.first()?.1;
    let refused = match refused.iter().all(|(_, other)| *other == reason) {
        true if refused.len() == len => Refused::All,
        true => Refused::Entries(refused.into_iter().map(|(position, _)| position).collect()),
        false => Refused::ByReason(refused),
    };
    Some(DeliveryError::Reject { refused, reason, detail: detail() })
}

/// `2 too_old, 1 too_new`: how many were refused for each reason.
pub(crate) fn tally(refused: &[(usize, &'static str)], mut told: impl FnMut(usize, &'static str) -> String) -> String {
    let mut reasons: Vec<_> = refused.iter().map(|(_, reason)| *reason).collect();
    reasons.sort_unstable();
    let counts = reasons.chunk_by(|a, b| a == b).map(|same| told(same.len(), same[0]));
    counts.collect::<Vec<_>>().join(", ")
}
