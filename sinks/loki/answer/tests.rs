use proptest::prelude::*;

use super::*;

const BLOCKED: u16 = 260;

fn sent(times: &[&str]) -> Vec<Sent> {
    let time = |text: &&str| text.parse::<Timestamp>().unwrap().as_nanosecond() as u64;
    times.iter().map(|text| Sent { timestamp: time(text), len: 10 }).collect()
}

#[track_caller]
fn certain(text: &str, sent: &[Sent]) -> Vec<(usize, &'static str)> {
    match classify(400, BLOCKED, text.as_bytes()) {
        Verdict::Refused(refusal) => refusal.certain(sent),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_status_has_its_meaning() {
    for status in 100..1000 {
        let verdict = classify(status, BLOCKED, b"");
        match (status, &verdict) {
            (260, Verdict::Blocked)
            | (200..=299, Verdict::Stored)
            | (300..=399 | 401 | 403 | 404 | 405, Verdict::Fatal { .. })
            | (413, Verdict::TooLarge { reason: "http_413" })
            | (400, Verdict::Refused(_))
            | (429, Verdict::Later { reason: "rate_limit", smaller: true })
            | (408 | 425 | 500..=599 | 100..=199 | 600.., Verdict::Later { smaller: false, .. }) => {}
            (400..=499, Verdict::Rejected { .. }) => assert!(![401, 403, 404, 405, 413, 429].contains(&status)),
            _ => panic!("{status}: {verdict:?}"),
        }
    }
    assert_eq!(classify(260, 999, b""), Verdict::Stored);
}

#[test]
fn the_text_decides_where_the_status_does_not() {
    let larger = b"rpc error: code = ResourceExhausted desc = grpc: received message larger than max (5 vs. 4)";
    assert_eq!(classify(500, BLOCKED, larger), Verdict::TooLarge { reason: "message_too_large" });
    assert_eq!(classify(500, BLOCKED, b"empty ring\n"), Verdict::Later { reason: "http_500", smaller: false });
    let streams = b"maximum active stream limit exceeded when trying to create stream {a=\"b\"}";
    assert_eq!(classify(429, BLOCKED, streams), Verdict::Later { reason: "stream_limit", smaller: false });
    for text in ["tenant ID 'a b' contains unsupported character ' '", "snappy: corrupt input", "gzip: invalid header"]
    {
        assert!(matches!(classify(400, BLOCKED, text.as_bytes()), Verdict::Fatal { .. }), "{text}");
    }
}

#[test]
fn too_old_names_all_that_are_older() {
    let text = "entry for stream '{a=\"b\"}' has timestamp too old: 2026-11-10T00:00:00Z, \
                oldest acceptable timestamp is: 2026-11-15T12:00:00Z";
    let sent =
        sent(&["2026-11-10T00:00:00Z", "2026-11-15T11:59:59.9Z", "2026-11-15T12:00:00.5Z", "2026-11-20T00:00:00Z"]);
    assert_eq!(certain(text, &sent), [(0, "too_old"), (1, "too_old")]);
}

#[test]
fn too_new_names_itself_and_what_follows() {
    let text = "1 errors like: entry for stream '{a=\"b\"}' has timestamp too new: 2026-11-15T12:00:00Z";
    let all = sent(&["2026-11-15T11:00:00Z", "2026-11-15T12:00:00.4Z", "2026-11-15T12:00:01Z"]);
    assert_eq!(certain(text, &all), [(1, "too_new"), (2, "too_new")]);
    // Two in the same second: one of them may be the one that still fitted.
    let close = sent(&["2026-11-15T12:00:00.4Z", "2026-11-15T12:00:00.5Z", "2026-11-15T12:00:09Z"]);
    assert_eq!(certain(text, &close), [(2, "too_new")]);
}

#[test]
fn both_ends_at_once_keep_their_reasons() {
    let text = "1 errors like: entry for stream '{a=\"b\"}' has timestamp too old: 2026-11-01T00:00:00Z, oldest \
                acceptable timestamp is: 2026-11-08T00:00:00Z; 1 errors like: entry for stream '{a=\"b\"}' has \
                timestamp too new: 2026-11-20T00:00:00Z";
    let sent = sent(&["2026-11-01T00:00:00Z", "2026-11-15T00:00:00Z", "2026-11-20T00:00:00Z"]);
    assert_eq!(certain(text, &sent), [(0, "too_old"), (2, "too_new")]);
}

#[test]
fn too_far_behind_and_its_counts() {
    let text = "entry with timestamp 2026-11-15 10:00:00.25 +0000 UTC ignored, reason: 'entry too far behind, entry \
                timestamp is: 2026-11-15T10:00:00Z, oldest acceptable timestamp is: 2026-11-15T11:00:00Z',\n\
                user 'fake', total ignored: 2 out of 2 for stream: {a=\"b\"}";
    let early = sent(&["2026-11-15T10:00:00.25Z", "2026-11-15T12:00:00Z"]);
    // As many as were sent: all of them, whatever their times.
    assert_eq!(certain(text, &early), [(0, "too_far_behind"), (1, "too_far_behind")]);
    let more = sent(&["2026-11-15T10:00:00.25Z", "2026-11-15T12:00:00Z", "2026-11-15T12:00:00Z"]);
    assert_eq!(certain(text, &more), [(0, "too_far_behind")]);
}

#[test]
fn out_of_order_is_read_from_older_servers() {
    let text = "entry with timestamp 2026-11-15 10:00:00.25 +0000 UTC ignored, reason: 'entry out of order',\n\
                total ignored: 2 out of 3 for stream: {a=\"b\"}";
    let all = sent(&["2026-11-15T09:00:00Z", "2026-11-15T10:00:00.25Z", "2026-11-15T12:00:00Z"]);
    assert_eq!(certain(text, &all), [(0, "out_of_order"), (1, "out_of_order")]);
}

#[test]
fn a_line_too_long_is_known_by_its_length() {
    let text = "max entry size '11' bytes exceeded for stream '{a=\"b\"}' while adding an entry with length '12' bytes";
    let lens = [11, 12, 5, 400].map(|len| Sent { timestamp: 0, len });
    assert_eq!(certain(text, &lens), [(1, "line_too_long"), (3, "line_too_long")]);
}

#[test]
fn label_values_that_look_like_errors_are_not_believed() {
    let text = r#"entry for stream '{a="timestamp too new: 1970-01-01T00:00:00Z \" total ignored: 1 out of 1",
                  b="couldn't parse labels"}' was refused"#;
    assert_eq!(certain(text, &sent(&["2026-11-15T09:00:00Z"])), []);
}

#[test]
fn errors_of_labels_are_of_the_whole_stream() {
    for text in [
        "error couldn't parse labels: 1:3: parse error: unexpected character inside braces: '-'",
        "entry for stream '{}' has 16 label names; limit 15",
        "stream '{}' has label value too long: 'x'",
    ] {
        assert_eq!(certain(text, &sent(&["2026-11-15T09:00:00Z"; 2])), [(0, "labels"), (1, "labels")], "{text}");
    }
}

proptest! {
    /// Whatever comes back: no panic, positions inside what was sent, ascending, each once.
    #[test]
    fn any_text_gives_positions_inside(
        status in 100u16..700,
        parts in prop::collection::vec(prop_oneof![
            Just("oldest acceptable timestamp is: "), Just("timestamp too new: "), Just("entry with timestamp "),
            Just("2026-11-15T10:00:00Z"), Just("2026-11-15 10:00:00 +0000 UTC"), Just("reason: 'entry out of order'"),
            Just("max entry size '"), Just("99999999999999999999"), Just("7"), Just("total ignored: "),
            Just(" out of "), Just("\""), Just("\\"), Just("é"), Just("\n"), Just(" "), Just("'"), Just("too far behind"),
        ], 0..30),
        times in prop::collection::vec(any::<u64>(), 0..10),
    ) {
        let sent: Vec<_> = times.iter().map(|time| Sent { timestamp: *time, len: *time as usize % 20 }).collect();
        if let Verdict::Refused(refusal) = classify(status, BLOCKED, parts.concat().as_bytes()) {
            let certain = refusal.certain(&sent);
            prop_assert!(certain.iter().all(|(index, _)| *index < sent.len()));
            prop_assert!(certain.windows(2).all(|pair| pair[0].0 < pair[1].0));
        }
    }
}
