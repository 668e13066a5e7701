//! The values that an event can carry.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// One value, borrowed from the caller or from an event's bytes.
///
/// The last three variants are formatted before the event enters a lane; a stage that reads an
/// event meets their text as [`Value::Str`].
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Value<'a> {
    /// JSON `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A signed integer.
    I64(i64),
    /// An unsigned integer.
    U64(u64),
    /// A wide signed integer, written as a JSON number with all its digits.
    I128(i128),
    /// A wide unsigned integer, written as a JSON number with all its digits.
    U128(u128),
    /// A floating point number; NaN and the infinities become `null` and are counted.
    F64(f64),
    /// As [`F64`](Self::F64), written with the digits that a single-precision number needs.
    F32(f32),
    /// Text.
    Str(&'a str),
    /// A single character, written as text.
    Char(char),
    /// Bytes, written as text; what is not UTF-8 becomes U+FFFD.
    Bytes(&'a [u8]),
    /// A length of time, written as seconds in a JSON number with up to nine decimals.
    Duration(Duration),
    /// A JSON document, spliced into the output. A worker checks it: what is not JSON is written
    /// as text and counted.
    Json(&'a str),
    /// Text or bytes that did not fit and were cut.
    Cut {
        /// The part that was kept, cut at a character's border where it was text.
        kept: &'a [u8],
        /// How many bytes there were.
        original_len: u32,
    },
    /// Anything with a `Display`.
    Display(&'a dyn fmt::Display),
    /// Anything with a `Debug`.
    Debug(&'a dyn fmt::Debug),
    /// An error; its text is followed by those of its sources, joined by `": "`.
    Error(&'a (dyn Error + 'static)),
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tuple =
            |f: &mut fmt::Formatter<'_>, name: &str, value: &dyn fmt::Debug| f.debug_tuple(name).field(value).finish();
        match self {
            Value::Null => f.write_str("Null"),
            Value::Bool(v) => tuple(f, "Bool", v),
            Value::I64(v) => tuple(f, "I64", v),
            Value::U64(v) => tuple(f, "U64", v),
            Value::I128(v) => tuple(f, "I128", v),
            Value::U128(v) => tuple(f, "U128", v),
            Value::F64(v) => tuple(f, "F64", v),
            Value::F32(v) => tuple(f, "F32", v),
            Value::Str(v) => tuple(f, "Str", v),
            Value::Char(v) => tuple(f, "Char", v),
            Value::Bytes(v) => tuple(f, "Bytes", v),
            Value::Duration(v) => tuple(f, "Duration", v),
            Value::Json(v) => tuple(f, "Json", v),
            Value::Cut { kept, original_len } => {
                f.debug_struct("Cut").field("kept", kept).field("original_len", original_len).finish()
            }
            Value::Display(v) => tuple(f, "Display", &format_args!("{v}")),
            Value::Debug(v) => tuple(f, "Debug", v),
            Value::Error(v) => tuple(f, "Error", v),
        }
    }
}

impl Value<'_> {
    /// Whether the value has to be formatted before its size is known.
    #[must_use]
    #[inline(always)]
    pub fn needs_formatting(&self) -> bool {
        matches!(self, Value::Display(_) | Value::Debug(_) | Value::Error(_))
    }
}

/// Types that can be logged without formatting.
///
/// Implement it for your own types where a plain value says it all:
///
/// ```
/// use logwheel_core::{ToValue, Value};
///
/// struct OrderId(u64);
///
/// impl ToValue for OrderId {
///     fn to_value(&self) -> Value<'_> {
///         Value::U64(self.0)
///     }
/// }
/// ```
///
/// The method runs on the caller's thread before anything is claimed in a lane: it may panic
/// without harm to the pipeline, and it should be cheap.
pub trait ToValue {
    /// The value to log.
    fn to_value(&self) -> Value<'_>;
}

/// A text that is already JSON, to be spliced into the event as it is.
///
/// Workers check it; what is not one JSON document is logged as a string and counted.
#[derive(Debug, Clone, Copy)]
pub struct RawJson<'a>(pub &'a str);

impl ToValue for RawJson<'_> {
    #[inline]
    fn to_value(&self) -> Value<'_> {
        Value::Json(self.0)
    }
}

impl ToValue for Value<'_> {
    #[inline]
    fn to_value(&self) -> Value<'_> {
        *self
    }
}

macro_rules! to_value {
    ($($type:ty => |$this:ident| $value:expr),* $(,)?) => {$(
        impl ToValue for $type {
            #[inline(always)]
            fn to_value(&self) -> Value<'_> {
                let $this = self;
                $value
            }
        }
    )*};
}

