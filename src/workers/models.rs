//! Models of the protocols between threads, for the model checker: every interleaving of two or
//! three threads, over a stand-in ring. `cargo xtask loom` runs them; `cargo xtask loom --mutants`
//! shows for each that it fails when the code is wrong.

use std::sync::Mutex as Uncontended;
use std::time::{Duration, Instant};

use loom::sync::atomic::AtomicU64;
use loom::thread;

use super::lanes::{LaneSet, Round};
use super::per_stage::Belt;
use super::{FlushDesk, FlushRound, Inbox, Task};
use crate::caller::{CallerCounts, DropReason, Intake};
use crate::clock::TickClock;
use crate::config::Config;
use crate::ring::{Fill, Flags, LaneWriter, SlotHeader, SlotWriter};
use crate::sync::{Arc, Ordering};

/// One to three preemptions find what these protocols can get wrong, and end within a minute or so.
fn check(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 100_000;
    builder.check(model);
}

/// An event that is nothing but its number.
struct Numbered(u64);

impl Fill for Numbered {
    fn header(&self) -> SlotHeader {
        SlotHeader { ticks: self.0, ..SlotHeader::default() }
    }

    fn fill(&self, _: &mut SlotWriter<'_>) {}
}

fn publish(lane: &mut LaneWriter, number: u64) {
    assert!(lane.try_publish(&Numbered(number)).is_ok(), "lanes are larger than the models' bursts");
}

/// An intake with tiny lanes, and the inboxes of its workers.
fn intake(workers: usize) -> (Arc<Intake>, Vec<Arc<Inbox>>) {
    let config = Config { lane_slots: 4, slot_bytes: 128, overflow_bytes: 0, max_lanes: Some(1), ..Config::default() };
    let inboxes: Vec<Arc<Inbox>> = (0..workers).map(|_| Arc::default()).collect();
    (Arc::new(Intake::new(config, TickClock::new(), inboxes.clone(), 1, None)), inboxes)
}

/// Numbers in the order in which they were carried. Not part of any protocol: loom does not see it.
type Carried = Arc<Uncontended<Vec<u64>>>;

fn position(carried: &Carried, number: u64) -> Option<usize> {
    carried.lock().unwrap().iter().position(|carried| *carried == number)
}

/// How a worker waits in a model.
#[derive(Clone, Copy)]
enum Sleep {
    /// Whoever has something for it wakes it.
    UntilWoken,
    /// Callers do not: its parks end by themselves.
    ForAMoment,
}

/// What a worker does, without stages: until it is told to stop.
fn work(intake: &Arc<Intake>, inbox: &Inbox, sleep: Sleep, mut carry: impl FnMut(u64)) {
    let mut lanes = LaneSet::new(Arc::clone(intake));
    loop {
        while let Some(task) = inbox.pop() {
            lanes.attend_to(task, |_| {});
        }
        let round = lanes.round(u64::MAX, usize::MAX, |_, _, slot| {
            if !slot.header.has(Flags::MARKER) {
                carry(slot.header.ticks);
            }
        });
        if round == Round::Carried {
            lanes.release();
        }
        while let Some(flush) = lanes.finished_flush() {
            flush.worker_done();
        }
        if round == Round::Empty && lanes.may_stop() {
            return;
        }
        if round != Round::Carried {
            inbox.park(match sleep {
                Sleep::UntilWoken => None,
                Sleep::ForAMoment => Some(Duration::from_millis(5)),
            });
        }
    }
}

fn start_worker(intake: &Arc<Intake>, inbox: &Arc<Inbox>, sleep: Sleep, carried: &Carried) -> thread::JoinHandle<()> {
    let (intake, own, carried) = (Arc::clone(intake), Arc::clone(inbox), Arc::clone(carried));
    let worker = thread::spawn(move || work(&intake, &own, sleep, |number| carried.lock().unwrap().push(number)));
    worker
}

fn stop(intake: &Intake, worker: thread::JoinHandle<()>) {
    let shared_target = intake.mark_shared_lane().expect("room for the marker");
    intake.worker_of(0).push(Task::Stop { shared_target });
    worker.join().unwrap();
}

fn far_away() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

fn flush(desk: &Arc<FlushDesk>, intake: &Intake) -> bool {
    let begin = || {
        let shared_target = intake.mark_shared_lane().expect("room for the marker");
        intake.worker_of(0).push(Task::Flush(Arc::new(FlushRound::new(desk, shared_target, 1))));
        true
    };
    desk.flush(far_away(), begin, || false)
}

/// A task that is left while the worker is about to sleep wakes it: else this never ends.
#[test]
fn an_explicit_wake_is_never_lost() {
    check(3, || {
        let inbox: Arc<Inbox> = Arc::default();
        let own = Arc::clone(&inbox);
        let worker = thread::spawn(move || {
            let mut tasks = 0;
            while tasks < 2 {
                match own.pop() {
                    Some(_) => tasks += 1,
                    None => own.park(None),
                }
            }
        });
        inbox.push(Task::Stop { shared_target: 0 });
        inbox.push(Task::Stop { shared_target: 0 });
        worker.join().unwrap();
    });
}

/// A hint may be missed; the event is carried all the same, since parks are timed.
#[test]
fn a_missed_hint_costs_a_park_and_no_event() {
    check(3, || {
        let (intake, inboxes) = intake(1);
        let carried = Carried::default();
        let (own, inbox, record) = (Arc::clone(&intake), Arc::clone(&inboxes[0]), Arc::clone(&carried));
        let worker = thread::spawn(move || {
            let mut lanes = LaneSet::new(own);
            while let Some(task) = inbox.pop() {
                lanes.attend_to(task, |_| {});
            }
            let mut carry = || lanes.round(u64::MAX, 1, |_, _, slot| record.lock().unwrap().push(slot.header.ticks));
            while carry() == Round::Empty {
                inbox.park(Some(Duration::from_millis(5)));
            }
        });
        publish(&mut intake.shared.writer(), 7);
        inboxes[0].hint();
        worker.join().unwrap();
        assert_eq!(*carried.lock().unwrap(), [7]);
    });
}

/// A thread's events stay in order when it moves to its own lane, though a neighbour's unfinished
/// claim hides what it logged before.
#[test]
fn a_thread_that_moves_to_its_own_lane_keeps_its_order() {
    check(2, || {
        let (intake, inboxes) = intake(1);
        let carried = Carried::default();
        let mut private = intake.attached_lane().expect("a lane");
        let worker = start_worker(&intake, &inboxes[0], Sleep::ForAMoment, &carried);
        let neighbours = Arc::clone(&intake);
        let neighbour = thread::spawn(move || publish(&mut neighbours.shared.writer(), 10));
        let mut shared = intake.shared.writer();
        publish(&mut shared, 1);
        private.follow(&shared);
        publish(&mut private, 2);
        neighbour.join().unwrap();
        stop(&intake, worker);
        assert!(position(&carried, 1) < position(&carried, 2), "{carried:?}");
        assert_eq!(carried.lock().unwrap().len(), 3);
    });
}

/// As before, with a worker for each lane: the second one sees what became of the first events.
#[test]
fn a_move_between_the_lanes_of_two_workers_keeps_the_order_of_what_they_append() {
    check(1, || {
        let (intake, inboxes) = intake(2);
        let mut private = intake.attached_lane().expect("a lane");
        let appended = Arc::new(AtomicU64::new(0));
        let workers: Vec<_> = [0, 1]
            .map(|index| {
                let (intake, own, appended) = (Arc::clone(&intake), Arc::clone(&inboxes[index]), Arc::clone(&appended));
                let worker = thread::spawn(move || {
                    work(&intake, &own, Sleep::ForAMoment, |number| {
                        // Relaxed: the lanes' own counters must order these.
                        assert_eq!(appended.load(Ordering::Relaxed), number - 1);
                        appended.store(number, Ordering::Relaxed);
                    });
                });
                worker
            })
            .into();
        let mut shared = intake.shared.writer();
        publish(&mut shared, 1);
        private.follow(&shared);
        publish(&mut private, 2);
        for (inbox, worker) in inboxes.iter().zip(workers) {
            inbox.push(Task::Stop { shared_target: 1 });
            worker.join().unwrap();
        }
    });
}

/// A lane that a finished thread gave back changes hands only when it is empty: the next owner's
/// place in the order must not become that of the events of the one before.
#[test]
fn a_lane_changes_hands_only_when_it_is_empty() {
    check(2, || {
        let (intake, inboxes) = intake(1);
        let carried = Carried::default();
        let mut lane = intake.attached_lane().expect("a lane");
        let worker = start_worker(&intake, &inboxes[0], Sleep::ForAMoment, &carried);
        let neighbours = Arc::clone(&intake);
        let neighbour = thread::spawn(move || publish(&mut neighbours.shared.writer(), 10));
        let mut shared = intake.shared.writer();
        publish(&mut shared, 1);
        lane.follow(&shared);
        publish(&mut lane, 2);
        intake.give_back(lane);
        // The next thread, which has logged nothing before.
        let got_it = intake.attached_lane().map(|mut lane| {
            lane.follow(&intake.shared.writer());
            publish(&mut lane, 3);
        });
        neighbour.join().unwrap();
        stop(&intake, worker);
        assert!(position(&carried, 1) < position(&carried, 2), "{carried:?}");
        assert_eq!(carried.lock().unwrap().len(), 3 + usize::from(got_it.is_some()));
    });
}

/// What a thread logged before its flush is carried when the flush returns, though a neighbour's
/// unfinished claim hides it.
#[test]
fn a_flush_sees_through_a_neighbours_unfinished_claim() {
    check(2, || {
        let (intake, inboxes) = intake(1);
        let carried = Carried::default();
        let worker = start_worker(&intake, &inboxes[0], Sleep::ForAMoment, &carried);
        let neighbours = Arc::clone(&intake);
        let neighbour = thread::spawn(move || publish(&mut neighbours.shared.writer(), 10));
        publish(&mut intake.shared.writer(), 1);
        assert!(flush(&Arc::default(), &intake));
        assert!(position(&carried, 1).is_some(), "{carried:?}");
        neighbour.join().unwrap();
        stop(&intake, worker);
    });
}

/// Flushes that share rounds still cover what each was called for.
#[test]
fn flushes_that_meet_share_the_next_round_and_not_the_one_under_way() {
    check(2, || {
        let (intake, inboxes) = intake(1);
        let carried = Carried::default();
        let mut private = intake.attached_lane().expect("a lane");
        let worker = start_worker(&intake, &inboxes[0], Sleep::UntilWoken, &carried);
        let desk: Arc<FlushDesk> = Arc::default();
        let (others, their_desk) = (Arc::clone(&intake), Arc::clone(&desk));
        let other = thread::spawn(move || assert!(flush(&their_desk, &others)));
        publish(&mut private, 1);
        assert!(flush(&desk, &intake));
        assert!(position(&carried, 1).is_some(), "{carried:?}");
        other.join().unwrap();
        stop(&intake, worker);
    });
}

/// What was logged before the shutdown is carried, though a late neighbour's unfinished claim hides
/// it; the neighbour's own event is carried, counted as closed, or left in the lane: one of them.
#[test]
fn a_shutdown_leaves_nothing_behind_that_was_logged_before_it() {
    check(2, || {
        let (intake, inboxes) = intake(1);
        let carried = Carried::default();
        let worker = start_worker(&intake, &inboxes[0], Sleep::ForAMoment, &carried);
        let late_intake = Arc::clone(&intake);
        let late = thread::spawn(move || {
            let counts = CallerCounts::default();
            counts.submitted();
            if late_intake.is_closed() {
                counts.dropped(DropReason::Closed);
            } else {
                publish(&mut late_intake.shared.writer(), 10);
            }
            counts
        });
        publish(&mut intake.shared.writer(), 1);
        intake.close();
        stop(&intake, worker);
        assert!(position(&carried, 1).is_some(), "{carried:?}");
        let mut totals = Default::default();
        late.join().unwrap().add_to(&mut totals);
        let carried = carried.lock().unwrap();
        let late = carried.iter().filter(|number| **number == 10).count() as u64;
        assert!(late <= totals.entered(), "carried and counted as closed: {carried:?}");
    });
}

/// In the per-stage topology trays go round between two workers that both sleep: each hand-over
/// wakes the one who gets it.
#[test]
fn a_tray_that_is_handed_on_wakes_its_worker() {
    check(3, || {
        let inboxes: [Arc<Inbox>; 2] = Default::default();
        let [back, forth] = inboxes.each_ref().map(|inbox| Arc::new(Belt::new(Arc::clone(inbox))));
        let (their_forth, their_back, own) = (Arc::clone(&forth), Arc::clone(&back), Arc::clone(&inboxes[1]));
        let next = thread::spawn(move || {
            let mut taken = 0;
            while taken < 2 {
                match their_forth.take() {
                    Some(tray) => {
                        taken += 1;
                        their_back.put(tray);
                    }
                    None => own.park(None),
                }
            }
        });
        forth.put(Box::default());
        let mut sent = 1;
        let mut returned = 0;
        while returned < 2 {
            match back.take() {
                Some(tray) => {
                    returned += 1;
                    if sent < 2 {
                        sent += 1;
                        forth.put(tray);
                    }
                }
                None => inboxes[0].park(None),
            }
        }
        next.join().unwrap();
    });
}
