//! `kubernetes`: the pod an event comes from.

use logwheel_core::{EncodedFields, Enricher, Enrichment, StageError};

use super::env_fields::read;
use super::process_info::require_prefix;
use crate::InvalidOption;
use crate::option::require;

/// Adds pod, namespace, node, container, cluster and deployment, from environment variables.
///
/// | field | variable (option) |
/// |---|---|
/// | `k8s_pod` | `POD_NAME` (`pod_name_env`) |
/// | `k8s_namespace` | `POD_NAMESPACE` (`pod_namespace_env`) |
/// | `k8s_node` | `NODE_NAME` (`node_name_env`) |
/// | `k8s_container` | `CONTAINER_NAME` (`container_name_env`) |
/// | `k8s_cluster` | `CLUSTER_NAME` (`cluster_name_env`) |
/// | `k8s_deployment` | guessed from the pod's name |
///
/// Kubernetes does not set these by itself: a pod's manifest takes the first three from the downward
/// API (`valueFrom: {fieldRef: {fieldPath: metadata.name}}`, `metadata.namespace`, `spec.nodeName`) and
/// gives the others as plain values.
///
/// Pods of a deployment are called `<deployment>-<hash of the pod template>-<5 characters>`; a name of
/// this form, where the hash is 6 to 10 hexadecimal digits, gives `k8s_deployment`. Pods of other owners
/// get none. Where the guess is unwanted, [`deployment`](KubernetesBuilder::deployment) turns it off.
///
/// The variables are read when this is built and again when the engine starts; each event costs a copy
/// of the bytes. Outside Kubernetes, without a pod's name, nothing is added. A field that an event has
/// already is not overwritten.
///
/// ```
/// use logwheel_stages::Kubernetes;
///
/// let kubernetes = Kubernetes::builder().prefix("pod_info_").deployment(false).build()?;
/// # let _ = kubernetes;
/// # Ok::<(), logwheel_stages::InvalidOption>(())
/// ```
#[derive(Debug, Clone)]
pub struct Kubernetes {
    options: KubernetesBuilder,
    encoded: EncodedFields,
}

/// The options of [`Kubernetes`].
#[derive(Debug, Clone)]
#[must_use]
pub struct KubernetesBuilder {
    prefix: String,
    skip_if_not_k8s: bool,
    deployment: bool,
    pod_name_env: String,
    pod_namespace_env: String,
    node_name_env: String,
    container_name_env: String,
    cluster_name_env: String,
}

impl Kubernetes {
    /// The usual variables and the prefix `k8s_`.
    pub fn builder() -> KubernetesBuilder {
        KubernetesBuilder {
            prefix: "k8s_".to_owned(),
            skip_if_not_k8s: true,
            deployment: true,
            pod_name_env: "POD_NAME".to_owned(),
            pod_namespace_env: "POD_NAMESPACE".to_owned(),
            node_name_env: "NODE_NAME".to_owned(),
            container_name_env: "CONTAINER_NAME".to_owned(),
            cluster_name_env: "CLUSTER_NAME".to_owned(),
        }
    }
}

