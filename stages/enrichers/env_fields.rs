//! `env`: environment variables as fields.

use logwheel_core::wire::MAX_NAME;
use logwheel_core::{EncodedFields, Enricher, Enrichment, StageError};

use crate::InvalidOption;
use crate::option::require;

/// Adds environment variables, those on a list and no others.
///
/// A variable becomes a field with its own name, behind the `prefix`, unless it is renamed; the value
/// is text, where what is not UTF-8 becomes U+FFFD. A variable that is not set gives no field. The
/// environment is read when this is built and again when the engine starts; each event costs a copy
/// of the bytes. A field that an event has already is not overwritten.
///
/// Environments hold secrets: redactors see these fields like all others, but what must not be logged
/// is better left off the list.
///
/// ```
/// use logwheel_stages::EnvFields;
///
/// let env = EnvFields::builder()
///     .variables(["AWS_REGION", "DEPLOY_COLOR"])
///     .prefix("env_")
///     .rename("AWS_REGION", "region")
///     .build()?;
/// # let _ = env; // `region` and `env_DEPLOY_COLOR`
/// # Ok::<(), logwheel_stages::InvalidOption>(())
/// ```
#[derive(Debug, Clone)]
pub struct EnvFields {
    /// Variables and the names of their fields.
    fields: Vec<(String, String)>,
    encoded: EncodedFields,
}

/// The options of [`EnvFields`].
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct EnvFieldsBuilder {
    variables: Vec<String>,
    prefix: String,
    rename: Vec<(String, String)>,
}

impl EnvFields {
    /// No variables yet.
    pub fn builder() -> EnvFieldsBuilder {
        EnvFieldsBuilder::default()
    }
}

impl EnvFieldsBuilder {
    /// The variables to add, in this order; none by default.
    pub fn variables(mut self, variables: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.variables = variables.into_iter().map(Into::into).collect();
        self
    }

    /// What the names of fields start with that are not renamed; nothing by default.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// The name of a variable's field, without prefix. The variable need not be among
    /// [`variables`](Self::variables) too.
    pub fn rename(mut self, variable: impl Into<String>, field: impl Into<String>) -> Self {
        self.rename.push((variable.into(), field.into()));
        self
    }

    /// The enricher.
    ///
    /// # Errors
    /// When the name of a variable is empty or has a `=` or a NUL in it, or a field's name would be
    /// empty or longer than 65,535 bytes.
    pub fn build(self) -> Result<EnvFields, InvalidOption> {
        let mut fields: Vec<(String, String)> = Vec::new();
        let renamed = |variable: &String| self.rename.iter().rev().find(|(from, _)| from == variable);
        let new = self.rename.iter().map(|(from, _)| from);
        for variable in self.variables.iter().chain(new) {
            if fields.iter().any(|(taken, _)| taken == variable) {
                continue;
            }
            require(
                !variable.is_empty() && !variable.contains(['=', '\0']),
                "variables",
                format_args!("{variable:?}"),
                "names of environment variables: not empty, without '=' and NUL",
            )?;
            let (option, field) = match renamed(variable) {
                Some((_, to)) => ("rename", to.clone()),
                None => ("prefix", format!("{}{variable}", self.prefix)),
            };
            let is_name = (1..=MAX_NAME).contains(&field.len());
            require(is_name, option, format_args!("{} bytes", field.len()), "such that names have 1 to 65535 bytes")?;
            fields.push((variable.clone(), field));
        }
        let encoded = encode(&fields, read);
        Ok(EnvFields { fields, encoded })
    }
}

/// The value of an environment variable, as text.
pub(super) fn read(variable: &str) -> Option<String> {
    std::env::var_os(variable).map(|value| value.to_string_lossy().into_owned())
}

fn encode(fields: &[(String, String)], read: impl Fn(&str) -> Option<String>) -> EncodedFields {
    let mut encoded = EncodedFields::new();
    for (variable, field) in fields {
        if let Some(value) = read(variable) {
            encoded.push(field, value);
        }
    }
    encoded.write_ahead();
    encoded
}

impl Enricher for EnvFields {
    fn name(&self) -> &str {
        "env"
    }

    fn replicate(&self) -> Option<Box<dyn Enricher>> {
        Some(Box::new(self.clone()))
    }

    fn start(&mut self) -> Result<(), StageError> {
        self.encoded = encode(&self.fields, read);
        Ok(())
    }

    fn enrich(&mut self, event: &mut Enrichment<'_, '_>) -> Result<(), StageError> {
        event.add_encoded(&self.encoded);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use logwheel_core::Value;

    use super::*;
    use crate::support::{TestEvent, enrich};

    /// With another environment than that of the tests.
    fn with(mut env: EnvFields, variables: &[(&str, &str)]) -> EnvFields {
        let value = |name: &str| variables.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned());
        env.encoded = encode(&env.fields, value);
        env
    }

    #[test]
    fn listed_variables_become_fields_with_prefix_or_new_name_and_unset_ones_do_not() {
        let env = EnvFields::builder()
            .variables(["COLOR", "REGION", "UNSET", "COLOR"])
            .prefix("env_")
            .rename("REGION", "region")
            .rename("ZONE", "zone")
            .build()
            .unwrap();
        let mut env = with(env, &[("COLOR", "blue"), ("REGION", "eu-1"), ("ZONE", "b"), ("SECRET", "s")]);
        let expected = ["env_COLOR=Str(\"blue\")", "region=Str(\"eu-1\")", "zone=Str(\"b\")"];
        assert_eq!(enrich(&mut env, &TestEvent::new("m")), expected);
        assert_eq!(enrich(&mut *env.replicate().unwrap(), &TestEvent::new("m")), expected);
        assert_eq!(enrich(&mut env, &TestEvent::new("m").field("region", Value::Null)).len(), 2);
    }

    #[test]
    fn the_environment_is_that_of_the_process() {
        // Set by cargo for tests.
        let mut env = EnvFields::builder().variables(["CARGO_PKG_NAME"]).build().unwrap();
        let expected = ["CARGO_PKG_NAME=Str(\"logwheel-stages\")"];
        assert_eq!(enrich(&mut env, &TestEvent::new("m")), expected);
        let mut env = with(env, &[]);
        assert_eq!(enrich(&mut env, &TestEvent::new("m")), [""; 0]);
        env.start().unwrap();
        assert_eq!(enrich(&mut env, &TestEvent::new("m")), expected);
    }

    #[test]
    fn names_that_cannot_be_are_refused() {
        for (builder, option) in [
            (EnvFields::builder().variables([""]), "variables"),
            (EnvFields::builder().variables(["A=B"]), "variables"),
            (EnvFields::builder().rename("A\0", "a"), "variables"),
            (EnvFields::builder().rename("A", ""), "rename"),
            (EnvFields::builder().variables(["A"]).prefix("p".repeat(MAX_NAME)), "prefix"),
        ] {
            assert_eq!(builder.build().unwrap_err().option(), option);
        }
    }
}
