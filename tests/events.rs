//! What a log statement says is what arrives.

mod support;

use std::error::Error;
use std::fmt;
use std::num::NonZeroU32;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, SystemTime};

use logwheel::{
    Enrichment, Envelope, Event, FieldMask, Host, Level, LevelFilter, MemorySink, OnFull, RawJson, Scope, StaticFields,
    ToValue, Topology, TraceContext, Value, as_error, current_trace, error, info, warn,
};
use serde_json::{Value as Json, json};
use support::{LONG, block_on, events, one_event, small};

fn fields(log: impl FnOnce(&logwheel::Logger)) -> Json {
    one_event(|builder| builder, log)
}

/// The text between a field's name and the next comma or brace: the digits as they were written.
fn raw_line(log: impl FnOnce(&logwheel::Logger)) -> String {
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = small().sink(memory).build().unwrap();
    log(&engine.logger("test"));
    assert!(engine.shutdown(LONG).complete);
    handle.lines().remove(0)
}

#[test]
fn every_kind_of_value_arrives() {
    let boxed: Box<dyn Error + Send + Sync> = "boxed".into();
    let event = fields(|logger| {
        info!(
            logger,
            "all kinds",
            yes = true,
            no = false,
            unit = (),
            none = None::<u8>,
            some = Some("x"),
            i8 = i8::MIN,
            i16 = i16::MIN,
            i32 = i32::MIN,
            i64 = i64::MIN,
            isize = -1isize,
            u8 = u8::MAX,
            u16 = u16::MAX,
            u32 = u32::MAX,
            u64 = u64::MAX,
            usize = 1usize,
            f64 = 0.1,
            f32 = 0.1f32,
            whole = 2.0,
            tiny = 5e-324,
            str = "text",
            string = String::from("owned"),
            shared = Arc::new(5),
            char = 'é',
            bytes = b"bytes",
            vec = vec![b'v'],
            took = Duration::from_millis(1_500),
            address = "127.0.0.1:80".parse::<std::net::SocketAddr>().unwrap(),
            nonzero = NonZeroU32::new(3).unwrap(),
            raw = RawJson(r#"{"a":[1,2.50,null]}"#),
            args = format_args!("{}-{}", 1, 2),
            boxed = boxed,
        )
    });
    for (name, expected) in [
        ("yes", json!(true)),
        ("no", json!(false)),
        ("unit", Json::Null),
        ("none", Json::Null),
        ("some", json!("x")),
        ("i8", json!(-128)),
        ("i16", json!(-32_768)),
        ("i32", json!(i32::MIN)),
        ("i64", json!(i64::MIN)),
        ("isize", json!(-1)),
        ("u8", json!(255)),
        ("u16", json!(65_535)),
        ("u32", json!(u32::MAX)),
        ("u64", json!(u64::MAX)),
        ("usize", json!(1)),
        ("f64", json!(0.1)),
        ("f32", json!(0.1)),
        ("whole", json!(2.0)),
        ("tiny", json!(5e-324)),
        ("str", json!("text")),
        ("string", json!("owned")),
        ("shared", json!(5)),
        ("char", json!("é")),
        ("bytes", json!("bytes")),
        ("vec", json!("v")),
        ("took", json!(1.5)),
        ("address", json!("127.0.0.1:80")),
        ("nonzero", json!(3)),
        ("raw", json!({"a": [1, 2.5, null]})),
        ("args", json!("1-2")),
        ("boxed", json!("boxed")),
    ] {
        assert_eq!(event[name], expected, "{name}");
    }
}

#[test]
fn wide_integers_and_raw_json_keep_every_digit() {
    let line = raw_line(|logger| {
        info!(
            logger,
            "digits",
            wide = u128::MAX,
            low = i128::MIN,
            nanos = Duration::new(3, 7),
            raw = RawJson(" {\"price\": 0.10,\n\"big\":123456789012345678901234567890} ")
        );
    });
    assert!(line.contains("\"wide\":340282366920938463463374607431768211455,"), "{line}");
    assert!(line.contains("\"low\":-170141183460469231731687303715884105728,"), "{line}");
    assert!(line.contains("\"nanos\":3.000000007,"), "{line}");
    assert!(line.contains("0.10") && line.contains("123456789012345678901234567890"), "{line}");
    assert!(!line.contains('\n'));
    support::parse(&line);
}

#[test]
fn what_json_cannot_say_is_replaced_and_counted() {
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = small().sink(memory).build().unwrap();
    let logger = engine.logger("t");
    info!(logger, "floats", nan = f64::NAN, inf = f64::INFINITY, neg = f32::NEG_INFINITY, fine = 1.0);
    info!(logger, "json", broken = RawJson("{\"a\":"), two = RawJson("1 2"), fine = RawJson("[]"));
    info!(logger, "bytes", broken = b"a\xff\xfeb\xffc", fine = "é".as_bytes());
    info!(logger, "controls", text = "tab\t nul\0 newline\n quote\" bell\x07 del\x7f \u{2028}");
    let ledger = engine.shutdown(LONG).ledger;
    let events = events(&handle);
    assert_eq!([&events[0]["nan"], &events[0]["inf"], &events[0]["neg"]], [&Json::Null; 3]);
    assert_eq!(
        (&events[1]["broken"], &events[1]["two"], &events[1]["fine"]),
        (&json!("{\"a\":"), &json!("1 2"), &json!([]))
    );
    let broken = events[2]["broken"].as_str().unwrap();
    assert!(broken.starts_with('a') && broken.ends_with('c') && broken.contains('\u{fffd}'), "{broken}");
    assert_eq!(events[2]["fine"], "é");
    assert_eq!(events[3]["text"], "tab\t nul\0 newline\n quote\" bell\x07 del\x7f \u{2028}");
    assert!(handle.lines().iter().all(|line| line.bytes().all(|byte| byte >= 0x20)), "each is one line");
    assert_eq!((ledger.notes.non_finite, ledger.notes.invalid_json), (3, 2));
    assert!(ledger.notes.invalid_utf8 >= 2, "{ledger}");
}

#[derive(Debug)]
struct Point {
    x: i32,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {}", self.x)
    }
}

