//! `preset`: masks what collections of names and patterns know as personal or secret.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use logwheel_core::{Event, Redactor, StageError};

use super::patterns::PatternSet;
use super::texts::{TextRules, Texts};

mod catalog;
mod checks;
mod names;

pub use catalog::PresetPattern;

use catalog::Definition;
use names::Names;

/// A collection of field names and patterns for one kind of data: for [`PresetMask`].
///
/// A preset is a net, not a proof: it knows the formats that are listed, as
/// [`patterns`](Self::patterns) and [`fields`](Self::fields) show them. What follows from a law for a
/// service's logs is for its lawyers to say.
///
/// ```
/// use logwheel_stages::RedactPreset;
///
/// for preset in RedactPreset::all() {
///     println!("{}: {}", preset.name(), preset.description());
/// }
/// let found = RedactPreset::Pci.test("paid with 4111 1111 1111 1111");
/// assert_eq!((found[0].rule(), found[0].range()), ("card_number", 10..29));
/// assert!(RedactPreset::Pci.test("order 4111 1111 1111 1112").is_empty(), "the check digit is wrong");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RedactPreset {
    /// `gdpr`: mail and network addresses, telephone numbers, bank accounts; names, birth dates, ids.
    Gdpr,
    /// `pci`: card numbers with the right check digit, security codes, track data.
    Pci,
    /// `hipaa`: social security, medical record and plan numbers; diagnoses; ways to reach a patient.
    Hipaa,
    /// `cloud_keys`: keys and tokens of AWS, GCP, Azure, GitHub, GitLab, Slack, Stripe and others.
    CloudKeys,
    /// `jwt`: JSON web tokens.
    Jwt,
    /// `auth_tokens`: bearer and basic credentials, authorization headers, cookies, sessions.
    AuthTokens,
    /// `private_keys`: private keys as PEM, OpenSSH, PGP and age.
    PrivateKeys,
    /// `credentials`: passwords, secrets and tokens by name, in texts too, and those in URLs.
    Credentials,
}

impl RedactPreset {
    /// All there are.
    #[must_use]
    pub fn all() -> &'static [Self] {
        &[
            Self::Gdpr,
            Self::Pci,
            Self::Hipaa,
            Self::CloudKeys,
            Self::Jwt,
            Self::AuthTokens,
            Self::PrivateKeys,
            Self::Credentials,
        ]
    }

    /// Its name in settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.definition().name
    }

    /// What it is for, in a few words.
    #[must_use]
    pub fn description(self) -> &'static str {
        self.definition().description
    }

    /// What it looks for in texts.
    #[must_use]
    pub fn patterns(self) -> &'static [PresetPattern] {
        self.definition().patterns
    }

    /// The fields that it masks whatever they hold, in the event and at any depth of its JSON. Each
    /// stands for all spellings (`api_key` for `apiKey` and `X-API-Key`), and for longer names that
    /// end with it (`stripe_api_key`).
    #[must_use]
    pub fn fields(self) -> &'static [&'static str] {
        self.definition().fields
    }

    /// What its patterns find in a text. Compiles them each time: for trying out, not for every event.
    #[must_use]
    pub fn test(self, text: &str) -> Vec<Finding> {
        PresetMask::new([self]).test(text)
    }

    /// Whether a field of this name is masked.
    #[must_use]
    pub fn test_field(self, name: &str) -> bool {
        PresetMask::new([self]).test_field(name)
    }

    fn definition(self) -> &'static Definition {
        match self {
            Self::Gdpr => &catalog::GDPR,
            Self::Pci => &catalog::PCI,
            Self::Hipaa => &catalog::HIPAA,
            Self::CloudKeys => &catalog::CLOUD_KEYS,
            Self::Jwt => &catalog::JWT,
            Self::AuthTokens => &catalog::AUTH_TOKENS,
            Self::PrivateKeys => &catalog::PRIVATE_KEYS,
            Self::Credentials => &catalog::CREDENTIALS,
        }
    }
}

impl fmt::Display for RedactPreset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for RedactPreset {
    type Err = PresetError;

    /// By its name in settings; case makes no difference, and `-` stands for `_`.
    fn from_str(name: &str) -> Result<Self, PresetError> {
        let plain = name.to_ascii_lowercase().replace('-', "_");
        let preset = Self::all().iter().find(|preset| preset.name() == plain);
        preset.copied().ok_or_else(|| PresetError::UnknownPreset(name.to_owned()))
    }
}

/// A name that no preset has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PresetError {
    /// There is no preset of this name.
    #[error("presets: {0:?}: there are {names}", names = preset_names())]
    UnknownPreset(String),
    /// The presets that were chosen have neither a pattern nor a field of this name.
    #[error("without: {0:?}: none of the chosen presets has a pattern or a field of this name")]
    UnknownRule(String),
}

fn preset_names() -> String {
    RedactPreset::all().iter().map(|preset| preset.name()).collect::<Vec<_>>().join(", ")
}

/// What a preset found in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    rule: &'static str,
    range: Range<usize>,
}

impl Finding {
    /// The name of the pattern that found it.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        self.rule
    }

    /// Where it is, in bytes of the text.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }
}

