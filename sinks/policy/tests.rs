use std::sync::Arc;
use std::time::Duration;

use logwheel_core::{Batch, BatchLimits, Delivered, DeliveryError, Level, Refused};

use super::*;
use crate::RetrySettings;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

fn retry(after: Option<Duration>) -> Result<Delivered, DeliveryError> {
    Err(DeliveryError::Retry { reason: "http_503", detail: "busy".into(), after })
}

fn fatal() -> Result<Delivered, DeliveryError> {
    Err(DeliveryError::Fatal { reason: "http_401", detail: "who are you?".into() })
}

fn split() -> Result<Delivered, DeliveryError> {
    Err(DeliveryError::Split { reason: "http_413" })
}

fn reject(entries: &[usize]) -> Result<Delivered, DeliveryError> {
    Err(DeliveryError::Reject { refused: Refused::Entries(entries.to_vec()), reason: "bad", detail: "".into() })
}

fn arrived() -> Result<Delivered, DeliveryError> {
    Ok(Delivered::all())
}

fn lines(events: u64) -> Batch {
    let mut lines = Batch::new();
    (0..events).for_each(|n| lines.push(format!("{n:03}").as_bytes(), n, Level::INFO));
    lines
}

/// A policy, its clock and its first sender.
struct Desk {
    policy: DeliveryPolicy,
    now: Duration,
}

impl Desk {
    fn new(settings: DeliverySettings) -> Self {
        Self { policy: DeliveryPolicy::new(settings, 7), now: 100 * SECOND }
    }

    /// Takes lines in and seals them as one batch.
    fn log(&mut self, events: u64) {
        assert_eq!(self.policy.append(self.now, &lines(events), 0, false), events as usize);
        self.policy.seal(self.now);
    }

    fn next(&mut self) -> Command {
        loop {
            match self.policy.next(self.now, Role::Sender(0)) {
                Command::Sort { batch } => self.policy.sorted(split_by_stream(batch, |_, _| 0)),
                command => return command,
            }
        }
    }

    /// What is sent now.
    #[track_caller]
    fn sent(&mut self) -> Arc<Batch> {
        match self.next() {
            Command::Send { batch } => batch,
            other => panic!("{other:?}"),
        }
    }

    /// When there will be something to do.
    #[track_caller]
    fn waits_until(&mut self) -> Duration {
        match self.next() {
            Command::Wait { until } => until.expect("something is waited for"),
            other => panic!("{other:?}"),
        }
    }

    /// Answers what is sent now.
    #[track_caller]
    fn answer(&mut self, result: Result<Delivered, DeliveryError>) {
        let _ = self.sent();
        self.policy.on_result(self.now, 0, result);
    }

    /// Goes to when there is something to do.
    #[track_caller]
    fn wait(&mut self) {
        self.now = self.waits_until();
    }

    fn counts(&self) -> DeliveryCounts {
        self.policy.counts()
    }
}

fn no_breaker() -> DeliverySettings {
    DeliverySettings { breaker: BreakerSettings::off(), ..DeliverySettings::default() }
}

#[test]
fn b9_a_batch_is_sealed_when_its_first_event_is_old_enough_and_not_later() {
    let mut desk = Desk::new(DeliverySettings::default());
    let began = desk.now;
    assert_eq!(desk.policy.append(desk.now, &lines(1), 0, false), 1);
    assert_eq!(desk.waits_until(), began + SECOND);
    desk.now += 900 * MS;
    assert_eq!(desk.policy.append(desk.now, &lines(1), 0, false), 1);
    assert_eq!(desk.waits_until(), began + SECOND, "the second event puts nothing off");
    desk.now = began + SECOND;
    assert_eq!(desk.sent().len(), 2);
}

#[test]
fn b9_memory_is_bounded_while_a_batch_is_under_way() {
    let batch = BatchLimits { max_events: 10, ..BatchLimits::default() };
    let mut desk = Desk::new(DeliverySettings { queue_bytes: 400, batch, ..DeliverySettings::default() });
    desk.log(10);
    let under_way = desk.sent();
    for _ in 0..50 {
        assert_eq!(desk.policy.append(desk.now, &lines(10), 0, false), 10);
        assert!(desk.policy.total_bytes() <= 400);
    }
    let counts = desk.counts();
    assert_eq!((counts.in_flight, counts.queued, counts.dropped["queue_full"]), (10, 90, 410));
    drop(under_way);
    desk.policy.on_result(desk.now, 0, arrived());
    assert_eq!(desk.counts().delivered, 10, "what is under way is never dropped");
}

