//! Names in settings: written in several ways, and sometimes wrongly.

/// A name in its canonical form: lower case, `_` for `-`.
///
/// ```
/// assert_eq!(logwheel_cli::settings::canonical("Field-Mask"), "field_mask");
/// ```
#[must_use]
pub fn canonical(name: &str) -> String {
    name.trim().to_lowercase().replace('-', "_")
}

/// `; did you mean "…"?` with the name that was probably meant, or nothing.
pub(crate) fn did_you_mean<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let wrong = canonical(wrong);
    let near = names.into_iter().map(|name| (strsim::damerau_levenshtein(&wrong, name), name));
    // A third of the letters may be wrong; more is another word.
    let nearest = near.filter(|(distance, name)| *distance <= (name.len().max(wrong.len()) / 3).max(1)).min();
    nearest.map_or_else(String::new, |(_, name)| format!("; did you mean {name:?}?"))
}

/// Names as a list for people: `"a", "b"`.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<_> = names.into_iter().map(|name| format!("{name:?}")).collect();
    quoted.join(", ")
}

/// Whether a key says that its value must not be shown.
pub(crate) fn is_secret(key: &str) -> bool {
    const WORDS: [&str; 15] = [
        "password",
        "passwd",
        "passphrase",
        "token",
        "secret",
        "credential",
        "authorization",
        "cookie",
        "bearer",
        "api_key",
        "apikey",
        "private_key",
        "access_key",
        "encryption_key",
        "hash_chain_key",
    ];
    let key = canonical(key);
    key == "key" || WORDS.iter().any(|word| key.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_that_was_meant_is_found_and_another_word_is_not() {
        let names = ["field_mask", "field_blocker", "regex_mask", "level"];
        for (wrong, meant) in [
            ("field_maks", "field_mask"),
            ("FIELD-MASK2", "field_mask"),
            ("levle", "level"),
            ("regexmask", "regex_mask"),
        ] {
            assert_eq!(did_you_mean(wrong, names), format!("; did you mean {meant:?}?"), "{wrong}");
        }
        for wrong in ["sampling", "x", "", "kubernetes"] {
            assert_eq!(did_you_mean(wrong, names), "", "{wrong}");
        }
    }

    #[test]
    fn keys_of_secrets_are_known_by_their_words() {
        for key in ["password", "auth_password", "Bearer-Token", "api_key", "X-Api-Key", "key", "client_secret"] {
            assert!(is_secret(key), "{key}");
        }
        for key in ["wrapper_key", "key_field", "keep_files", "path", "user", "fields"] {
            assert!(!is_secret(key), "{key}");
        }
    }
}
