//! The log statements.

/// Logs an event at a level that is only known at run time, or a custom one.
///
/// `event!(level, logger, "message", key = value, …)`; see [`info!`](crate::info) for the rest.
#[macro_export]
macro_rules! event {
    ($level:expr, $message:literal $(, $($fields:tt)*)?) => {
        $crate::event!($level, $crate::global(), $message $(, $($fields)*)?)
    };
    ($level:expr, $logger:expr, $message:literal $(, $($fields:tt)*)?) => {{
        let (level, logger) = ($level, &$logger);
        if logger.enabled(level) {
            $crate::__event!(@fields (logger, level, $message, false) [] [] $($($fields)*)?)
        }
    }};
    ($level:expr, $logger:expr, $message:expr $(, $($fields:tt)*)?) => {{
        let (level, logger) = ($level, &$logger);
        if logger.enabled(level) {
            $crate::__event!(@fields (logger, level, "", true) []
                [$crate::Value::Str(::core::convert::AsRef::<str>::as_ref(&$message)),] $($($fields)*)?)
        }
    }};
}

/// Takes the fields apart, one after the other: `[names] [values] rest`.
#[doc(hidden)]
#[macro_export]
macro_rules! __event {
    // Done: a static for the fixed texts, and one call with the values.
    (@fields ($logger:ident, $level:ident, $message:expr, $inline:expr) [$($name:expr,)*] [$($value:expr,)*]) => {{
        const NAMES: &[&str] = &[$($name),*];
        const { $crate::__private::assert_unique(NAMES) };
        static CALLSITE: $crate::__private::Callsite =
            $crate::__private::Callsite::new($message, ::core::module_path!(), ::core::file!(), ::core::line!(), NAMES);
        $logger.__log::<{ NAMES.len() + $inline as usize }>(
            &CALLSITE, $level, $inline, $crate::__values!($($value,)*),
        );
    }};
    // "key" = value
    (@fields $head:tt [$($names:tt)*] [$($values:tt)*] $name:literal = % $value:expr $(, $($rest:tt)*)?) => {
        $crate::__event!(@fields $head [$($names)* $name,] [$($values)* $crate::Value::Display(&$value),] $($($rest)*)?)
    };
    (@fields $head:tt [$($names:tt)*] [$($values:tt)*] $name:literal = ? $value:expr $(, $($rest:tt)*)?) => {
        $crate::__event!(@fields $head [$($names)* $name,] [$($values)* $crate::Value::Debug(&$value),] $($($rest)*)?)
    };
    (@fields $head:tt [$($names:tt)*] [$($values:tt)*] $name:literal = $value:expr $(, $($rest:tt)*)?) => {
        $crate::__event!(@fields $head [$($names)* $name,] [$($values)* $crate::ToValue::to_value(&$value),] $($($rest)*)?)
    };
    // key = value
    (@fields $head:tt [$($names:tt)*] [$($values:tt)*] $($name:ident).+ = % $value:expr $(, $($rest:tt)*)?) => {
        $crate::__event!(@fields $head [$($names)* ::core::stringify!($($name).+),]
            [$($values)* $crate::Value::Display(&$value),] $($($rest)*)?)
    };
    (@fields $head:tt [$($names:tt)*] [$($values:tt)*] $($name:ident).+ = ? $value:expr $(, $($rest:tt)*)?) => {
        $crate::__event!(@fields $head [$($names)* ::core::stringify!($($name).+),]
            [$($values)* $crate::Value::Debug(&$value),] $($($rest)*)?)
    };
    (@fields $head:tt [$($names:tt)*] [$($values:tt)*] $($name:ident).+ = $value:expr $(, $($rest:tt)*)?) => {
        $crate::__event!(@fields $head [$($names)* ::core::stringify!($($name).+),]
            [$($values)* $crate::ToValue::to_value(&$value),] $($($rest)*)?)
    };
    // %key, ?key, key
    (@fields $head:tt [$($names:tt)*] [$($values:tt)*] % $name:ident $(, $($rest:tt)*)?) => {
        $crate::__event!(@fields $head [$($names)* ::core::stringify!($name),]
            [$($values)* $crate::Value::Display(&$name),] $($($rest)*)?)
    };
    (@fields $head:tt [$($names:tt)*] [$($values:tt)*] ? $name:ident $(, $($rest:tt)*)?) => {
        $crate::__event!(@fields $head [$($names)* ::core::stringify!($name),]
            [$($values)* $crate::Value::Debug(&$name),] $($($rest)*)?)
    };
    (@fields $head:tt [$($names:tt)*] [$($values:tt)*] $name:ident $(, $($rest:tt)*)?) => {
        $crate::__event!(@fields $head [$($names)* ::core::stringify!($name),]
            [$($values)* $crate::ToValue::to_value(&$name),] $($($rest)*)?)
    };
}

/// `a, b,` as a list of pairs.
#[doc(hidden)]
#[macro_export]
macro_rules! __values {
    () => { () };
    ($first:expr, $($rest:expr,)*) => { ($first, $crate::__values!($($rest,)*)) };
}

/// Makes a macro per level. `$d` stands for the dollar sign inside.
macro_rules! level_macro {
    ($d:tt $name:ident, $level:ident, $doc:literal) => {
        #[doc = $doc]
        ///
        /// ```
        /// # let logger = logwheel::Logger::disabled();
        /// # let (id, price, symbol, why) = (7u64, 1.5, "ACME", "late");
        #[doc = concat!("use logwheel::", stringify!($name), ";")]
        ///
        #[doc = concat!(stringify!($name), "!(logger, \"order filled\", order_id = id, price, ?symbol, reason = %why);")]
        /// ```
        ///
        /// The message is a literal, or any expression that is a text (copied then). Fields are
        /// `key = value` with a [`ToValue`](crate::ToValue); `%` formats with `Display`, `?` with
        /// `Debug`, both before the event enters its lane; a lone `name` stands for `name = name`.
        /// Keys are identifiers, dotted paths or literals. Without a logger the
        /// [global](crate::global) one is used. Values are not evaluated below the level.
        #[macro_export]
        macro_rules! $name {
            ($d($d arguments:tt)*) => {
                $crate::event!($crate::Level::$level, $d($d arguments)*)
            };
        }
    };
}

level_macro!($ trace, TRACE, "Logs an event at level TRACE.");
level_macro!($ debug, DEBUG, "Logs an event at level DEBUG.");
level_macro!($ info, INFO, "Logs an event at level INFO.");
level_macro!($ warn, WARN, "Logs an event at level WARN.");
level_macro!($ error, ERROR, "Logs an event at level ERROR.");
level_macro!($ critical, CRITICAL, "Logs an event at level CRITICAL.");
level_macro!($ audit, AUDIT, "Logs an event at level AUDIT.");
level_macro!($ security, SECURITY, "Logs an event at level SECURITY.");