#[test]
fn b7_pauses_spread_over_the_whole_range_and_grow_to_the_cap() {
    let mut longest = [Duration::ZERO; 10];
    let mut shortest = [Duration::MAX; 10];
    for seed in 0..200 {
        let mut backoff = Backoff::new(seed);
        for failure in 0..10 {
            let pause = backoff.pause(&RetrySettings::new(), failure as u32 + 1, None);
            longest[failure] = longest[failure].max(pause);
            shortest[failure] = shortest[failure].min(pause);
        }
    }
    for failure in 0..10 {
        let ceiling = (500 * MS * (1 << failure)).min(30 * SECOND);
        assert!(longest[failure] <= ceiling && longest[failure] > ceiling / 10 * 9, "{failure}: {longest:?}");
        assert!(shortest[failure] < ceiling / 10, "{failure}: {shortest:?}");
    }
}

#[test]
fn b7_the_destination_gets_the_pause_it_asked_for_up_to_the_cap() {
    for (asked, granted) in [(20 * SECOND, 20 * SECOND), (3_600 * SECOND, 30 * SECOND), (Duration::MAX, 30 * SECOND)] {
        let mut desk = Desk::new(no_breaker());
        desk.log(1);
        desk.answer(retry(Some(asked)));
        desk.log(1);
        assert_eq!(desk.waits_until(), desk.now + granted, "for every batch");
    }
}

#[test]
fn b7_attempts_are_counted_with_the_first_one() {
    for most in [1, 2, 5] {
        let retries = RetrySettings::new().max_attempts(most);
        let mut desk = Desk::new(DeliverySettings { retry: retries, ..no_breaker() });
        desk.log(3);
        for attempt in 1..=most {
            desk.answer(retry(None));
            if attempt < most {
                desk.wait();
            }
        }
        let counts = desk.counts();
        assert_eq!((counts.dropped["http_503"], counts.retries), (3, u64::from(most) - 1));
        let news: Vec<String> = desk.policy.take_news().iter().map(ToString::to_string).collect();
        let told = format!("max_attempts reached after {most} attempts, the last one: busy");
        assert!(news.last().unwrap().contains(&told), "{news:?}");
    }
}

#[test]
fn b8_a_probe_that_gets_only_429s_ends_in_a_decision() {
    let throttled = || Err(DeliveryError::Retry { reason: "http_429", detail: "".into(), after: Some(SECOND) });
    let mut desk = Desk::new(DeliverySettings::default());
    desk.log(1);
    for _ in 0..4 {
        desk.answer(throttled());
        desk.wait();
    }
    desk.answer(throttled());
    for _ in 0..20 {
        // Open; then one probe, again and again.
        assert_eq!(desk.waits_until(), desk.now + 30 * SECOND);
        desk.wait();
        desk.answer(throttled());
    }
    desk.wait();
    desk.answer(arrived());
    desk.log(1);
    desk.answer(arrived());
    assert_eq!(desk.counts().delivered, 2);
}

#[test]
fn b8_every_end_of_a_probe_is_a_decision() {
    type End = fn() -> Result<Delivered, DeliveryError>;
    let closing: [End; 4] = [arrived, split, || reject(&[0]), || reject(&[])];
    let opening: [End; 2] = [|| retry(None), fatal];
    for (end, closes) in closing.map(|end| (end, true)).into_iter().chain(opening.map(|end| (end, false))) {
        let breaker = BreakerSettings::new().failure_threshold(1);
        let mut desk = Desk::new(DeliverySettings { breaker, ..DeliverySettings::default() });
        (0..3).for_each(|_| desk.log(1_000));
        desk.answer(retry(None));
        desk.wait();
        desk.answer(end());
        if closes {
            // The half of a batch that failed before is still due for its pause.
            while let Command::Wait { until } = desk.next() {
                assert!(until.is_some_and(|until| until < desk.now + SECOND));
                desk.wait();
            }
        } else {
            assert_eq!(desk.waits_until(), desk.now + 30 * SECOND);
        }
    }
}

#[test]
fn an_open_breaker_pauses_and_drops_nothing() {
    let mut desk = Desk::new(DeliverySettings::default());
    (0..10).for_each(|_| desk.log(1_000));
    while desk.now < 3_600 * SECOND {
        desk.answer(retry(None));
        desk.wait();
    }
    let counts = desk.counts();
    assert_eq!((counts.queued, counts.dropped.len()), (10_000, 0), "nowhere else to go: the queue keeps it");
    // Five, then one every 30 s.
    assert!(counts.retries < 5 + 3_500 / 30 + 2, "{} attempts", counts.retries);
    (0..10).for_each(|_| desk.answer(arrived()));
    assert_eq!(desk.counts().delivered, 10_000);
}