macro_rules! variable_options {
    ($($(#[$doc:meta])* $option:ident),*) => {$(
        $(#[$doc])*
        pub fn $option(mut self, variable: impl Into<String>) -> Self {
            self.$option = variable.into();
            self
        }
    )*};
}

impl KubernetesBuilder {
    /// What the names of the fields start with; `k8s_` by default, at most 60,000 bytes.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Whether nothing is added where there is no pod's name; true by default. Otherwise what there is
    /// of the other variables is added.
    pub fn skip_if_not_k8s(mut self, skip: bool) -> Self {
        self.skip_if_not_k8s = skip;
        self
    }

    /// Whether the deployment is guessed from the pod's name; true by default.
    pub fn deployment(mut self, deployment: bool) -> Self {
        self.deployment = deployment;
        self
    }

    variable_options! {
        /// The variable with the pod's name; `POD_NAME` by default.
        pod_name_env,
        /// The variable with the pod's namespace; `POD_NAMESPACE` by default.
        pod_namespace_env,
        /// The variable with the node's name; `NODE_NAME` by default.
        node_name_env,
        /// The variable with the container's name; `CONTAINER_NAME` by default.
        container_name_env,
        /// The variable with the cluster's name; `CLUSTER_NAME` by default.
        cluster_name_env
    }

    /// The enricher.
    ///
    /// # Errors
    /// When the prefix is too long, or the name of a variable is empty or has a `=` or a NUL in it.
    pub fn build(self) -> Result<Kubernetes, InvalidOption> {
        require_prefix(&self.prefix)?;
        for (option, variable) in [
            ("pod_name_env", &self.pod_name_env),
            ("pod_namespace_env", &self.pod_namespace_env),
            ("node_name_env", &self.node_name_env),
            ("container_name_env", &self.container_name_env),
            ("cluster_name_env", &self.cluster_name_env),
        ] {
            require(
                !variable.is_empty() && !variable.contains(['=', '\0']),
                option,
                format_args!("{variable:?}"),
                "the name of an environment variable: not empty, without '=' and NUL",
            )?;
        }
        let encoded = self.encode(read);
        Ok(Kubernetes { options: self, encoded })
    }

    fn encode(&self, read: impl Fn(&str) -> Option<String>) -> EncodedFields {
        let read = |variable: &str| read(variable).filter(|value| !value.is_empty());
        let mut encoded = EncodedFields::new();
        let pod = read(&self.pod_name_env);
        if pod.is_none() && self.skip_if_not_k8s {
            return encoded;
        }
        let deployment = pod.as_deref().filter(|_| self.deployment).and_then(deployment_of).map(str::to_owned);
        for (name, value) in [
            ("pod", pod),
            ("namespace", read(&self.pod_namespace_env)),
            ("node", read(&self.node_name_env)),
            ("container", read(&self.container_name_env)),
            ("cluster", read(&self.cluster_name_env)),
            ("deployment", deployment),
        ] {
            if let Some(value) = value {
                encoded.push(&format!("{}{name}", self.prefix), value);
            }
        }
        encoded.write_ahead();
        encoded
    }
}

/// The deployment in the name of a pod.
///
/// The hash is a number of 32 bits in decimal digits of its own, `456789bcdf` (`rand.SafeEncodeString` in
/// Kubernetes' apimachinery). Other hexadecimal digits are let through too, but a hash of decimal digits
/// with a 0 to 3 among them is the time in the name of a cron job. The last part is five random letters
/// or digits.
fn deployment_of(pod: &str) -> Option<&str> {
    let (rest, random) = pod.rsplit_once('-')?;
    let (deployment, hash) = rest.rsplit_once('-')?;
    let is_random = random.len() == 5 && random.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let is_hash = (6..=10).contains(&hash.len())
        && hash.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
        && hash.bytes().any(|c| c.is_ascii_digit())
        && (hash.bytes().any(|c| c.is_ascii_alphabetic()) || hash.bytes().all(|c| c >= b'4'));
    (is_random && is_hash && !deployment.is_empty()).then_some(deployment)
}

impl Enricher for Kubernetes {
    fn name(&self) -> &str {
        "kubernetes"
    }

    fn replicate(&self) -> Option<Box<dyn Enricher>> {
        Some(Box::new(self.clone()))
    }

    fn start(&mut self) -> Result<(), StageError> {
        self.encoded = self.options.encode(read);
        Ok(())
    }

    fn enrich(&mut self, event: &mut Enrichment<'_, '_>) -> Result<(), StageError> {
        event.add_encoded(&self.encoded);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::{TestEvent, enrich};

    const POD: &[(&str, &str)] = &[
        ("POD_NAME", "orders-api-7d9f8b6c54-x2k9p"),
        ("POD_NAMESPACE", "shop"),
        ("NODE_NAME", "node-3"),
        ("CONTAINER_NAME", "api"),
        ("CLUSTER_NAME", ""),
    ];

    fn fields(builder: KubernetesBuilder, variables: &[(&str, &str)]) -> Vec<String> {
        let mut kubernetes = builder.build().unwrap();
        kubernetes.encoded = kubernetes.options.encode(|name| {
            variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned())
        });
        enrich(&mut *kubernetes.replicate().unwrap(), &TestEvent::new("m"))
    }

    #[test]
    fn story_5_21_the_downward_api_variables_become_prefixed_fields_and_empty_ones_do_not() {
        let expected = [
            "k8s_pod=Str(\"orders-api-7d9f8b6c54-x2k9p\")",
            "k8s_namespace=Str(\"shop\")",
            "k8s_node=Str(\"node-3\")",
            "k8s_container=Str(\"api\")",
            "k8s_deployment=Str(\"orders-api\")",
        ];
        assert_eq!(fields(Kubernetes::builder(), POD), expected);
    }

    #[test]
    fn story_5_21_prefix_variables_and_the_guess_are_options() {
        let builder = Kubernetes::builder().prefix("p.").pod_name_env("HOSTNAME").deployment(false);
        assert_eq!(
            fields(builder, &[("HOSTNAME", "orders-api-7d9f8b6c54-x2k9p"), ("CLUSTER_NAME", "prod")]),
            ["p.pod=Str(\"orders-api-7d9f8b6c54-x2k9p\")", "p.cluster=Str(\"prod\")"]
        );
    }

    #[test]
    fn story_5_21_outside_kubernetes_nothing_is_added_unless_asked_for() {
        assert_eq!(fields(Kubernetes::builder(), &POD[1..]), [""; 0]);
        assert_eq!(fields(Kubernetes::builder().skip_if_not_k8s(false), &POD[1..2]), ["k8s_namespace=Str(\"shop\")"]);
    }

    #[test]
    fn story_5_21_the_deployment_is_guessed_from_names_of_its_form_only() {
        for (pod, deployment) in [
            ("web-7d4b8c9f6-abc12", Some("web")),
            ("orders-api-66b6c48dd5-zs7kq", Some("orders-api")),
            ("a-b-c-5f4d8c-x2k9p", Some("a-b-c")),
            ("redis-0", None),
            ("fluent-bit-x2k9p", None),
            ("my-app-backend-cache", None),
            ("my-app-facade-cache", None),
            ("web-984675589-x2k9p", Some("web")),
            ("backup-29391040-abc12", None),
            ("-7d4b8c9f6-abc12", None),
            ("web-7D4B8C9F6-abc12", None),
            ("web-7d4b8c9f6-abc123", None),
            ("", None),
        ] {
            assert_eq!(deployment_of(pod), deployment, "{pod}");
        }
    }

    #[test]
    fn names_that_cannot_be_are_refused() {
        assert_eq!(Kubernetes::builder().node_name_env("").build().unwrap_err().option(), "node_name_env");
        assert_eq!(Kubernetes::builder().prefix("p".repeat(60_001)).build().unwrap_err().option(), "prefix");
    }
}
