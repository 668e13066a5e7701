//! Values that must not be logged, whoever logs them.

use std::fmt;

use crate::{ToValue, Value};

/// What a secret shows of itself.
const SHOWN: &str = "***";

/// Holds a value that logs as `***`, whatever redactors there are.
///
/// As a plain field, with `%` and with `?` a log statement sees the mask alone, and so does a type
/// that derives `Debug` around it. The value never enters a lane. Only [`expose`](Self::expose)
/// and [`into_inner`](Self::into_inner) give it out, so that a search for these names finds every
/// place where a secret is used.
///
/// It cannot be compared or hashed, and it does not serialize:
///
/// ```compile_fail,E0277
/// let token = logwheel_core::Secret::new("t0ken".to_owned());
/// let leak = serde_json::to_string(&token);
/// ```
///
/// The memory is freed, not wiped, when it is dropped; where that matters, put a type inside that
/// wipes itself.
///
/// ```
/// use logwheel_core::{Secret, ToValue, Value};
///
/// let password = Secret::new("hunter2");
/// assert_eq!(format!("{password} {password:?}"), "*** ***");
/// assert!(matches!(password.to_value(), Value::Str("***")));
/// assert_eq!(*password.expose(), "hunter2");
/// ```
#[derive(Clone, Copy, Default)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Hides a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// The value itself, to be changed.
    pub const fn expose_mut(&mut self) -> &mut T {
        &mut self.0
    }

    /// The value itself, no longer hidden.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> ToValue for Secret<T> {
    #[inline(always)]
    fn to_value(&self) -> Value<'_> {
        Value::Str(SHOWN)
    }
}

// Written whole, without regard to width and precision: they can tell nothing of the value.
impl<T> fmt::Display for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SHOWN)
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SHOWN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value that gives itself away wherever it is shown.
    #[derive(Clone, Default)]
    struct Loud;

    impl fmt::Display for Loud {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("shown")
        }
    }

    impl fmt::Debug for Loud {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("shown")
        }
    }

    #[test]
    fn a_secret_never_shows_its_value() {
        #[derive(Debug)]
        #[allow(dead_code)]
        struct Login {
            user: &'static str,
            password: Secret<Loud>,
        }
        let secret = Secret::new(Loud);
        let shown = [format!("{secret}"), format!("{secret:?}"), format!("{secret:#?}"), format!("{secret:>1.1}")];
        assert_eq!(shown, ["***"; 4]);
        assert_eq!(
            format!("{:?}", Login { user: "ann", password: secret.clone() }),
            "Login { user: \"ann\", password: *** }"
        );
        assert_eq!(format!("{:?}", [Some(secret.clone())]), "[Some(***)]");
        for value in [secret.to_value(), Some(&secret).to_value(), Box::new(secret.clone()).to_value()] {
            assert!(matches!(value, Value::Str("***")), "{value:?}");
        }
    }

    #[test]
    fn a_secret_gives_its_value_to_those_who_ask_by_name() {
        let mut secret: Secret<String> = "a".to_owned().into();
        secret.expose_mut().push('b');
        assert_eq!(secret.expose(), "ab");
        assert_eq!(secret.into_inner(), "ab");
    }
}
