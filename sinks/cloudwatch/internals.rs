//! For benches, which see no private items.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::{BehaviorVersion, Config, Credentials, Region};
use logwheel_core::Batch;
use tokio::runtime::Runtime;

use super::client::events;
use super::fate::Fate;
use super::request::{MAX_MESSAGE, MAX_REQUEST_EVENTS, Plan};

/// Builds what a batch is sent as.
#[derive(Debug)]
pub struct RequestBuilder {
    runtime: Runtime,
    calls: Client,
    /// Of the body that was built last.
    bytes: Arc<AtomicUsize>,
}

impl RequestBuilder {
    /// With the limits of the service.
    ///
    /// # Panics
    /// When the system gives no timer to a runtime.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it is for benches")]
    pub fn new() -> Self {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static("eu-central-1"))
            .credentials_provider(Credentials::new("key", "secret", None, None, "nobody"))
            .build();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        Self { runtime: runtime.expect("a timer"), calls: Client::from_conf(config), bytes: Arc::default() }
    }

    /// What the sink itself does: checks, sorts and cuts. How many bytes the messages have.
    #[must_use]
    pub fn plan(&self, batch: &Batch) -> usize {
        let mut fates = vec![Fate::Pending; batch.len()];
        let plan = Plan::new(batch, &mut fates, MAX_MESSAGE, MAX_REQUEST_EVENTS);
        plan.messages.iter().map(|message| message.text.len()).sum()
    }

    /// The bodies too, as the SDK makes them before it signs and sends them: how many bytes they have.
    #[must_use]
    pub fn bodies(&self, batch: &Batch) -> usize {
        let mut fates = vec![Fate::Pending; batch.len()];
        let plan = Plan::new(batch, &mut fates, MAX_MESSAGE, MAX_REQUEST_EVENTS);
        let body = |messages| {
            let bytes = Arc::clone(&self.bytes);
            let call = self.calls.put_log_events().log_group_name("group").log_stream_name("stream");
            let call = call.set_log_events(Some(events(messages))).customize().map_request(move |request| {
                bytes.store(request.body().bytes().map_or(0, <[u8]>::len), Ordering::Relaxed);
                // It is not to be sent.
                Err(io::Error::other("built"))
            });
            self.bytes.store(0, Ordering::Relaxed);
            let unsent = self.runtime.block_on(call.send());
            debug_assert!(unsent.is_err());
            self.bytes.load(Ordering::Relaxed)
        };
        plan.requests.iter().map(|request| body(&plan.messages[request.clone()])).sum()
    }
}

#[cfg(test)]
mod tests {
    use logwheel_core::Level;

    use super::*;

    #[test]
    fn the_bodies_hold_all_messages() {
        let mut batch = Batch::new();
        (0..3).for_each(|n| batch.push(br#"{"message":"x"}"#, n, Level::INFO));
        let builder = RequestBuilder::new();
        assert_eq!(builder.plan(&batch), 45);
        // Twelve quotes take a backslash each.
        let body = builder.bodies(&batch);
        assert!((45 + 12..45 + 12 + 300).contains(&body), "{body}");
    }
}
