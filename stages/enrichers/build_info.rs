//! `build`: which build of the service an event comes from.

use logwheel_core::{EncodedFields, Enricher, Enrichment, StageError};

use super::process_info::require_prefix;
use crate::InvalidOption;

/// Adds what is known of the service's build: package, version, commit and profile.
///
/// Each is given by hand, or all of them by [`build_info!`](crate::build_info), which takes them from
/// the compilation. The fields are `build_package`, `build_version`, `build_commit` and `build_profile`;
/// what was not given, or is empty, is left out. They are encoded once; each event costs a copy of the
/// bytes. A field that an event has already is not overwritten.
///
/// ```
/// use logwheel_stages::BuildInfo;
///
/// let by_hand = BuildInfo::builder().version("1.4.2").git_commit("9fceb02").build()?;
/// let by_compiler = logwheel_stages::build_info!().prefix("app_").build()?;
/// # let _ = (by_hand, by_compiler);
/// # Ok::<(), logwheel_stages::InvalidOption>(())
/// ```
#[derive(Debug, Clone)]
pub struct BuildInfo {
    encoded: EncodedFields,
}

/// The options of [`BuildInfo`].
#[derive(Debug, Clone)]
#[must_use]
pub struct BuildInfoBuilder {
    prefix: String,
    package: Option<String>,
    version: Option<String>,
    git_commit: Option<String>,
    profile: Option<String>,
}

impl BuildInfo {
    /// Nothing is known yet.
    pub fn builder() -> BuildInfoBuilder {
        BuildInfoBuilder { prefix: "build_".to_owned(), package: None, version: None, git_commit: None, profile: None }
    }
}

impl BuildInfoBuilder {
    /// What the names of the fields start with; `build_` by default, at most 60,000 bytes.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// The name of the package that was built.
    pub fn package(mut self, package: impl Into<String>) -> Self {
        self.package = Some(package.into());
        self
    }

    /// Its version.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// The commit that it was built from.
    pub fn git_commit(mut self, git_commit: impl Into<String>) -> Self {
        self.git_commit = Some(git_commit.into());
        self
    }

    /// The profile with which it was built.
    pub fn profile(mut self, profile: impl Into<String>) -> Self {
        self.profile = Some(profile.into());
        self
    }

    /// The enricher.
    ///
    /// # Errors
    /// When the prefix is too long.
    pub fn build(self) -> Result<BuildInfo, InvalidOption> {
        require_prefix(&self.prefix)?;
        let mut encoded = EncodedFields::new();
        for (name, value) in [
            ("package", self.package),
            ("version", self.version),
            ("commit", self.git_commit),
            ("profile", self.profile),
        ] {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                encoded.push(&format!("{}{name}", self.prefix), value);
            }
        }
        encoded.write_ahead();
        Ok(BuildInfo { encoded })
    }
}

/// The options of a [`BuildInfo`] that describes the crate in which this stands: package and version as
/// cargo has them, the profile (`debug` with debug assertions, else `release`), and the commit, if the
/// compiler's environment names it in one of `GIT_COMMIT`, `VERGEN_GIT_SHA`, `GITHUB_SHA` and
/// `CI_COMMIT_SHA` (the first that is there; a build script can set one with `cargo::rustc-env`).
#[macro_export]
macro_rules! build_info {
    () => {{
        let commit = ::core::option_env!("GIT_COMMIT")
            .or(::core::option_env!("VERGEN_GIT_SHA"))
            .or(::core::option_env!("GITHUB_SHA"))
            .or(::core::option_env!("CI_COMMIT_SHA"));
        // What is empty is left out.
        $crate::BuildInfo::builder()
            .package(::core::option_env!("CARGO_PKG_NAME").unwrap_or_default())
            .version(::core::option_env!("CARGO_PKG_VERSION").unwrap_or_default())
            .git_commit(commit.unwrap_or_default())
            .profile(if ::core::cfg!(debug_assertions) { "debug" } else { "release" })
    }};
}

impl Enricher for BuildInfo {
    fn name(&self) -> &str {
        "build"
    }

    fn replicate(&self) -> Option<Box<dyn Enricher>> {
        Some(Box::new(self.clone()))
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

    #[test]
    fn what_was_given_is_added_and_the_rest_is_not() {
        let builder = BuildInfo::builder().version("1.4.2").git_commit("9fceb02").package("");
        let build = builder.build().unwrap();
        let expected = ["build_version=Str(\"1.4.2\")", "build_commit=Str(\"9fceb02\")"];
        assert_eq!(enrich(&mut *build.replicate().unwrap(), &TestEvent::new("m")), expected);
    }

    #[test]
    fn the_macro_describes_the_crate_in_which_it_stands() {
        let mut build = crate::build_info!().prefix("b_").git_commit("c").build().unwrap();
        let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
        let expected = [
            "b_package=Str(\"logwheel-stages\")".to_owned(),
            format!("b_version=Str({:?})", env!("CARGO_PKG_VERSION")),
            "b_commit=Str(\"c\")".to_owned(),
            format!("b_profile=Str({profile:?})"),
        ];
        assert_eq!(enrich(&mut build, &TestEvent::new("m")), expected);
    }

    #[test]
    fn an_overlong_prefix_is_refused() {
        assert_eq!(BuildInfo::builder().prefix("p".repeat(60_001)).build().unwrap_err().option(), "prefix");
    }
}
