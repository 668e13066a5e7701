use logwheel_core::{Level, Value};
use proptest::prelude::*;

use super::*;
use crate::testing::{fields, with_event};

fn masked_by(rules: &UrlCredentials, text: &str) -> String {
    let mut out = String::new();
    if rules.rules.clone().text(text, &mut out) { out } else { text.to_owned() }
}

#[test]
fn what_stands_before_the_host_is_masked_wherever_the_url_is() {
    let urls = UrlCredentials::new();
    for (text, expected) in [
        ("https://user:pass@host/path?q#f", "https://***@host/path?q#f"),
        ("see postgres://u:p@db:5432/orders, then", "see postgres://***@db:5432/orders, then"),
        ("https://ghp_token@github.com", "https://***@github.com"),
        ("git+ssh://git@host:22/x", "git+ssh://***@host:22/x"),
        ("a://b:c@d a://e:f@g", "a://***@d a://***@g"),
        ("redis://:pw@host", "redis://***@host"),
        ("x=\"amqp://u:p@h\"", "x=\"amqp://***@h\""),
        ("http://user:p@ss@host/", "http://***@host/"),
        ("http://user:p/ss?#@host/", "http://***@host/"),
        ("http://ü:é@host", "http://***@host"),
        (r"https:\/\/user:pass@host\/path", r"https:\/\/***@host\/path"),
        ("https://a.com/?next=https://u:p@b.com/", "https://a.com/?next=https://***@b.com/"),
        ("http://[::1]:80/a@b http://u:p@[::1]:80/", "http://[::1]:80/a@b http://***@[::1]:80/"),
        // Percent-encoded: once, in the parameter of another URL, and more often.
        ("https%3A%2F%2Fuser%3Apass%40host%2Fx", "https%3A%2F%2F***%40host%2Fx"),
        ("https%3a%2f%2fuser%3apass%40host%2fx", "https%3a%2f%2f***%40host%2fx"),
        ("/go?to=https%3A%2F%2Fu%3Ap%40h%2F&x=a@b", "/go?to=https%3A%2F%2F***%40h%2F&x=a@b"),
        ("https%253A%252F%252Fu%253Ap%2540h", "https%253A%252F%252F***%2540h"),
        ("https%3A%2F%2Fu%3Ap%252Fss%40h", "https%3A%2F%2F***%40h"),
        ("https://u:p%2Fs%40s@h", "https://***@h"),
        ("https%3A//u:p@h", "https%3A//***@h"),
    ] {
        assert_eq!(masked_by(&urls, text), expected, "{text}");
        assert_eq!(masked_by(&urls, expected), expected, "{text}, again");
    }
}

#[test]
fn what_is_no_credential_stays() {
    let urls = UrlCredentials::new();
    for text in [
        "",
        "https://host/",
        "https://host:8080/@scope/pkg",
        "https://host/user@example.com",
        "mail me@example.com",
        "std::net::Ipv4Addr",
        "http://",
        "://",
        "://@",
        "https://host?mail=a@b",
        "http://host#a@b",
        "%",
        "%4",
        "%3A%2F",
        "http://[::1]/a@b",
        "see https://host, and a@b",
        "https://host/?token=t",
    ] {
        assert_eq!(masked_by(&urls, text), text);
    }
}

#[test]
fn parameters_are_masked_by_name_on_request() {
    let urls = UrlCredentials::new()
        .query_parameters(UrlCredentials::COMMON_PARAMETERS)
        .query_parameters(["token", "API_key"]);
    for (text, expected) in [
        ("GET /x?token=t&a=1 HTTP/1.1", "GET /x?token=***&a=1 HTTP/1.1"),
        ("https://h/?a=1&Api_Key=k#f", "https://h/?a=1&Api_Key=***#f"),
        ("https://h/#token=t", "https://h/#token=***"),
        ("token=t&b=2", "token=***&b=2"),
        ("user=a&token=t", "user=a&token=***"),
        ("/x?%74oken=t", "/x?%74oken=***"),
        ("/x?to=https%3A%2F%2Fh%3Ftoken%3Dt%26b%3D1&c=2", "/x?to=https%3A%2F%2Fh%3Ftoken%3D***%26b%3D1&c=2"),
        ("/x?token=a%26b&c=2", "/x?token=***&c=2"),
        ("https://u:p@h/?token=t", "https://***@h/?token=***"),
        ("/x?token=é/é;é", "/x?token=***"),
        ("/x?a;token=t", "/x?a;token=***"),
        ("/x?token=&a", "/x?token=&a"),
        ("/x?tokens=t&mytoken=t&token", "/x?tokens=t&mytoken=t&token"),
        ("a sentence of mine", "a sentence of mine"),
    ] {
        assert_eq!(masked_by(&urls, text), expected, "{text}");
    }
    let long = format!("/x?{}=t", "n".repeat(65));
    assert_eq!(masked_by(&UrlCredentials::new().query_parameters([&long[3..68]]), &long), long, "the name is too long");
}

#[test]
fn urls_inside_json_are_masked_without_touching_the_rest() {
    let mut urls = UrlCredentials::new().mask("<gone>");
    let json = r#"{"url":"https:\/\/u:p\u0040h\/", "list":["\u0068ttp://a:b@c",1.0]}"#;
    let fields = with_event(Level::INFO, &[("f", Value::Json(json)), ("g", Value::Json("{"))], |event| {
        urls.redact(event).unwrap();
        fields(event)
    });
    let expected = r#"{"url":"https://<gone>@h/", "list":["http://<gone>@c",1.0]}"#;
    assert_eq!(fields, [format!("f={:?}", Value::Json(expected)), "g=Str(\"<gone>\")".to_owned()]);
}

#[test]
fn adversarial_texts_take_linear_time() {
    let urls = UrlCredentials::new().query_parameters(["token"]);
    // Each of these takes minutes if every scheme, parameter or word is read to its end anew.
    for part in
        ["a://b:c/", "a://", "%3A%2F%2F", "%253A%252F%252F", "://%3A%2F%2Fb:c", "?token", "&", "%25", "a://b:c%2F"]
    {
        let text = part.repeat(300_000 / part.len());
        assert_eq!(masked_by(&urls, &text), text);
    }
    let text = "a://b:c/".repeat(100_000) + "@";
    assert_eq!(masked_by(&urls, &text), "a://***@");
}

fn encoded(text: &str, times: usize) -> String {
    (0..times).fold(text.to_owned(), |text, _| {
        let encode =
            |byte: u8| if byte.is_ascii_alphanumeric() { (byte as char).to_string() } else { format!("%{byte:02X}") };
        text.bytes().map(encode).collect()
    })
}

proptest! {
    #[test]
    fn credentials_are_found_whatever_is_around_the_url_and_however_often_it_is_encoded(
        before in "[a-zé =?&(,]{0,8}",
        after in "[a-z/?=&#.:@ ]{0,12}",
        scheme in "[a-z][a-z0-9+.]{0,6}",
        user in "[a-z]{0,4}",
        times in 0usize..4,
    ) {
        let url = format!("{scheme}://{user}:N33DLE@host/{after}");
        let text = format!("{before}{}", encoded(&url, times));
        let masked = masked_by(&UrlCredentials::new(), &text);
        prop_assert!(!masked.contains("N33DLE"), "{} became {}", text, masked);
        prop_assert!(masked.contains("host") || after.contains('@'), "{} became {}", text, masked);
    }

    #[test]
    fn no_text_makes_it_panic(text in "[:/@%25?&#= a\\\\\"3AFé]{0,40}") {
        masked_by(&UrlCredentials::new().query_parameters(["a", "="]), &text);
    }
}