struct OrderId(u64);

impl ToValue for OrderId {
    fn to_value(&self) -> Value<'_> {
        Value::U64(self.0)
    }
}

#[test]
fn every_form_of_the_macros_names_its_fields() {
    let (n, name, point, order) = (1, "ada", Point { x: 3 }, OrderId(42));
    let event = fields(|logger| {
        info!(
            logger,
            "forms",
            n,
            name,
            %point,
            value = n + 1,
            display = %point,
            debug = ?point,
            order,
            user.id = 7,
            user.point = %point,
            user.debug = ?name,
            "literal key" = n,
            "literal display" = %point,
            "literal debug" = ?point,
            r#type = "raw identifier",
            computed = if n > 0 { n * 2 } else { 0 },
            called = name.len(),
        )
    });
    assert_eq!(
        [
            &event["n"],
            &event["value"],
            &event["order"],
            &event["user.id"],
            &event["literal key"],
            &event["computed"],
            &event["called"]
        ],
        [1, 2, 42, 7, 1, 2, 3]
    );
    assert_eq!(
        [&event["name"], &event["point"], &event["display"], &event["debug"]],
        ["ada", "at 3", "at 3", "Point { x: 3 }"]
    );
    assert_eq!([&event["user.point"], &event["user.debug"]], ["at 3", "\"ada\""]);
    assert_eq!([&event["literal display"], &event["literal debug"]], ["at 3", "Point { x: 3 }"]);
    let point = Point { x: 4 };
    assert_eq!(fields(|logger| info!(logger, "m", ?point))["point"], "Point { x: 4 }");
}

#[test]
fn messages_can_be_made_at_run_time() {
    let message = String::from("owned");
    assert_eq!(fields(|logger| info!(logger, message, n = 1))["message"], "owned");
    assert_eq!(fields(|logger| info!(logger, format!("made {}", 1)))["message"], "made 1");
    assert_eq!(fields(|logger| info!(logger, &message[1..], text = %2))["message"], "wned");
    assert_eq!(fields(|logger| info!(logger, ""))["message"], "");
    assert_eq!(fields(|logger| info!(logger, "braces {} are {n} text"))["message"], "braces {} are {n} text");
}

#[test]
fn names_known_only_at_run_time_can_be_logged() {
    let event = fields(|logger| {
        let name = format!("field-{}", 1);
        logger.log_fields(
            Level::WARN,
            "from a bridge",
            &[(&name, Value::U64(1)), ("text", Value::Str("x")), ("later", Value::Null), ("text", Value::Str("y"))],
        );
    });
    assert_eq!((&event["level"], &event["message"]), (&json!("WARN"), &json!("from a bridge")));
    assert_eq!((&event["field-1"], &event["text"], &event["later"]), (&json!(1), &json!("y"), &Json::Null));
}

