//! Stages that add fields.
//!
//! Enrichers run behind the filters, in the order in which they were configured, on events that go on. They add
//! and never overwrite: a field that an event has already, from its statement, a scope or an earlier enricher,
//! stays as it is. If one fails on an event, what it added to that event is taken back.
//!
//! | type name | type | adds | options and defaults |
//! |---|---|---|---|
//! | `static` | [`StaticFields`] | the fields that it was given | `field` |
//! | `host` | [`Host`] | `host`, `pid`, `os`, `arch` | `only` all |
//! | `process` | [`ProcessInfo`] | `pid`, `thread`, `executable`, `version` | `only` all, `prefix` none, `version` none |
//! | `env` | [`EnvFields`] | environment variables | `variables` none, `prefix` none, `rename` none |
//! | `kubernetes` | [`Kubernetes`] | `k8s_pod`, `k8s_namespace`, `k8s_node`, `k8s_container`, `k8s_cluster`, `k8s_deployment` | `prefix` `k8s_`, `deployment` true, `skip_if_not_k8s` true, `pod_name_env` `POD_NAME`, `pod_namespace_env` `POD_NAMESPACE`, `node_name_env` `NODE_NAME`, `container_name_env` `CONTAINER_NAME`, `cluster_name_env` `CLUSTER_NAME` |
//! | `context` | [`ContextFields`] | `correlation_id`, copies and defaults of context fields | `correlation_id` true, `copy` none, `fields` none, `prefix` `ctx_`, `default` none |
//! | `build` | [`BuildInfo`] | `build_package`, `build_version`, `build_commit`, `build_profile` | `prefix` `build_`, `package`, `version`, `git_commit`, `profile` |
//! | `http_request` | [`HttpRequest`] | `http_method`, `http_path`, `http_status`, `http_status_class`, `http_latency_ms` | `prefix` `http_`, `method_field` `method`, `path_field` `path`, `status_field` `status`, `latency_field` `latency` |
//!
//! All but the first two are made with `TYPE::builder()`, setters named after the options, and `build()`, which
//! refuses values that are not allowed with an [`InvalidOption`](crate::InvalidOption).
//!
//! What does not change is encoded once, and again when the engine starts; each event then costs a copy of the
//! bytes and a comparison of the names. The two that look at the event, `context` and `http_request`, allocate
//! nothing per event. Every worker has an instance of its own.
//!
//! # Example
//! ```
//! use logwheel_core::wire::encode_named;
//! use logwheel_core::{Enricher, Enrichment, Event, EventBuffers, Level, Record, Shape, Value};
//! use logwheel_stages::build_info;
//! use logwheel_stages::enrichers::{
//!     ContextFields, EnvFields, Host, HostField, HttpRequest, Kubernetes, ProcessField, ProcessInfo, StaticFields,
//! };
//!
//! let mut enrichers: Vec<Box<dyn Enricher>> = vec![
//!     Box::new(StaticFields::new().field("service", "orders")),
//!     Box::new(Host::new().only([HostField::Os])),
//!     Box::new(ProcessInfo::builder().only([ProcessField::Pid]).build()?),
//!     Box::new(EnvFields::builder().variables(["NO_SUCH_VARIABLE"]).build()?),
//!     Box::new(Kubernetes::builder().build()?),
//!     Box::new(build_info!().build()?),
//!     Box::new(ContextFields::builder().default("tenant", "none").build()?),
//!     Box::new(HttpRequest::builder().build()?),
//! ];
//!
//! // What the engine does with each event: one enricher after the other.
//! let mut arguments = Vec::new();
//! encode_named("method", &Value::Str("get"), &mut arguments);
//! encode_named("status", &Value::U64(404), &mut arguments);
//! let shape = Shape { named_arguments: true, ..Shape::default() };
//! let level = Level::INFO;
//! let record =
//!     Record { timestamp: 0, level, callsite: None, trace: None, shape, context: &[], arguments: &arguments };
//! let mut buffers = EventBuffers::default();
//! let mut event = Event::open(record, &mut buffers);
//! for enricher in &mut enrichers {
//!     let mut enrichment = Enrichment::new(&mut event);
//!     enricher.enrich(&mut enrichment)?;
//!     enrichment.commit();
//! }
//! let expected =
//!     [("service", "orders"), ("tenant", "none"), ("http_method", "GET"), ("http_status_class", "4xx")];
//! for (name, expected) in expected {
//!     assert!(matches!(event.get(name), Some(Value::Str(text)) if text == expected));
//! }
//! assert!(matches!(event.get("pid"), Some(Value::U64(pid)) if pid == u64::from(std::process::id())));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod build_info;
mod context_fields;
mod env_fields;
mod host;
mod http_request;
mod kubernetes;
mod process_info;
mod static_fields;

pub use build_info::{BuildInfo, BuildInfoBuilder};
pub use context_fields::{ContextFields, ContextFieldsBuilder};
pub use env_fields::{EnvFields, EnvFieldsBuilder};
pub use host::{Host, HostField};
pub use http_request::{HttpRequest, HttpRequestBuilder};
pub use kubernetes::{Kubernetes, KubernetesBuilder};
pub use process_info::{ProcessField, ProcessInfo, ProcessInfoBuilder};
pub use static_fields::StaticFields;
