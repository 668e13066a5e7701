//! The same against a real Loki, where `LOGWHEEL_LOKI_URL` names one. It must be one for tests:
//! lines are left there.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::*;

struct Real {
    url: String,
    /// Tells this run's streams from those of others.
    run: String,
    now: u64,
}

impl Real {
    fn find() -> Option<Self> {
        let url = std::env::var("LOGWHEEL_LOKI_URL").ok().filter(|url| !url.is_empty())?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
        Some(Self { url: url.trim_end_matches('/').to_owned(), run: format!("r{now}"), now })
    }

    fn builder(&self) -> LokiSinkBuilder {
        let builder = LokiSink::builder(&self.url).label("run", &self.run).timeout(Duration::from_secs(60));
        match std::env::var("LOGWHEEL_LOKI_TENANT") {
            Ok(tenant) => builder.tenant_id(tenant),
            Err(_) => builder,
        }
    }

    /// The lines of this run, as soon as there are that many: they come a moment after the answer.
    fn lines(&self, selector: &str, expected: usize) -> Vec<String> {
        let query = format!("{{run=\"{}\"{selector}}}", self.run);
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let request = ureq::get(format!("{}/loki/api/v1/query_range", self.url))
                .query("query", &query)
                .query("limit", "5000")
                .query("direction", "forward")
                .query("start", (self.now - 2 * HOUR).to_string())
                .query("end", (self.now + HOUR).to_string());
            let request = match std::env::var("LOGWHEEL_LOKI_TENANT") {
                Ok(tenant) => request.header("X-Scope-OrgID", tenant),
                Err(_) => request,
            };
            let body = request.call().unwrap().body_mut().read_to_string().unwrap();
            let body: Value = serde_json::from_str(&body).unwrap();
            let streams = body["data"]["result"].as_array().unwrap();
            let values = streams.iter().flat_map(|stream| stream["values"].as_array().unwrap());
            let lines: Vec<_> = values.map(|value| value[1].as_str().unwrap().to_owned()).collect();
            if lines.len() >= expected || Instant::now() > deadline {
                return lines;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

#[test]
fn a_real_loki_keeps_what_the_sink_delivers() {
    let Some(real) = Real::find() else { return };
    for (name, format) in [("p", LokiFormat::Protobuf), ("j", LokiFormat::Json), ("g", LokiFormat::JsonGzip)] {
        let builder = real.builder().label("form", name).label_keys(["app"]).structured_metadata(["trace-id"]);
        let mut sink = builder.format(format).build().unwrap();
        let odd = "a \"b\" \\ é\n{}";
        let fields: &[(&str, &str)] = &[("app", odd), ("trace-id", "t")];
        let (now, later) = (real.now, real.now + 1_000);
        let events = with_fields(&sink, &[(now, "same", fields), (now, "same", fields), (later, "é \u{1} \"", fields)]);
        assert_eq!(sink.check(), Health::Healthy);
        sink.deliver(&events).unwrap();
        // Sent again it is stored once; repeats stay two.
        let mut again = real.builder().label("form", name).label_keys(["app"]).structured_metadata(["trace-id"]);
        again = again.format(format);
        again.build().unwrap().deliver(&events).unwrap();
        assert_eq!(real.lines(&format!(", form=\"{name}\""), 3), ["same", "same", "é \u{1} \""]);
    }
}

#[test]
fn a_real_loki_refuses_what_the_double_refuses() {
    let Some(real) = Real::find() else { return };
    let mut sink = real.builder().line_limit(1 << 20).build().unwrap();
    let (now, long) = (real.now, "x".repeat(262_145));
    sink.deliver(&batch([(now, "first")])).unwrap();
    for (time, line, expected) in [
        (now - 30 * DAY, "old", "too_old"),
        (now + DAY, "new", "too_new"),
        (now - 2 * HOUR, "behind", "too_far_behind"),
        (now + 1, long.as_str(), "line_too_long"),
    ] {
        let result = refused(sink.deliver(&batch([(time, line), (now + 2, "good")])));
        assert_eq!(result, (Refused::Entries(vec![0]), expected));
    }
    // Each of them is an event of its own, so each is kept.
    assert_eq!(real.lines("", 5), ["first", "good", "good", "good", "good"]);
}

#[test]
fn a_real_loki_takes_large_batches_in_pieces() {
    let Some(real) = Real::find() else { return };
    let mut sink = real.builder().build().unwrap();
    // More than one request holds, and less than Loki gives out in one answer (4 MB).
    sink.deliver(&numbered(real.now, 50, 70_000)).unwrap();
    assert_eq!(real.lines("", 50).len(), 50);
}