#[test]
fn an_event_can_be_logged_with_a_time_of_its_own_also_when_it_is_too_big_for_a_slot() {
    for topology in [Topology::Fused, Topology::PerStage] {
        let memory = MemorySink::new();
        let handle = memory.handle();
        let engine = small().topology(topology).sink(memory).build().unwrap();
        let logger = engine.logger("import").with("file", "old.log");
        let long = "x".repeat(100_000);
        let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        logger.log_fields_at(Level::INFO, at(1), "small", &[("n", Value::U64(1))]);
        logger.log_fields_at(Level::INFO, at(2), &long, &[("n", Value::U64(2))]);
        logger.log_fields_at(Level::INFO, at(0) - Duration::from_secs(9), "before the epoch", &[]);
        logger.log_fields_at(Level::INFO, at(100_000_000_000), "far away", &[]);
        assert!(engine.shutdown(LONG).complete);
        let events = events(&handle);
        let times: Vec<_> = events.iter().map(|event| event["timestamp"].as_str().unwrap()).collect();
        let expected = [
            "1970-01-01T00:00:01.000000000Z",
            "1970-01-01T00:00:02.000000000Z",
            "1970-01-01T00:00:00.000000000Z",
            "2554-07-21T23:34:33.709551615Z",
        ];
        assert_eq!(times, expected, "{topology:?}");
        let beside: Vec<_> = handle.entries().iter().map(|entry| entry.timestamp).collect();
        assert_eq!(beside, [1_000_000_000, 2_000_000_000, 0, u64::MAX], "{topology:?}");
        assert!(events[..2].iter().all(|event| event["file"] == "old.log"));
        assert_eq!((&events[1]["n"], &events[1]["message"]), (&json!(2), &json!(long)));
    }
}

#[test]
fn the_flat_envelope_has_time_level_logger_message_and_fields_in_this_order() {
    let before = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = small().sink(memory).build().unwrap();
    warn!(engine.logger("orders"), "filled", id = 42, price = 1.5);
    info!(engine.logger(""), "no name");
    assert!(engine.shutdown(LONG).complete);
    let after = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let line = &handle.lines()[0];
    let (head, rest) = line.split_once("\",\"level\"").unwrap();
    assert_eq!(rest, ":\"WARN\",\"logger\":\"orders\",\"message\":\"filled\",\"id\":42,\"price\":1.5}");
    let time = head.strip_prefix("{\"timestamp\":\"").unwrap();
    assert!(time.len() == "2026-01-02T03:04:05.123456789Z".len() && time.ends_with('Z'), "{time}");
    let logged = Duration::from_nanos(handle.entries()[0].timestamp);
    // Readings of two clocks differ by a little.
    let slack = Duration::from_millis(10);
    assert!(before <= logged + slack && logged <= after + slack, "{before:?} {logged:?} {after:?}");
    assert!(!handle.lines()[1].contains("\"logger\""));
}

#[test]
fn fields_with_reserved_names_are_renamed_and_never_lost() {
    let trace = TraceContext { trace_id: [1; 16], span_id: [2; 8], flags: 0 };
    let event = fields(|logger| {
        info!(logger, "m", level = "mine", message = 1, timestamp = 2, logger = 3, _seq = 4, trace_id = "free");
    });
    assert_eq!((&event["level"], &event["message"]), (&json!("INFO"), &json!("m")));
    for (name, value) in [
        ("level", json!("mine")),
        ("message", json!(1)),
        ("timestamp", json!(2)),
        ("logger", json!(3)),
        ("_seq", json!(4)),
    ] {
        assert_eq!(event[format!("field_{name}")], value, "{event}");
    }
    assert_eq!(event["trace_id"], "free", "reserved only where there is a trace");
    let event = fields(|logger| {
        let _inside = Scope::new().trace(trace).enter();
        info!(logger, "m", trace_id = "mine", field_trace_id = "also mine");
    });
    assert_eq!(event["trace_id"], "01".repeat(16));
    assert_eq!((&event["field_trace_id"], &event["field_field_trace_id"]), (&json!("also mine"), &json!("mine")));
}

