//! Labels, structured metadata, and labels that become metadata.

use super::*;

#[test]
fn lines_arrive_as_they_are_with_their_labels_and_times() {
    let double = Double::new(Limits::default());
    let now = double.state.lock().limits.now;
    let mut sink = builder(&double).label("app", "orders").build().unwrap();
    let mut events = Batch::new();
    events.push(br#"{"message":"one","n": 0.10}"#, now - 2, Level::ERROR);
    events.push("{\"message\":\"zwei é\"}".as_bytes(), now - 1, Level::INFO);
    events.push(br#"{"message":"three"}"#, now, Level::ERROR);
    sink.deliver(&events).unwrap();
    let streams = double.streams();
    assert_eq!(streams.len(), 2);
    let errors = &streams[&owned(&[("app", "orders"), ("level", "error")])];
    assert_eq!(errors[0], (now - 2, br#"{"message":"one","n": 0.10}"#.to_vec(), Vec::new()));
    assert_eq!(errors[1].1, br#"{"message":"three"}"#);
    let infos = &streams[&owned(&[("app", "orders"), ("level", "info")])];
    assert_eq!(infos[0].1, "{\"message\":\"zwei é\"}".as_bytes());
}

/// B.5: the level label was always INFO on the fast path, and times were those of the sending.
#[test]
fn b5_level_and_time_are_those_of_the_event() {
    let double = Double::new(Limits::default());
    let now = double.state.lock().limits.now;
    let mut sink = sink(&double);
    let levels = [Level::TRACE, Level::DEBUG, Level::INFO, Level::WARN, Level::ERROR, Level::CRITICAL, Level::AUDIT];
    let mut events = Batch::new();
    for (n, level) in levels.into_iter().enumerate() {
        events.push(b"{}", now - HOUR - n as u64, level);
    }
    sink.deliver(&events).unwrap();
    let streams = double.streams();
    for (n, level) in levels.into_iter().enumerate() {
        let labels = owned(&[("level", &level.name().to_lowercase()), ("service", "logwheel")]);
        assert_eq!(streams[&labels], [(now - HOUR - n as u64, b"{}".to_vec(), Vec::new())]);
    }
}

#[test]
fn labels_and_metadata_come_from_fields_where_they_are() {
    let double = Double::new(Limits::default());
    let now = double.state.lock().limits.now;
    let builder = builder(&double).label_keys(["zone"]).label_from("plan", "user.plan");
    let mut sink = builder.structured_metadata(["trace_id", "user.plan"]).build().unwrap_or_else(|error| {
        // A field may be both only under two names: `plan` and `user_plan`.
        panic!("{error}")
    });
    assert_eq!(sink.columns(), ["zone", "user.plan", "trace_id"]);
    let long = "é".repeat(2_000);
    let events = with_fields(
        &sink,
        &[
            (now, "1", &[("zone", "eu"), ("user.plan", "gold"), ("trace_id", "abc")]),
            (now, "2", &[("zone", ""), ("trace_id", "")]),
            (now, "3", &[("zone", &long)]),
        ],
    );
    sink.deliver(&events).unwrap();
    let streams = double.streams();
    let first = &streams[&owned(&[("plan", "gold"), ("service", "logwheel"), ("zone", "eu")])];
    assert_eq!(first[0].2, owned(&[("trace_id", "abc"), ("user_plan", "gold")]));
    let second = &streams[&owned(&[("service", "logwheel")])];
    assert_eq!(second[0], (now, b"2".to_vec(), Vec::new()));
    // Longer values than Loki takes are cut, between two characters.
    let third = &streams[&owned(&[("service", "logwheel"), ("zone", &"é".repeat(1_024))])];
    assert_eq!(third[0].1, b"3");
}

#[test]
fn values_are_sanitised_where_asked_for() {
    let double = Double::new(Limits::default());
    let now = double.state.lock().limits.now;
    let builder = builder(&double).label("app", "my app").label_keys(["zone"]).sanitize_values(true);
    let mut sink = builder.build().unwrap();
    let long = format!("a/b é{}", "x".repeat(500));
    sink.deliver(&with_fields(&sink, &[(now, "x", &[("zone", &long)])])).unwrap();
    let expected = format!("a_b__{}", "x".repeat(123));
    assert!(double.streams().contains_key(&owned(&[("app", "my_app"), ("zone", &expected)])));
}

#[test]
fn a_label_with_too_many_values_moves_to_the_metadata_and_no_line_is_lost() {
    let double = Double::new(Limits::default());
    let now = double.state.lock().limits.now;
    let builder = builder(&double).label_keys(["user", "zone"]).max_label_values(20);
    let mut sink = builder.structured_metadata(["trace_id"]).build().unwrap();
    let handle = sink.handle();
    for batch in 0..10 {
        let users: Vec<_> = (0..10).map(|n| format!("user-{}", batch * 10 + n)).collect();
        let fields: Vec<_> =
            users.iter().map(|user| [("user", user.as_str()), ("zone", "eu"), ("trace_id", "t")]).collect();
        let entries: Vec<_> = fields.iter().map(|fields| (now, "line", fields.as_slice())).collect();
        sink.deliver(&with_fields(&sink, &entries)).unwrap();
        assert_eq!(handle.moved_labels().is_empty(), batch < 2, "after {} values", (batch + 1) * 10);
    }
    assert_eq!(handle.moved_labels(), ["user"]);
    // Whichever instance is asked first tells.
    let notice = sink.replicate().unwrap().notice().unwrap();
    assert!(notice.starts_with("label \"user\" has too many values: from now on"), "{notice}");
    assert_eq!(sink.notice(), None);
    assert!(format!("{handle:?}").contains("user"));
    let streams = double.streams();
    assert_eq!(streams.len(), 21);
    assert_eq!(double.len(), 100);
    let rest = &streams[&owned(&[("service", "logwheel"), ("zone", "eu")])];
    let mut users: Vec<_> = rest.iter().map(|(_, _, metadata)| metadata.clone()).collect();
    users.sort();
    users.dedup();
    assert_eq!(users.len(), 80);
    assert!(users.iter().all(|metadata| metadata[0] == ("trace_id".into(), "t".into()) && metadata[1].0 == "user"));
    // Instances for other threads know it too.
    let other = sink.replicate().unwrap();
    let events = with_fields(&sink, &[(now, "x", &[("user", "a")]), (now, "x", &[("user", "b")])]);
    let keys: Vec<_> = events.iter().map(|entry| other.stream_of(&events, &entry)).collect();
    assert_eq!(keys[0], keys[1]);
}

#[test]
fn the_number_of_streams_is_bounded() {
    let double = Double::new(Limits { streams: 53, ..Limits::default() });
    let now = double.state.lock().limits.now;
    let mut sink = builder(&double).label_keys(["host", "zone"]).max_streams(50).build().unwrap();
    for n in 0..200 {
        let (host, zone) = (format!("host-{}", n % 60), format!("zone-{}", n % 3));
        sink.deliver(&with_fields(&sink, &[(now, "x", &[("host", &host), ("zone", &zone)])])).unwrap();
    }
    assert_eq!(sink.handle().moved_labels(), ["host"]);
    // Some old streams and the three that are left.
    assert_eq!(double.streams().len(), 53);
}

#[test]
fn metadata_beyond_what_a_line_may_carry_is_cut() {
    let double = Double::new(Limits::default());
    let now = double.state.lock().limits.now;
    let mut sink = builder(&double).structured_metadata(["a", "b", "c"]).build().unwrap();
    let long = "é".repeat(25_000);
    sink.deliver(&with_fields(&sink, &[(now, "x", &[("a", "1"), ("b", &long), ("c", &long)])])).unwrap();
    let (_, _, metadata) = double.streams().into_values().flatten().next().unwrap();
    let total: usize = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    assert_eq!(metadata[0].1, "1");
    assert_eq!(metadata[1].1, long);
    assert!(metadata[2].1.chars().all(|c| c == 'é') && total <= 60 << 10 && total > 59 << 10, "{total}");
}

#[test]
fn the_dashboard_asks_for_labels_that_are_there_by_default() {
    let dashboard: serde_json::Value = serde_json::from_str(include_str!("../../../docs/loki/dashboard.json")).unwrap();
    let double = Double::new(Limits::default());
    let now = double.state.lock().limits.now;
    sink(&double).deliver(&batch([(now, "x")])).unwrap();
    let labels = double.streams().into_keys().next().unwrap();
    let has = |name: &str| labels.iter().any(|(label, _)| label == name);
    let mut asked = 0;
    for target in dashboard["panels"].as_array().unwrap().iter().flat_map(|panel| panel["targets"].as_array().unwrap())
    {
        let (selector, _) = target["expr"].as_str().unwrap().split_once('{').unwrap().1.split_once('}').unwrap();
        for matcher in selector.split(", ") {
            assert!(has(matcher.split(['=', '!']).next().unwrap()), "{matcher}");
            asked += 1;
        }
    }
    assert!(asked > 6);
}

#[test]
fn a_batch_of_another_sink_has_no_fields_and_still_arrives() {
    let double = Double::new(Limits::default());
    let now = double.state.lock().limits.now;
    let mut sink = builder(&double).label_keys(["level", "zone"]).structured_metadata(["trace_id"]).build().unwrap();
    sink.deliver(&batch([(now, "x")])).unwrap();
    assert_eq!(double.streams().into_keys().next().unwrap(), owned(&[("level", "info"), ("service", "logwheel")]));
}