to_value! {
    () => |_this| Value::Null,
    bool => |this| Value::Bool(*this),
    i8 => |this| Value::I64(i64::from(*this)),
    i16 => |this| Value::I64(i64::from(*this)),
    i32 => |this| Value::I64(i64::from(*this)),
    i64 => |this| Value::I64(*this),
    isize => |this| Value::I64(*this as i64),
    i128 => |this| Value::I128(*this),
    u8 => |this| Value::U64(u64::from(*this)),
    u16 => |this| Value::U64(u64::from(*this)),
    u32 => |this| Value::U64(u64::from(*this)),
    u64 => |this| Value::U64(*this),
    usize => |this| Value::U64(*this as u64),
    u128 => |this| Value::U128(*this),
    f32 => |this| Value::F32(*this),
    f64 => |this| Value::F64(*this),
    char => |this| Value::Char(*this),
    str => |this| Value::Str(this),
    String => |this| Value::Str(this),
    [u8] => |this| Value::Bytes(this),
    Vec<u8> => |this| Value::Bytes(this),
    Duration => |this| Value::Duration(*this),
    fmt::Arguments<'_> => |this| Value::Display(this),
    std::net::IpAddr => |this| Value::Display(this),
    std::net::SocketAddr => |this| Value::Display(this),
    std::num::NonZeroU32 => |this| Value::U64(u64::from(this.get())),
    std::num::NonZeroU64 => |this| Value::U64(this.get()),
    std::num::NonZeroUsize => |this| Value::U64(this.get() as u64),
    std::io::Error => |this| Value::Error(this),
    dyn Error => |this| Value::Error(this),
}

impl<const N: usize> ToValue for [u8; N] {
    #[inline(always)]
    fn to_value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl ToValue for Box<dyn Error + Send + Sync> {
    fn to_value(&self) -> Value<'_> {
        Value::Error(&**self)
    }
}

impl<T: ToValue> ToValue for Option<T> {
    #[inline(always)]
    fn to_value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, ToValue::to_value)
    }
}

impl<T: ToValue + ToOwned + ?Sized> ToValue for Cow<'_, T> {
    #[inline(always)]
    fn to_value(&self) -> Value<'_> {
        (**self).to_value()
    }
}

macro_rules! to_value_through {
    ($($type:ty),*) => {$(
        impl<T: ToValue + ?Sized> ToValue for $type {
            #[inline(always)]
            fn to_value(&self) -> Value<'_> {
                (**self).to_value()
            }
        }
    )*};
}

to_value_through!(&T, &mut T, Box<T>, Arc<T>, Rc<T>);

/// Writes an error and its sources, joined by `": "`. A source whose text the error before it
/// already ends with is not repeated.
///
/// # Errors
/// When `out` refuses.
pub fn write_error_chain(error: &(dyn Error + 'static), out: &mut impl fmt::Write) -> fmt::Result {
    let mut text = error.to_string();
    out.write_str(&text)?;
    let mut source = error.source();
    // A cycle is a bug of the error's author; it must not become ours.
    for _ in 0..64 {
        let Some(cause) = source else { break };
        let next = cause.to_string();
        if !text.ends_with(&next) {
            out.write_str(": ")?;
            out.write_str(&next)?;
        }
        text = next;
        source = cause.source();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Failure {
        text: &'static str,
        #[source]
        source: Option<Box<Failure>>,
    }

    fn chain(texts: &[&'static str]) -> Failure {
        let source = if texts.len() > 1 { Some(Box::new(chain(&texts[1..]))) } else { None };
        Failure { text: texts[0], source }
    }

    #[test]
    fn an_error_is_followed_by_its_sources_and_none_is_said_twice() {
        let text = |texts: &[&'static str]| {
            let mut out = String::new();
            write_error_chain(&chain(texts), &mut out).unwrap();
            out
        };
        assert_eq!(text(&["write failed"]), "write failed");
        assert_eq!(text(&["write failed", "disk full", "quota"]), "write failed: disk full: quota");
        assert_eq!(text(&["write failed: disk full", "disk full", "quota"]), "write failed: disk full: quota");
    }

    #[test]
    fn everyday_types_have_values() {
        assert!(matches!(Some(3u8).to_value(), Value::U64(3)));
        assert!(matches!(None::<i32>.to_value(), Value::Null));
        assert!(matches!("x".to_owned().to_value(), Value::Str("x")));
        assert!(matches!(Arc::new(-1i32).to_value(), Value::I64(-1)));
        assert!(matches!(Cow::Borrowed("x").to_value(), Value::Str("x")));
        assert!(matches!((&&true).to_value(), Value::Bool(true)));
    }
}