#[test]
fn the_v1_1_envelope_sorts_fields_into_context_diagnostics_and_data() {
    let event = one_event(
        |builder| {
            builder.envelope(Envelope::V1_1).identity(true).enricher(|event: &mut Enrichment<'_, '_>| {
                event.add("host", "h-1");
                event.add("tenant_id", "t-1");
            })
        },
        |logger| {
            let trace = TraceContext { trace_id: [0xab; 16], span_id: [0xcd; 8], flags: 1 };
            let _inside = Scope::new().trace(trace).field("request_id", "r-1").field("scoped", 1).enter();
            info!(logger.with("bound", 2), "m", user_id = "u-1", amount = 3);
        },
    );
    assert_eq!(event["schema_version"], "1.1");
    let log = &event["log"];
    assert_eq!((&log["level"], &log["message"], &log["logger"]), (&json!("INFO"), &json!("m"), &json!("test")));
    let context = json!({
        "trace_id": "ab".repeat(16), "span_id": "cd".repeat(8), "user_id": "u-1", "request_id": "r-1", "tenant_id": "t-1",
    });
    assert_eq!(log["context"], context);
    assert_eq!(log["data"], json!({"amount": 3, "bound": 2, "scoped": 1}));
    assert_eq!(log["diagnostics"]["host"], "h-1");
    assert!(log["diagnostics"]["_seq"].as_str().unwrap().ends_with("-0-1"), "{log}");
}

#[test]
fn inner_fields_hide_outer_ones_of_their_name() {
    let event = fields(|logger| {
        let logger = logger.with("a", "bound").with("b", "bound").with("c", "bound").with("c", "bound again");
        let _outer = Scope::new().field("a", "outer").field("b", "outer").field("d", "outer").enter();
        let _inner = Scope::new().field("d", "inner").field("e", "inner").enter();
        info!(logger, "m", a = "statement", e = "statement");
    });
    let shown = ["a", "b", "c", "d", "e"].map(|name| event[name].as_str().unwrap());
    assert_eq!(shown, ["statement", "outer", "bound again", "inner", "statement"]);
}

#[test]
fn loggers_keep_their_fields_to_themselves() {
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = small().sink(memory).build().unwrap();
    let parent = engine.logger("parent").with("inherited", Point { x: 1 }.to_string());
    let child = parent.named("child").with("own", true);
    info!(parent, "m");
    info!(child, "m");
    assert_eq!((parent.name(), child.name()), ("parent", "child"));
    assert!(engine.shutdown(LONG).complete);
    let events = events(&handle);
    assert_eq!((&events[0]["logger"], &events[0]["inherited"]), (&json!("parent"), &json!("at 1")));
    assert_eq!(events[0].get("own"), None);
    assert_eq!((&events[1]["logger"], &events[1]["inherited"]), (&json!("child"), &json!("at 1")));
    assert_eq!(events[1]["own"], true);
}

#[test]
fn a_scope_ends_with_its_guard_and_stays_on_its_thread() {
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = small().sink(memory).build().unwrap();
    let logger = engine.logger("t");
    let trace = TraceContext::parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
    let scope = Scope::new().field("request", 1).trace(trace);
    {
        let _inside = scope.enter();
        assert_eq!(current_trace(), Some(trace));
        info!(logger, "inside");
        thread::scope(|threads| {
            threads.spawn(|| info!(logger, "elsewhere"));
        });
        let caught = std::panic::catch_unwind(|| {
            let _deeper = Scope::new().field("deeper", 1).enter();
            std::panic::resume_unwind(Box::new("without a message"));
        });
        assert!(caught.is_err());
        info!(logger, "after a panic in a deeper one");
    }
    assert_eq!(current_trace(), None);
    info!(logger, "outside");
    assert!(engine.shutdown(LONG).complete);
    let events = events(&handle);
    let of = |message: &str| events.iter().find(|event| event["message"] == message).unwrap();
    assert_eq!(of("inside")["request"], 1);
    assert_eq!(of("inside")["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(of("inside")["span_id"], "00f067aa0ba902b7");
    assert_eq!(of("after a panic in a deeper one")["request"], 1);
    assert_eq!(of("after a panic in a deeper one").get("deeper"), None);
    for message in ["elsewhere", "outside"] {
        assert_eq!((of(message).get("request"), of(message).get("trace_id")), (None, None), "{message}");
    }
}

/// Lets others have their turn, once.
struct Yield(bool);

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

#[test]
fn a_scope_follows_its_task_and_does_not_leak_into_others() {
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = small().sink(memory).build().unwrap();
    let logger = engine.logger("t");
    let task = |id: u64| {
        let logger = logger.clone();
        let trace = TraceContext { trace_id: [id as u8; 16], span_id: [1; 8], flags: 0 };
        Scope::new().field("task", id).trace(trace).instrument(async move {
            for step in 0..5u64 {
                info!(logger, "step", step, expected = id);
                Yield(false).await;
                let nested = async { info!(logger, "nested", step, expected = id) };
                Scope::new().field("nested", true).instrument(nested).await;
            }
        })
    };
    // Polled in turns, on one thread and then on another.
    let mut tasks: Vec<Pin<Box<dyn Future<Output = ()> + Send>>> =
        vec![Box::pin(task(1)), Box::pin(task(2)), Box::pin(task(3))];
    let mut poll_all = move || {
        let mut context = Context::from_waker(std::task::Waker::noop());
        tasks.retain_mut(|task| task.as_mut().poll(&mut context).is_pending());
        tasks.is_empty()
    };
    assert!(!poll_all());
    assert_eq!(current_trace(), None);
    info!(logger, "between");
    thread::spawn(move || while !poll_all() {}).join().unwrap();
    block_on(task(4));
    assert!(engine.shutdown(LONG).complete);
    let events = events(&handle);
    assert_eq!(events.len(), 41);
    for event in &events {
        assert_eq!(event["task"], event["expected"], "{event}");
        match event["expected"].as_u64() {
            Some(id) => assert_eq!(event["trace_id"], format!("{id:02x}").repeat(16)),
            None => assert_eq!(event.get("trace_id"), None),
        }
        assert_eq!(event.get("nested").is_some(), event["message"] == "nested", "{event}");
    }
}

#[derive(Debug)]
struct Failure {
    text: &'static str,
    source: Option<Box<Failure>>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &dyn Error)
    }
}

