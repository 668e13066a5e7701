//! Write your own sink: a guide, with notes on well-known services. There is nothing else in this module.
//!
//! A [`Sink`](logwheel_core::Sink) does one thing: it takes a [`Batch`](logwheel_core::Batch) and says what became of
//! it. Batching, queueing, retrying, splitting, spooling, the fallback and counting are the engine's, the same for
//! every sink, and set beside it with `sink_with(sink, |options| …)`.
//!
//! First see which of these it takes:
//!
//! | The destination | What it takes |
//! |---|---|
//! | receives JSON lines or a JSON array over HTTP | no sink: [`HttpSink`](crate::HttpSink) with options |
//! | wants each event in a wrapping of its own, and says the rest in status codes | a sink around [`HttpSink`](crate::HttpSink): [below](#http-with-a-wrapping) |
//! | reports on single events in its answer, or has a protocol of its own | a sink with a client: [below](#a-client-or-an-sdk) |
//!
//! # What the engine asks of `deliver`
//! It runs on a thread of the sink's own and may block; keep a timeout, for a shutdown waits for the call. The answer
//! decides what happens to the batch:
//!
//! | What happened | The answer | What the engine does |
//! |---|---|---|
//! | everything arrived | `Ok(Delivered::all())` | counts it as delivered |
//! | it left, but nothing came back that proves it | `Ok(Delivered::unconfirmed(n))` | counts these as unconfirmed |
//! | no connection, timeout, overload, a passing fault | `DeliveryError::Retry`, `after` if the destination said so | waits, tries the same batch again |
//! | too large | `DeliveryError::Split` | delivers the halves |
//! | some events are refused for good, all others arrived | `DeliveryError::Reject` with their positions, each with a reason of its own if they differ | counts and reports these |
//! | a wrong key, a missing index: no retry can help | `DeliveryError::Fatal` | gives the batch to the fallback, if there is one |
//!
//! - Do not retry inside: the engine backs off, opens a breaker and spools, and can only do so if it hears of it.
//! - A retry sends the whole batch. If part of it has arrived, remember which until the batch is done, or give the
//!   destination ids by which it drops what it has seen: with `_seq`, each line names its event.
//! - `reason` is one of a few fixed words, because the ledger counts by it; what varies belongs into `detail`.
//! - Neither may hold a secret; [`Secret`](logwheel_core::Secret) keeps them out of `Debug` output.
//! - Say in `batch_limits` what a request may hold. The options of `sink_with` go before it.
//! - Labels and stream names: name the fields in `columns`, and read them with `entry.cell(…)`; nothing has to be
//!   parsed. Events of different streams come in batches of their own if `stream_of` tells them apart.
//!
//! # HTTP with a wrapping
//! Make a batch of the wrapped lines and let an [`HttpSink`](crate::HttpSink) deliver it: connections, TLS,
//! compression and the meaning of status codes are there. `push_instead` keeps times and positions, so what it
//! answers holds for the batch that the engine gave. This is the whole of a sink for Splunk's HTTP Event Collector:
//!
//! ```
//! use std::io::Write;
//!
//! use logwheel_core::{Batch, BatchLimits, Delivered, DeliveryError, Health, Sink};
//! use logwheel_sinks::{HttpCompression, HttpConfigError, HttpFormat, HttpSink};
//!
//! struct SplunkSink {
//!     http: HttpSink,
//!     wrapped: Batch,
//!     line: Vec<u8>,
//! }
//!
//! impl SplunkSink {
//!     fn new(host: &str, token: &str) -> Result<Self, HttpConfigError> {
//!         let http = HttpSink::builder(format!("https://{host}:8088/services/collector/event"))
//!             .header("Authorization", format!("Splunk {token}"))
//!             .format(HttpFormat::Ndjson)
//!             .compression(HttpCompression::Gzip)
//!             .build()?;
//!         Ok(Self { http, wrapped: Batch::new(), line: Vec::new() })
//!     }
//!
//!     /// Each line as the event in an object with its time, in seconds.
//!     fn wrap(&mut self, batch: &Batch) {
//!         self.wrapped.clear();
//!         for (index, entry) in batch.iter().enumerate() {
//!             let (seconds, nanos) = (entry.timestamp / 1_000_000_000, entry.timestamp % 1_000_000_000);
//!             self.line.clear();
//!             write!(self.line, r#"{{"time":{seconds}.{:03},"event":"#, nanos / 1_000_000).expect("memory takes it");
//!             self.line.extend_from_slice(entry.payload);
//!             self.line.push(b'}');
//!             self.wrapped.push_instead(&self.line, batch, index);
//!         }
//!     }
//! }
//!
//! impl Sink for SplunkSink {
//!     fn name(&self) -> &str {
//!         "splunk"
//!     }
//!
//!     fn deliver(&mut self, batch: &Batch) -> Result<Delivered, DeliveryError> {
//!         self.wrap(batch);
//!         self.http.deliver(&self.wrapped)
//!     }
//!
//!     fn health(&self) -> Health {
//!         self.http.health()
//!     }
//!
//!     fn check(&mut self) -> Health {
//!         self.http.check()
//!     }
//!
//!     fn batch_limits(&self) -> BatchLimits {
//!         BatchLimits { max_bytes: 512 << 10, ..BatchLimits::default() }
//!     }
//! }
//!
//! let mut sink = SplunkSink::new("splunk.example.com", "a-token")?;
//! let mut batch = Batch::new();
//! batch.push(br#"{"message":"hello"}"#, 1_700_000_000_250_000_000, logwheel_core::Level::INFO);
//! sink.wrap(&batch);
//! assert_eq!(sink.wrapped.lines(), b"{\"time\":1700000000.250,\"event\":{\"message\":\"hello\"}}\n");
//! # Ok::<(), HttpConfigError>(())
//! ```
//!
//! **A token that expires** (OAuth at Google and Microsoft) does not fit into an [`HttpSink`](crate::HttpSink), whose
//! headers are fixed. Keep what the token comes from in your sink, and build a new [`HttpSink`](crate::HttpSink) in
//! `deliver` shortly before the old token ends. If no token can be had, answer `Retry`.
//!
//! # A client, or an SDK
//! Connect in `start`, translate the client's errors in `deliver`, and nothing more. If the SDK is asynchronous, the
//! sink owns a runtime of a single thread (tokio's `new_current_thread`), made in `start`, and `deliver` is
//! one `block_on`; the runtime of the service is left alone. Turn the SDK's own retries off. `CloudWatchSink` is made
//! like this.
//!
//! ```
//! use std::time::Duration;
//!
//! use logwheel_core::{Batch, Delivered, DeliveryError, Refused, Sink, SinkError};
//!
//! // The SDK of a service: a client whose calls fail in ways of its own.
//! mod sdk {
//!     pub struct Client;
//!
//!     pub enum Error {
//!         Unreachable(String),
//!         Throttled { wait_seconds: u64 },
//!         TooLarge,
//!         BadKey,
//!         Invalid { positions: Vec<usize> },
//!     }
//!
//!     impl Client {
//!         pub fn connect(_address: &str) -> Result<Self, Error> {
//!             Ok(Self)
//!         }
//!
//!         /// Takes all but what is no object.
//!         pub fn put(&self, lines: &[&[u8]]) -> Result<(), Error> {
//!             let positions: Vec<_> = (0..lines.len()).filter(|at| !lines[*at].starts_with(b"{")).collect();
//!             if positions.is_empty() { Ok(()) } else { Err(Error::Invalid { positions }) }
//!         }
//!     }
//! }
//!
//! struct SdkSink {
//!     address: String,
//!     client: Option<sdk::Client>,
//! }
//!
//! impl Sink for SdkSink {
//!     fn name(&self) -> &str {
//!         "sdk"
//!     }
//!
//!     // Called until it succeeds, before the first batch.
//!     fn start(&mut self) -> Result<(), SinkError> {
//!         let client = sdk::Client::connect(&self.address);
//!         self.client = Some(client.map_err(|_| SinkError::new(format!("no connection to {}", self.address)))?);
//!         Ok(())
//!     }
//!
//!     fn deliver(&mut self, batch: &Batch) -> Result<Delivered, DeliveryError> {
//!         let client = self.client.as_ref().expect("started before the first batch");
//!         let lines: Vec<&[u8]> = batch.iter().map(|entry| entry.payload).collect();
//!         match client.put(&lines) {
//!             Ok(()) => Ok(Delivered::all()),
//!             Err(sdk::Error::Unreachable(problem)) => {
//!                 Err(DeliveryError::Retry { reason: "unreachable", detail: problem.into(), after: None })
//!             }
//!             Err(sdk::Error::Throttled { wait_seconds }) => Err(DeliveryError::Retry {
//!                 reason: "throttled",
//!                 detail: "too many requests".into(),
//!                 after: Some(Duration::from_secs(wait_seconds)),
//!             }),
//!             Err(sdk::Error::TooLarge) => Err(DeliveryError::Split { reason: "too_large" }),
//!             Err(sdk::Error::BadKey) => {
//!                 Err(DeliveryError::Fatal { reason: "unauthorized", detail: "the key is refused".into() })
//!             }
//!             Err(sdk::Error::Invalid { positions }) => Err(DeliveryError::Reject {
//!                 refused: Refused::Entries(positions),
//!                 reason: "invalid",
//!                 detail: "not an object".into(),
//!             }),
//!         }
//!     }
//! }
//!
//! let mut sink = SdkSink { address: "logs.example.com".into(), client: None };
//! sink.start()?;
//! let mut batch = Batch::new();
//! batch.push(b"{}", 0, logwheel_core::Level::INFO);
//! batch.push(b"17", 0, logwheel_core::Level::INFO);
//! let answer = sink.deliver(&batch);
//! assert!(matches!(answer, Err(DeliveryError::Reject { refused: Refused::Entries(at), .. }) if at == [1]));
//! # Ok::<(), SinkError>(())
//! ```
//!
//! If the destination takes several requests at once, say how many in `in_flight`, and give the engine more instances
//! with `replicate`.
//!
//! # Tests
//! The feature `testing` of `logwheel` has an HTTP server that answers by script, and batches made of lines or events.
//! Worth a test each: every row of the first table; a connection that breaks before and after the request;
//! an answer cut short; a batch of one event that is too large; that no error and no `Debug` output shows the key.
//!
//! # Notes on services
//! What to set, as their documentation had it at the time of writing; look there for quotas, which change.
//!
//! **Datadog**: [`HttpSink`](crate::HttpSink) as it is. `examples/datadog.rs` is complete: the endpoint, the header
//! `DD-API-KEY`, enrichers for the fields that it looks for, a stand-in for its intake.
//!
//! **Google Cloud Logging**: on Cloud Run and GKE, lines on standard output are collected already. Else
//! `POST https://logging.googleapis.com/v2/entries:write` with an OAuth token as `bearer_token`, which expires. The
//! body is `{"entries":[…]}`: `format(HttpFormat::Wrapped)`, `wrapper_key("entries")`. Each entry is a `LogEntry`
//! with `logName`, `resource`, `timestamp`, `severity` and the line as `jsonPayload`: a wrapping, with the level and
//! time of the batch's entry. `insertId` lets it drop repeats. At most 10 MB a request and about 256 KB an entry: a
//! `size_guard` below that, and `batch_max_bytes` with room for the wrapping.
//!
//! **Azure Monitor** (Logs Ingestion API): `POST` to the data collection endpoint,
//! `/dataCollectionRules/{rule}/streams/{stream}?api-version=2023-01-01`, with a JSON array of records
//! (`HttpFormat::Array`, the default) whose columns the rule maps to a table. A token of Microsoft Entra for
//! `https://monitor.azure.com` as `bearer_token`, which expires. At most 1 MB a call, compressed or not: set
//! `batch_max_bytes` below that.
//!
//! **Splunk** (HTTP Event Collector): the sink [above](#http-with-a-wrapping). Objects follow each other without
//! commas, so `HttpFormat::Ndjson` fits. `Authorization: Splunk TOKEN` by `header`. How large a request may be is a
//! setting of the server. `index`, `sourcetype`, `source` and `host` go beside `event` in the wrapping. Tokens with
//! indexer acknowledgement need a channel, and the answer is then no proof of storage: report
//! `Delivered::unconfirmed`, or ask for the acknowledgement.
//!
//! **Elasticsearch** (`POST /{target}/_bulk`, `application/x-ndjson`): an action line, `{"create":{}}`, before each
//! event, and a newline at the end; data streams take `create` only. `Authorization: ApiKey KEY`, or `basic_auth`.
//! A request may have 100 MB by default (`http.max_content_length`); a few are better. The answer is 200 even if
//! documents failed: `errors` is true then, and `items` has a status for each, in order. So it takes a sink with a
//! client: positions with 400 are `Reject`, with 429 `Retry`, remembering which of the others have arrived. With
//! `_seq` as `_id`, a retry creates nothing twice: what is there already answers 409, which counts as arrived.