/// Masks what [presets](RedactPreset) know.
///
/// A preset has names of fields, which are masked whatever they hold, and patterns, which are masked
/// wherever they match. The names are looked for among the event's fields and among the members of
/// raw JSON at any depth; the patterns in the same texts as those of [`RegexMask`](super::RegexMask),
/// and card numbers in whole numbers as well. What cannot be searched is treated as there: it does not
/// get out.
///
/// # Cost
///
/// One pass over each text for all patterns together, in time linear in its length, and one look at
/// each name. Where nothing looks like a match, there is no allocation once each worker has searched a
/// few events, but for a small one by the check of JSON with nesting. What looks like a match costs
/// a few small ones, also if it is none (a number that fails its check digit, `a::b`).
///
/// ```
/// use logwheel_stages::{PresetMask, RedactPreset};
///
/// let mask = PresetMask::new([RedactPreset::Gdpr, RedactPreset::Pci]).mask("[redacted]").without(["ipv4"])?;
/// assert!(mask.test("from 10.0.0.1").is_empty());
/// let all = PresetMask::from_names(["gdpr", "cloud_keys"])?;
/// # let _ = all;
/// # Ok::<(), logwheel_stages::PresetError>(())
/// ```
#[derive(Debug, Clone)]
pub struct PresetMask {
    presets: Vec<RedactPreset>,
    without: Vec<String>,
    rules: PresetRules,
    texts: Texts,
}

#[derive(Debug, Clone)]
struct PresetRules {
    patterns: PatternSet,
    pattern_names: Vec<&'static str>,
    names: Names,
    /// Whether numbers can be card numbers.
    cards: bool,
    mask: String,
}

impl PresetMask {
    /// Masks what these presets know. Without any, it does nothing.
    #[must_use]
    pub fn new(presets: impl IntoIterator<Item = RedactPreset>) -> Self {
        let presets: Vec<_> = presets.into_iter().collect();
        let rules = PresetRules::compile(&presets, &[]);
        Self { presets, without: Vec::new(), rules, texts: Texts::new() }.mask("***")
    }

    /// As [`new`](Self::new), by their names.
    ///
    /// # Errors
    /// When there is no preset of a name.
    pub fn from_names(presets: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, PresetError> {
        let presets: Result<Vec<_>, _> = presets.into_iter().map(|name| name.as_ref().parse()).collect();
        Ok(Self::new(presets?))
    }

    /// What takes the place of what is masked; `***` by default.
    #[must_use]
    pub fn mask(mut self, mask: impl Into<String>) -> Self {
        self.rules.mask = mask.into();
        self.texts.set_mask(self.rules.mask.clone());
        self
    }

    /// Leaves out patterns and fields of the chosen presets, by the names that
    /// [`PresetPattern::name`] and [`RedactPreset::fields`] give; none by default.
    ///
    /// # Errors
    /// When the chosen presets have neither a pattern nor a field of a name.
    pub fn without(mut self, rules: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, PresetError> {
        for rule in rules {
            let rule = rule.as_ref();
            let is_known = self.presets.iter().any(|preset| {
                preset.patterns().iter().any(|pattern| pattern.name == rule) || preset.fields().contains(&rule)
            });
            if !is_known {
                return Err(PresetError::UnknownRule(rule.to_owned()));
            }
            self.without.push(rule.to_owned());
        }
        let mask = std::mem::take(&mut self.rules.mask);
        self.rules = PresetRules { mask, ..PresetRules::compile(&self.presets, &self.without) };
        Ok(self)
    }

    /// What the patterns find in a text, in order and apart from each other.
    #[must_use]
    pub fn test(&self, text: &str) -> Vec<Finding> {
        let mut rules = self.rules.clone();
        let spans = rules.patterns.find(text).unwrap_or_default();
        let finding = |span: &super::patterns::Span| Finding {
            rule: self.rules.pattern_names[span.pattern],
            range: span.range.clone(),
        };
        spans.iter().map(finding).collect()
    }

    /// Whether a field or member of this name is masked.
    #[must_use]
    pub fn test_field(&self, name: &str) -> bool {
        self.rules.names.matches(name)
    }
}

impl PresetRules {
    fn compile(presets: &[RedactPreset], without: &[String]) -> Self {
        let mut patterns: Vec<&PresetPattern> = Vec::new();
        let mut names = Names::default();
        for preset in presets {
            names.extend(preset.fields().iter().copied().filter(|name| !without.iter().any(|rule| rule == name)));
            for pattern in preset.patterns() {
                let is_new = patterns.iter().all(|other| other.name != pattern.name);
                if is_new && !without.iter().any(|rule| rule == pattern.name) {
                    patterns.push(pattern);
                }
            }
        }
        let compiled = PatternSet::compile(patterns.iter().map(|pattern| (pattern.regex, pattern.check)), usize::MAX);
        Self {
            patterns: compiled.expect("a test compiles all presets together"),
            pattern_names: patterns.iter().map(|pattern| pattern.name).collect(),
            names,
            cards: patterns.iter().any(|pattern| pattern.name == catalog::CARD.name),
            mask: String::new(),
        }
    }
}

impl TextRules for PresetRules {
    const SECRETS: bool = true;

    fn text(&mut self, text: &str, out: &mut String) -> bool {
        let mask = self.mask.as_str();
        self.patterns.replace(text, mask, |_| mask, out)
    }

    fn hides(&mut self, name: &str) -> bool {
        self.names.matches(name)
    }

    fn smallest_number(&self) -> Option<u128> {
        // The first one of 13 digits.
        self.cards.then_some(1_000_000_000_000)
    }

    fn number(&mut self, digits: &str) -> bool {
        if !self.cards || !(13..=19).contains(&digits.len()) {
            return false;
        }
        let mut values = [0; 19];
        for (value, digit) in values.iter_mut().zip(digits.bytes()) {
            match digit {
                b'0'..=b'9' => *value = digit - b'0',
                _ => return false,
            }
        }
        checks::is_card(&values[..digits.len()])
    }
}

impl Redactor for PresetMask {
    fn name(&self) -> &str {
        "preset"
    }

    fn replicate(&self) -> Option<Box<dyn Redactor>> {
        Some(Box::new(self.clone()))
    }

    fn redact(&mut self, event: &mut Event<'_>) -> Result<(), StageError> {
        self.texts.redact(event, &mut self.rules);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
