//! Stages that add fields.

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
