use logwheel_core::{Level, Value};
use proptest::prelude::*;

use super::*;
use crate::support::{Carrier, SECOND, START, TestEvent};

fn dedupe(mode: DedupeMode) -> DedupeBuilder {
    Dedupe::builder().mode(mode)
}

fn event(message: &str, seconds: f64) -> TestEvent {
    TestEvent::new(message).at(seconds)
}

/// Carries the events through and releases everything at the end.
fn all(filter: &mut Dedupe, events: &[TestEvent]) -> Vec<String> {
    let mut carrier = Carrier::default();
    events.iter().for_each(|event| carrier.carry(filter, event));
    carrier.release(filter, START, true);
    assert_eq!((carrier.held, filter.held_bytes, filter.runs.len()), (0, 0, 0));
    carrier.out
}

fn messages(filter: &mut Dedupe, events: &[(&str, f64)]) -> Vec<String> {
    let events: Vec<_> = events.iter().map(|(message, seconds)| event(message, *seconds)).collect();
    all(filter, &events)
}

#[test]
fn consecutive_duplicates_become_the_first_and_one_that_says_how_many() {
    let mut filter = dedupe(DedupeMode::Consecutive).build().unwrap();
    let out =
        messages(&mut filter, &[("a", 0.0), ("a", 0.1), ("a", 0.2), ("a", 0.3), ("b", 0.4), ("a", 0.5), ("a", 0.6)]);
    assert_eq!(out, ["a", "a repeated=U64(3)", "b", "a", "a repeated=U64(1)"]);
}

#[test]
fn the_first_event_passes_at_once_and_the_held_one_goes_before_what_ended_its_run() {
    let mut filter = dedupe(DedupeMode::Consecutive).build().unwrap();
    let mut carrier = Carrier::default();
    carrier.carry(&mut filter, &event("a", 0.0));
    assert_eq!(carrier.out, ["a"]);
    carrier.carry(&mut filter, &event("a", 0.1));
    carrier.carry(&mut filter, &event("a", 0.2));
    assert_eq!((carrier.out.len(), carrier.held, carrier.dropped), (1, 1, 1));
    carrier.carry(&mut filter, &event("b", 0.3));
    assert_eq!(carrier.out, ["a", "a repeated=U64(2)", "b"]);
}

#[test]
fn within_a_window_duplicates_are_collapsed_whatever_comes_between() {
    let mut filter = dedupe(DedupeMode::Window).build().unwrap();
    let out = messages(&mut filter, &[("a", 0.0), ("b", 1.0), ("a", 2.0), ("b", 3.0), ("a", 4.0), ("c", 4.5)]);
    assert_eq!(out, ["a", "b", "c", "a repeated=U64(2)", "b repeated=U64(1)"]);
}

#[test]
fn a_run_ends_with_its_window_in_both_modes_also_while_it_goes_on() {
    for mode in [DedupeMode::Consecutive, DedupeMode::Window] {
        let mut filter = dedupe(mode).window_seconds(5.0).build().unwrap();
        let events: Vec<_> = (0..12).map(|second| ("a", f64::from(second))).collect();
        let out = messages(&mut filter, &events);
        assert_eq!(out, ["a", "a repeated=U64(4)", "a", "a repeated=U64(4)", "a", "a repeated=U64(1)"], "{mode:?}");
    }
}

#[test]
fn a_window_also_ends_while_no_events_come_by_the_engines_time() {
    let mut filter = dedupe(DedupeMode::Window).build().unwrap();
    let mut carrier = Carrier::default();
    // Events from an old file: the engine's clock is years ahead.
    let years = 300_000_000 * SECOND;
    for n in 0..3 {
        let event = event("a", f64::from(n) / 10.0);
        event.open(|event| filter.filter(&mut Enrichment::new(event)).unwrap());
        assert!(filter.release(START + years, false).is_none());
    }
    carrier.held = 1;
    carrier.release(&mut filter, START + years + 4 * SECOND, false);
    assert_eq!(carrier.out, [""; 0]);
    carrier.release(&mut filter, START + years + 5 * SECOND, false);
    assert_eq!(carrier.out, ["a repeated=U64(2)"]);
}

#[test]
fn a_flush_gives_back_what_is_held_and_the_next_event_starts_a_new_run() {
    let mut filter = dedupe(DedupeMode::Consecutive).build().unwrap();
    let mut carrier = Carrier::default();
    (0..3).for_each(|_| carrier.carry(&mut filter, &event("a", 0.0)));
    carrier.release(&mut filter, START, true);
    (0..3).for_each(|_| carrier.carry(&mut filter, &event("a", 0.1)));
    carrier.release(&mut filter, START, true);
    assert_eq!(carrier.out, ["a", "a repeated=U64(2)", "a", "a repeated=U64(2)"]);
}

#[test]
fn events_are_equal_only_if_level_logger_and_all_fields_are() {
    let mut filter = dedupe(DedupeMode::Window).build().unwrap();
    let events = [
        event("a", 0.0),
        event("a", 0.1).level(Level::WARN),
        event("a", 0.2).logger("l"),
        event("a", 0.3).field("n", Value::U64(1)),
        event("a", 0.4).field("n", Value::U64(2)),
        event("a", 0.5).scoped("m", Value::U64(2)),
        // Equal to the first: another time and trace.
        event("a", 0.6).trace(7),
    ];
    assert_eq!(all(&mut filter, &events), ["a", "a", "a", "a", "a", "a", "a repeated=U64(1)"]);
}

