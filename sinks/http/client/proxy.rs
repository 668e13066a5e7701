//! Which proxy the environment asks for.
//!
//! There is no standard; this is what curl does, and what most tools took over from it: the
//! variable of the URL's scheme first, lower case first, then `ALL_PROXY`; `NO_PROXY` is a list of
//! hosts, each with everything below it, or `*`.

/// The proxy for a host, with the name of the variable that says so.
pub(super) fn from_environment(
    scheme: &str,
    host: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Option<(&'static str, String)> {
    let set = |name: &'static str| variable(name).filter(|value| !value.trim().is_empty()).map(|value| (name, value));
    let (_, exceptions) = set("no_proxy").or_else(|| set("NO_PROXY")).unwrap_or_default();
    if exceptions.split([',', ' ']).any(|exception| covers(exception.trim(), host)) {
        return None;
    }
    let names: &[&'static str] = match scheme {
        "https" => &["https_proxy", "HTTPS_PROXY"],
        // A CGI program finds a header of its caller in HTTP_PROXY.
        _ if variable("REQUEST_METHOD").is_some() => &["http_proxy"],
        _ => &["http_proxy", "HTTP_PROXY"],
    };
    names.iter().chain(&["all_proxy", "ALL_PROXY"]).find_map(|name| set(name))
}

/// Whether an entry of `NO_PROXY` covers the host: the name itself and those below it.
fn covers(exception: &str, host: &str) -> bool {
    let bare = |name: &str| name.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
    let (exception, host) = (bare(exception.trim_start_matches("*.").trim_start_matches('.')), bare(host));
    match host.strip_suffix(exception.as_str()) {
        _ if exception.is_empty() => false,
        Some(before) => before.is_empty() || before.ends_with('.'),
        None => exception == "*",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(scheme: &str, host: &str, environment: &[(&str, &str)]) -> Option<(&'static str, String)> {
        let variable =
            |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        from_environment(scheme, host, variable)
    }

    #[test]
    fn the_scheme_chooses_the_variable() {
        let all = [("HTTP_PROXY", "h"), ("https_proxy", "s"), ("ALL_PROXY", "a")];
        let found = |scheme, environment: &[_]| proxy(scheme, "logs", environment).map(|(_, value)| value);
        assert_eq!(found("http", &all).as_deref(), Some("h"));
        assert_eq!(found("https", &all).as_deref(), Some("s"));
        assert_eq!(found("https", &[("HTTP_PROXY", "h"), ("ALL_PROXY", "a")]).as_deref(), Some("a"));
        assert_eq!(found("https", &[("HTTP_PROXY", "h")]), None);
        assert_eq!(found("http", &[("HTTP_PROXY", "h"), ("REQUEST_METHOD", "GET")]), None);
        assert_eq!(found("http", &[("http_proxy", " "), ("HTTP_PROXY", "h")]).as_deref(), Some("h"));
        assert_eq!(found("http", &[]), None);
    }

    #[test]
    fn no_proxy_covers_a_name_and_what_is_below() {
        for (exceptions, host, direct) in [
            ("example.com", "example.com", true),
            ("example.com", "logs.example.com", true),
            (".example.com", "logs.EXAMPLE.com", true),
            ("*.example.com", "logs.example.com.", true),
            ("example.com", "badexample.com", false),
            ("a, b,logs", "logs", true),
            ("a b", "b", true),
            ("*", "anything", true),
            ("", "anything", false),
            (",,", "anything", false),
            ("10.0.0.1", "10.0.0.1", true),
            ("::1", "[::1]", true),
        ] {
            let found = proxy("http", host, &[("HTTP_PROXY", "h"), ("NO_PROXY", exceptions)]);
            assert_eq!(found.is_none(), direct, "{exceptions:?} for {host}");
        }
    }
}