#[test]
fn a_dead_destination_is_not_called_in_a_busy_loop_without_a_breaker_either() {
    let mut desk = Desk::new(no_breaker());
    desk.log(1);
    while desk.now < 400 * SECOND {
        desk.answer(retry(None));
        desk.wait();
    }
    // Pauses average 15 s once at the cap.
    assert!((10..80).contains(&desk.counts().retries), "{} attempts", desk.counts().retries);
}

#[test]
fn after_max_elapsed_everything_that_waits_goes_to_the_fallback_in_order() {
    let mut desk = Desk::new(DeliverySettings { fallback: true, ..DeliverySettings::default() });
    (1..=3).for_each(|n| desk.log(1_000 - n));
    let began = desk.now;
    let mut handed_over = Vec::new();
    while handed_over.len() < 3 {
        match desk.next() {
            Command::HandOver { id, batch } => {
                handed_over.push(batch.len());
                desk.policy.handed_over(id);
            }
            Command::Send { .. } => desk.policy.on_result(desk.now, 0, retry(None)),
            Command::Wait { until } => desk.now = until.unwrap(),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(handed_over, [999, 998, 997]);
    assert!(desk.now <= began + 300 * SECOND, "{:?}", desk.now - began);
    assert_eq!(desk.counts().fallback, 2_994);
}

#[test]
fn what_no_retry_can_help_goes_to_the_fallback_at_once_or_is_dropped() {
    for fallback in [true, false] {
        let mut desk = Desk::new(DeliverySettings { fallback, ..DeliverySettings::default() });
        desk.log(3);
        desk.answer(fatal());
        if fallback {
            let Command::HandOver { id, batch } = desk.next() else { panic!() };
            assert_eq!((batch.len(), desk.counts().in_flight), (3, 3));
            desk.policy.handed_over(id);
        } else {
            assert_eq!(desk.counts().dropped["http_401"], 3);
        }
    }
}

#[test]
fn a_poison_event_among_many_is_the_only_one_refused() {
    let mut desk = Desk::new(DeliverySettings {
        batch: BatchLimits { max_events: 10_000, ..BatchLimits::default() },
        ..DeliverySettings::default()
    });
    desk.log(10_000);
    let mut order = Vec::new();
    while let Command::Send { batch } = desk.next() {
        let has_poison = batch.iter().any(|entry| entry.timestamp == 6_789);
        if !has_poison {
            order.extend(batch.iter().map(|entry| entry.timestamp));
        }
        drop(batch);
        desk.policy.on_result(desk.now, 0, if has_poison { split() } else { arrived() });
    }
    let counts = desk.counts();
    assert_eq!((counts.delivered, counts.rejected["http_413"]), (9_999, 1));
    assert!(order.is_sorted());
}

/// A destination that knows "too much" only: the half is the next attempt, with its pause.
#[test]
fn the_halves_of_a_batch_that_failed_wait_as_it_would_have_waited() {
    let settings = DeliverySettings { fallback: true, ..no_breaker() };
    let retry_settings = settings.retry.clone();
    let mut desk = Desk::new(settings);
    desk.log(1_000);
    let began = desk.now;
    let (mut pauses, mut sizes) = (Vec::new(), Vec::new());
    loop {
        match desk.next() {
            Command::Send { batch } => {
                sizes.push(batch.len());
                let len = batch.len();
                let again = sizes.iter().rev().take_while(|size| **size == len).count();
                drop(batch);
                desk.policy.on_result(desk.now, 0, if again < 2 || len == 1 { retry(None) } else { split() });
            }
            Command::Wait { until: Some(until) } => {
                pauses.push(until - desk.now);
                desk.now = until;
            }
            Command::HandOver { .. } => break,
            other => panic!("{other:?}"),
        }
    }
    // As often as a batch that stays whole, and no longer than that.
    assert_eq!(sizes[..6], [1_000, 1_000, 500, 500, 250, 250]);
    assert!(pauses.len() >= sizes.len() - 2 && pauses.iter().all(|pause| *pause <= retry_settings.max_delay));
    assert!(desk.now > began + SECOND && desk.now <= began + retry_settings.max_elapsed, "{:?}", desk.now - began);
}

/// Refused, then hanging until the timeout, then `empty ring`: 30 s in all, at 300 lines of 300 bytes a second.
#[test]
fn a_destination_that_restarts_for_thirty_seconds_costs_nothing_with_the_defaults() {
    const TICK: Duration = Duration::from_millis(100);
    let mut desk = Desk::new(DeliverySettings::default());
    let (began, away) = (desk.now + 20 * SECOND, desk.now + 50 * SECOND);
    let (mut logged, mut attempts, mut most) = (0, 0, 0);
    let mut lines = Batch::new();
    (0..30).for_each(|n| lines.push(&[b'x'; 300], n, Level::INFO));
    let mut busy_until = desk.now;
    while desk.now < away + 90 * SECOND {
        assert_eq!(desk.policy.append(desk.now, &lines, 0, false), 30);
        logged += 30;
        while busy_until <= desk.now
            && let Command::Send { batch } = desk.next()
        {
            drop(batch);
            let is_away = (began..away).contains(&desk.now);
            // A request that hangs takes as long as its timeout.
            let hangs = (began + 10 * SECOND..began + 20 * SECOND).contains(&desk.now);
            busy_until = desk.now + if hangs { 10 * SECOND } else { Duration::ZERO };
            attempts += u32::from(is_away);
            desk.policy.on_result(busy_until, 0, if is_away { retry(None) } else { arrived() });
        }
        most = most.max(desk.policy.total_bytes());
        desk.now += TICK;
    }
    desk.policy.want_flushed(desk.now);
    while let Command::Send { batch } = desk.next() {
        drop(batch);
        desk.policy.on_result(desk.now, 0, arrived());
    }
    let counts = desk.counts();
    assert_eq!((counts.delivered, counts.dropped.len()), (logged, 0), "{counts:?}");
    assert!(attempts > 2 && most < 16 << 20, "{attempts} attempts, {most} bytes");
}

#[test]
fn what_was_told_to_be_too_large_at_once_is_not_held_up() {
    let mut desk = Desk::new(no_breaker());
    desk.log(8);
    for _ in 0..3 {
        desk.answer(split());
    }
    assert_eq!(desk.sent().len(), 1);
}

#[test]
fn what_sinks_say_is_brought_into_order() {
    for (said, refused) in [(&[3, 1, 3, 1][..], 2), (&[0, 9, usize::MAX], 1), (&[1, 0], 2), (&[7, 8], 0), (&[], 0)] {
        let mut desk = Desk::new(DeliverySettings::default());
        desk.log(4);
        desk.answer(reject(said));
        let counts = desk.counts();
        assert_eq!((counts.rejected.values().sum::<u64>(), counts.delivered), (refused, 4 - refused), "{said:?}");
    }
    let mixed = [(2, "too_old"), (9, "nowhere"), (0, "too_new"), (2, "said_twice"), (3, "too_old")];
    let mut desk = Desk::new(DeliverySettings::default());
    desk.log(4);
    let refused = Refused::ByReason(mixed.to_vec());
    desk.answer(Err(DeliveryError::Reject { refused, reason: "mixed", detail: "why".into() }));
    let counts = desk.counts();
    assert_eq!(counts.rejected.into_iter().collect::<Vec<_>>(), [("too_new", 1), ("too_old", 2)]);
    assert_eq!(counts.delivered, 1);
    let rejected = |events, reason| News::Rejected { events, reason, detail: "why".into() };
    assert_eq!(desk.policy.take_news(), [rejected(1, "too_new"), rejected(2, "too_old")]);
    for (unconfirmed, delivered) in [(0, 3), (1, 2), (3, 0), (usize::MAX, 0)] {
        let mut desk = Desk::new(DeliverySettings::default());
        desk.log(3);
        desk.answer(Ok(Delivered::unconfirmed(unconfirmed)));
        assert_eq!((desk.counts().delivered, desk.counts().unconfirmed), (delivered, 3 - delivered));
    }
}

#[test]
fn small_batches_of_a_stream_that_has_to_wait_travel_together_and_tried_ones_stay_as_they_are() {
    let mut desk = Desk::new(DeliverySettings::default());
    desk.log(2);
    desk.answer(retry(None));
    (0..3).for_each(|_| desk.log(5));
    desk.wait();
    assert_eq!(desk.sent().len(), 2);
    desk.policy.on_result(desk.now, 0, arrived());
    assert_eq!(desk.sent().len(), 15);
}

#[test]
fn new_batches_come_behind_what_the_spool_holds() {
    let mut desk = Desk::new(DeliverySettings { spool: true, ..DeliverySettings::default() });
    desk.policy.found_in_spool(3, 40);
    assert_eq!((desk.counts().recovered, desk.counts().spooled), (3, 3));
    desk.log(2);
    assert!(matches!(desk.next(), Command::Wait { .. }), "the new ones are not sent before the old ones");
    let Command::Save { batch, unread: true } = desk.policy.next(desk.now, Role::Spooler) else { panic!() };
    assert_eq!(batch.len(), 2);
    desk.policy.saved(desk.now, Ok(Saved { record: 41, evicted: 0, first_record: 40 }));
    assert!(matches!(desk.policy.next(desk.now, Role::Spooler), Command::Replay));
    desk.policy.replayed(desk.now, Some(Replayed { record: 40, batch: lines(1), lost: 2 }));
    desk.answer(arrived());
    assert_eq!(desk.counts().dropped["spool_corrupt"], 2);
    let command = desk.policy.next(desk.now, Role::Spooler);
    assert!(matches!(command, Command::Acknowledge { first_needed: 41 }), "{command:?}");
    assert!(matches!(desk.policy.next(desk.now, Role::Spooler), Command::Replay));
    desk.policy.replayed(desk.now, Some(Replayed { record: 41, batch: lines(2), lost: 0 }));
    desk.answer(arrived());
    desk.log(1);
    desk.answer(arrived());
    assert_eq!(desk.counts().delivered, 4);
}

#[test]
fn with_a_spool_a_batch_whose_retries_are_over_is_saved_and_tried_on() {
    let retries = RetrySettings::new().max_attempts(2);
    let settings = DeliverySettings { spool: true, fallback: true, retry: retries, ..no_breaker() };
    let mut desk = Desk::new(settings);
    desk.log(3);
    desk.answer(retry(None));
    assert!(matches!(desk.policy.next(desk.now, Role::Spooler), Command::Wait { .. }));
    desk.wait();
    desk.answer(retry(None));
    let ticket = desk.policy.want_flushed(desk.now).unwrap();
    assert!(!desk.policy.is_settled(ticket));
    let Command::Save { batch, unread: false } = desk.policy.next(desk.now, Role::Spooler) else { panic!() };
    assert_eq!(batch.len(), 3);
    desk.policy.saved(desk.now, Ok(Saved { record: 0, evicted: 0, first_record: 0 }));
    assert!(desk.policy.is_settled(ticket), "what is in the spool has a fate");
    assert!(matches!(desk.next(), Command::Flush { .. }));
    desk.policy.flushed(0, ticket);
    for _ in 0..20 {
        desk.wait();
        desk.answer(retry(None));
    }
    desk.policy.abandon(|_| panic!("it is saved"));
    assert_eq!((desk.counts().spooled, desk.counts().dropped.len()), (3, 0));
}

#[test]
fn fifty_streams_at_a_thousand_events_a_second_leave_the_queue_flat_at_50_ms_a_request() {
    let senders = 4;
    let mut policy = DeliveryPolicy::new(DeliverySettings { senders, ..DeliverySettings::default() }, 7);
    let mut busy: Vec<Option<Duration>> = vec![None; senders];
    let mut most_waiting = [0; 4];
    for n in 0..20_000u64 {
        let now = n as u32 * MS;
        let mut line = Batch::new();
        line.push(b"{}", n % 50, Level::INFO);
        assert_eq!(policy.append(now, &line, 0, false), 1);
        for (sender, until) in busy.iter_mut().enumerate() {
            if until.is_some_and(|until| until <= now) {
                policy.on_result(now, sender, arrived());
                *until = None;
            }
            while until.is_none() {
                match policy.next(now, Role::Sender(sender)) {
                    Command::Sort { batch } => policy.sorted(split_by_stream(batch, |_, entry| entry.timestamp)),
                    Command::Send { .. } => *until = Some(now + 50 * MS),
                    _ => break,
                }
            }
        }
        let counts = policy.counts();
        let quarter = &mut most_waiting[n as usize / 5_000];
        *quarter = (*quarter).max(counts.queued + counts.in_flight);
    }
    // A second's events wait for their batch, and less than a second's are being sent.
    assert!(most_waiting.iter().all(|most| *most < 2_500), "{most_waiting:?}");
    assert!(most_waiting[3] <= most_waiting[1] + 100, "it does not grow: {most_waiting:?}");
}