#[test]
fn key_fields_choose_what_is_compared() {
    let mut filter = dedupe(DedupeMode::Consecutive).key_fields(["message", "user.id"]).build().unwrap();
    let event = |id: u64, n: u64| {
        event("a", 0.0).field("user", Value::Json(&format!("{{\"id\":{id}}}"))).field("n", Value::U64(n))
    };
    let out = all(&mut filter, &[event(1, 1), event(1, 2), event(1, 3), event(2, 4)]);
    assert_eq!(out, ["a", "a repeated=U64(2)", "a"]);
}

#[test]
fn an_own_field_called_repeated_is_not_overwritten() {
    let mut filter = dedupe(DedupeMode::Consecutive).build().unwrap();
    let own = event("a", 0.0).field("repeated", Value::Bool(true));
    assert_eq!(all(&mut filter, &[own.clone(), own]), ["a", "a _repeated=U64(1)"]);
}

#[test]
fn the_held_event_is_the_second_one_with_all_it_had() {
    let mut filter = dedupe(DedupeMode::Consecutive).key_fields(["message"]).build().unwrap();
    for n in 0..3u64 {
        let event = event("a", n as f64).logger("orders").trace(5).field("n", Value::U64(n));
        event.open(|event| filter.filter(&mut Enrichment::new(event)).unwrap());
    }
    let mut held = filter.release(0, true).unwrap();
    assert_eq!(held.timestamp(), START + SECOND);
    let event = held.event();
    assert_eq!((event.logger(), event.message(), event.trace().is_some()), ("orders", "a", true));
    assert!(matches!((event.get("n"), event.get("repeated")), (Some(Value::U64(1)), Some(Value::U64(2)))));
}

#[test]
fn too_many_runs_or_bytes_end_the_oldest_runs() {
    let mut filter = dedupe(DedupeMode::Window).max_keys(2).build().unwrap();
    let out = messages(&mut filter, &[("a", 0.0), ("a", 0.1), ("b", 0.2), ("c", 0.3), ("a", 0.4)]);
    assert_eq!(out, ["a", "b", "a repeated=U64(1)", "c", "a"]);

    let text = "x".repeat(10_000);
    let mut filter = dedupe(DedupeMode::Window).max_held_bytes(25_000).build().unwrap();
    let big = |n: u64| event("big", 0.0).field("n", Value::U64(n)).field("text", Value::Str(&text));
    let mut carrier = Carrier::default();
    for n in [1, 1, 2, 2, 3, 3] {
        carrier.carry(&mut filter, &big(n));
        assert!(filter.held_bytes <= 25_000);
    }
    assert_eq!(carrier.out, ["big", "big", "big", "big repeated=U64(1)"]);
    assert_eq!(carrier.held, 2);
    // One that is larger than all that may be held passes.
    let huge = event("huge", 0.0).field("text", Value::Str(&text.repeat(3)));
    (0..3).for_each(|_| carrier.carry(&mut filter, &huge));
    assert_eq!(carrier.out[4..], ["huge", "huge", "huge"]);
}

#[test]
fn options_outside_their_ranges_are_refused_by_name() {
    for (builder, option) in [
        (Dedupe::builder().max_keys(0), "max_keys"),
        (Dedupe::builder().window_seconds(f64::NAN), "window_seconds"),
        (Dedupe::builder().key_fields(["a."]), "key_fields"),
    ] {
        assert_eq!(builder.build().unwrap_err().option(), option);
    }
}

/// What should come out, by the rules in words: runs by key, each of them `(key, count)`.
fn expected(events: &[(u8, u64)], mode: DedupeMode, window: u64) -> Vec<(u8, u64)> {
    let mut runs: Vec<(u8, u64)> = Vec::new();
    // The runs that go on, with their start.
    let mut open: Vec<(usize, u64)> = Vec::new();
    let mut now = 0;
    for (key, gap) in events {
        now += gap;
        open.retain(|(_, start)| now - start < window);
        if mode == DedupeMode::Consecutive {
            open.retain(|(run, _)| runs[*run].0 == *key);
        }
        match open.iter().find(|(run, _)| runs[*run].0 == *key) {
            Some((run, _)) => runs[*run].1 += 1,
            None => {
                open.push((runs.len(), now));
                runs.push((*key, 1));
            }
        }
    }
    runs
}

proptest! {
    #[test]
    fn what_comes_out_accounts_for_every_event(
        events in prop::collection::vec((0u8..4, 0u64..3), 0..200), consecutive in any::<bool>(), window in 1u64..8
    ) {
        let mode = if consecutive { DedupeMode::Consecutive } else { DedupeMode::Window };
        let mut filter = dedupe(mode).window_seconds(window as f64).build().unwrap();
        let mut now = 0.0;
        let carried: Vec<TestEvent> = events
            .iter()
            .map(|(key, gap)| {
                now += *gap as f64;
                event(&key.to_string(), now)
            })
            .collect();
        let mut out = all(&mut filter, &carried);
        let mut lines: Vec<String> = Vec::new();
        for (key, count) in expected(&events, mode, window) {
            lines.push(key.to_string());
            if count > 1 {
                lines.push(format!("{key} repeated=U64({})", count - 1));
            }
        }
        out.sort();
        lines.sort();
        prop_assert_eq!(out, lines);
    }
}