#[test]
fn an_error_arrives_with_its_causes() {
    let quota = Failure { text: "quota exceeded", source: None };
    let disk = Failure { text: "disk full", source: Some(Box::new(quota)) };
    let failure = Failure { text: "write failed", source: Some(Box::new(disk)) };
    let event = fields(|logger| error!(logger, "m", error = as_error(&failure), code = 5));
    assert_eq!((&event["error"], &event["code"]), (&json!("write failed: disk full: quota exceeded"), &json!(5)));
    let io = std::io::Error::other(failure);
    assert_eq!(fields(|logger| error!(logger, "m", io))["io"], "write failed: disk full: quota exceeded");
}

#[test]
fn long_texts_arrive_whole() {
    // Around the borders of slots and of the pool's blocks, and far beyond.
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = small().on_full(OnFull::Block).overflow_bytes(4 << 20).sink(memory).build().unwrap();
    let logger = engine.logger("t").with("bound", "b".repeat(300));
    let lengths: Vec<usize> =
        (150..260).chain(4_000..4_200).step_by(3).chain([8_184, 65_535, 65_536, 300_000, 900_000]).collect();
    for length in &lengths {
        let text: String = "0123456789é".chars().cycle().take(*length).collect();
        info!(logger, "m", length, text);
        // Big events share the pool: wait until it is empty again.
        engine.flush(LONG).unwrap();
    }
    let ledger = engine.shutdown(LONG).ledger;
    assert_eq!((ledger.notes.cut, ledger.notes.damaged), (0, 0), "{ledger}");
    let events = events(&handle);
    assert_eq!(events.len(), lengths.len());
    for (event, length) in events.iter().zip(lengths) {
        assert_eq!(event["length"], length);
        let text = event["text"].as_str().unwrap();
        assert!(text.chars().eq("0123456789é".chars().cycle().take(length)), "{length}");
        assert_eq!(event["bound"].as_str().unwrap().len(), 300);
    }
}

#[test]
fn secrets_do_not_get_out() {
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = small()
        .enricher(StaticFields::new().field("api_key", "hunter2-added"))
        .redactor(FieldMask::new(["password", "api_key", "user.email", "*.token", "card.number"]).unwrap())
        .sink(memory)
        .build()
        .unwrap();
    let logger = engine.logger("t").with("password", "hunter2-bound");
    let _inside = Scope::new().field("card.number", "hunter2-scope").enter();
    info!(logger, "one", password = "hunter2", shown = 1);
    info!(logger, "two", user = RawJson(r#"{"email":"hunter2@x","name":"ada","token":["hunter2"]}"#));
    info!(logger, "three", user.email = %"hunter2", password = 12_345);
    logger.log_fields(Level::INFO, "four", &[("password", Value::Str("hunter2"))]);
    assert!(engine.shutdown(LONG).complete);
    let events = events(&handle);
    assert_eq!(events.len(), 4);
    for line in handle.lines() {
        assert!(!line.contains("hunter2") && !line.contains("12345"), "{line}");
    }
    assert_eq!((&events[0]["password"], &events[0]["shown"]), (&json!("***"), &json!(1)));
    assert_eq!(events[1]["user"], json!({"email": "***", "name": "ada", "token": "***"}));
    assert!(events.iter().all(|event| event["card.number"] == "***" && event["api_key"] == "***"));
}

#[test]
fn built_in_stages_work_together_with_closures() {
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = small()
        .filter(LevelFilter::new(Level::WARN))
        .filter(|event: &Event<'_>| event.message() != "health check")
        .enricher(Host::new())
        .enricher(StaticFields::new().field("service", "orders").field("kept", "static"))
        .redactor(|event: &mut Event<'_>| {
            if let Some(position) = event.position("removed") {
                event.remove(position);
            }
            event.replace_message("rewritten");
        })
        .processor(|line: &[u8], out: &mut Vec<u8>| {
            out.extend_from_slice(&line[..line.len() - 1]);
            out.extend_from_slice(b",\"processed\":true}");
            logwheel::Processed::Replaced
        })
        .sink(memory)
        .build()
        .unwrap();
    let logger = engine.logger("t");
    info!(logger, "too low");
    warn!(logger, "health check");
    warn!(logger, "original", removed = 1, kept = "statement");
    let ledger = engine.shutdown(LONG).ledger;
    assert_eq!((ledger.filtered["level"], ledger.filtered["closure"]), (1, 1), "{ledger:?}");
    let events = events(&handle);
    assert_eq!(events.len(), 1);
    let event = &events[0];
    assert_eq!(
        (&event["message"], &event["service"], &event["kept"]),
        (&json!("rewritten"), &json!("orders"), &json!("statement"))
    );
    assert_eq!((event.get("removed"), &event["processed"]), (None, &json!(true)));
    assert_eq!(event["pid"], std::process::id());
}

#[test]
fn the_sequence_has_no_gaps_when_nothing_is_lost() {
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = small()
        .identity(true)
        .on_full(OnFull::Block)
        .filter(|event: &Event<'_>| !matches!(event.get("n"), Some(Value::I64(n)) if n % 3 == 0))
        .sink(memory)
        .build()
        .unwrap();
    engine.attach_thread().unwrap();
    let logger = engine.logger("t");
    (0..300).for_each(|n| info!(logger, "m", n));
    assert!(engine.shutdown(LONG).complete);
    let events = events(&handle);
    let numbers: Vec<u64> = events
        .iter()
        .map(|event| event["_seq"].as_str().unwrap().rsplit('-').next().unwrap().parse().unwrap())
        .collect();
    assert_eq!(numbers, (1..=200).collect::<Vec<_>>(), "filtered events leave no gap");
    let epochs: std::collections::HashSet<_> =
        events.iter().map(|event| event["_seq"].as_str().unwrap().split('-').next().unwrap().to_owned()).collect();
    assert_eq!(epochs.len(), 1);
}

#[test]
fn real_log_lines_come_back_as_they_were() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/logs");
    let Ok(files) = std::fs::read_dir(&directory) else {
        eprintln!("skipped: there are no log files at {}", directory.display());
        return;
    };
    let memory = MemorySink::new();
    let handle = memory.handle();
    // Slots large enough that few lines need the pool, which does not wait as lanes do.
    let engine =
        support::engine().on_full(OnFull::Block).lane_slots(512).slot_bytes(2048).sink(memory).build().unwrap();
    let logger = engine.logger("replay");
    let mut expected = Vec::new();
    for file in files {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            // Some lines are not UTF-8.
            let text = String::from_utf8_lossy(line).into_owned();
            info!(logger, text, bytes = line);
            expected.push(text);
        }
    }
    let report = engine.shutdown(LONG);
    assert!(report.complete && report.ledger.is_balanced(), "{}", report.ledger);
    assert_eq!((report.ledger.notes.cut, report.ledger.notes.damaged), (0, 0));
    let lines = handle.lines();
    assert_eq!(lines.len(), expected.len());
    for (line, expected) in lines.iter().zip(&expected) {
        let event = support::parse(line);
        assert_eq!(event["message"], *expected);
        assert_eq!(event["bytes"], *expected, "bytes that are not UTF-8 are replaced as the standard library does");
    }
}
