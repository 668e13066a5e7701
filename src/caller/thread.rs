//! What a thread keeps: its lanes, its scope, its scratch.

use std::cell::{Cell, RefCell};

use logwheel_core::{Callsite, EncodedFields};

use super::arguments::{Arguments, Encoded};
use super::big;
use super::draft::{Bare, Draft, Inside, Statement, Surroundings};
use super::full::{self, Room};
use super::scope::ScopeState;
use super::{CallerCounts, DropReason, Intake};
use crate::config::Lanes;
use crate::ring::{Fill, Full, LaneWriter, Marks};
use crate::sync::Arc;

pub(super) struct ThreadState {
    pub(super) sending: RefCell<Sending>,
    pub(super) scratch: RefCell<Vec<u8>>,
    /// This thread belongs to an engine: it must not wait for a lane.
    pipeline: Cell<bool>,
}

/// What sending an event takes. No user code runs while it is borrowed.
pub(super) struct Sending {
    callers: Callers,
    pub(super) scope: ScopeState,
}

/// A thread's parts in the engines that it logs to. That in the first one, mostly the only one, lies right here: the
/// fewer pointers a call has to follow, the less it costs when its memory has left the processor's caches.
struct Callers {
    first: Option<Caller>,
    others: Vec<Caller>,
}

thread_local! {
    pub(super) static THREAD: ThreadState = const {
        ThreadState {
            sending: RefCell::new(Sending {
                callers: Callers { first: None, others: Vec::new() },
                scope: ScopeState::new(),
            }),
            scratch: RefCell::new(Vec::new()),
            pipeline: Cell::new(false),
        }
    };
}

/// Marks the current thread as one of the engine's own.
pub(crate) fn become_pipeline_thread() {
    let _ = THREAD.try_with(|thread| thread.pipeline.set(true));
}

pub(crate) fn on_pipeline_thread() -> bool {
    THREAD.try_with(|thread| thread.pipeline.get()).unwrap_or(false)
}

/// Publishes one event whose arguments are encoded already: the usual case.
///
/// One copy of this code serves all statements and stays in the processor's cache; what is
/// particular to a statement, the kinds of its values, was dealt with in the statement itself.
/// Everything is passed in registers: a struct would be read back from memory in other pieces
/// than it was written in, which stalls the processor.
///
/// What is not usual is begun anew elsewhere, so that this stays short.
#[inline(never)]
pub(super) fn publish_encoded(
    intake: &Arc<Intake>,
    context: &Arc<[u8]>,
    callsite: &'static Callsite,
    marks: Marks,
    arguments: &[u8],
) {
    let statement = Statement { callsite, marks, context };
    let done = with_sending(|Sending { callers, scope }| {
        let Some(caller) = callers.first_in(intake) else { return false };
        if caller.thread.is_empty() && scope.is_empty() {
            caller.publish(statement, |_| Bare, Encoded(arguments));
        } else {
            caller.publish_inside(statement, scope, Encoded(arguments));
        }
        true
    });
    if !done {
        publish_encoded_unusual(intake, context, callsite, marks, arguments);
    }
}

/// As [`publish_encoded`], for a thread whose first engine is another one, or none.
#[cold]
#[inline(never)]
fn publish_encoded_unusual(
    intake: &Arc<Intake>,
    context: &Arc<[u8]>,
    callsite: &'static Callsite,
    marks: Marks,
    arguments: &[u8],
) {
    publish(intake, Statement { callsite, marks, context }, Encoded(arguments));
}

/// Publishes one event whose values are plain.
#[inline]
pub(super) fn publish<A: Arguments>(intake: &Arc<Intake>, statement: Statement<'_>, arguments: A) {
    let done = with_sending(|Sending { callers, scope }| {
        let Some(caller) = callers.of(intake) else { return false };
        caller.publish_inside(statement, scope, arguments);
        true
    });
    if !done {
        publish_stray(intake, statement, arguments);
    }
}

/// `false` if `send` said so, or was not asked: the thread's state is borrowed already (the allocator logs, say) or is
/// being destroyed. Then this thread is as good as a stranger.
#[inline(always)]
fn with_sending(send: impl FnOnce(&mut Sending) -> bool) -> bool {
    let sent = THREAD.try_with(|thread| match thread.sending.try_borrow_mut() {
        Ok(mut sending) => send(&mut sending),
        Err(_) => false,
    });
    matches!(sent, Ok(true))
}

/// For a thread without state: through a producer made for this one event.
#[cold]
#[inline(never)]
fn publish_stray<A: Arguments>(intake: &Intake, statement: Statement<'_>, arguments: A) {
    let (mut lane, counts) = (intake.shared.writer(), &intake.strays);
    counts.submitted();
    if intake.is_closed() {
        return counts.dropped(DropReason::Closed);
    }
    let event = Draft::new(intake, statement, Bare, arguments);
    if event.fits(&lane) {
        place(intake, &mut lane, counts, statement.marks.level_number(), &event);
    } else {
        big::send(intake, &mut lane, counts, event);
    }
}

/// A thread's part in one engine.
struct Caller {
    intake: Arc<Intake>,
    lane: LaneWriter,
    /// How many events until this thread asks for a private lane, while it has none.
    until_promotion: u32,
    counts: Arc<CallerCounts>,
    /// The fields with the thread's name that a stage wants in each event, encoded.
    thread: Box<[u8]>,
}

impl Callers {
    /// The part in this engine; none if it was shut down before the thread had one.
    #[inline(always)]
    fn of(&mut self, intake: &Arc<Intake>) -> Option<&mut Caller> {
        if self.first.as_ref().is_some_and(|caller| Arc::ptr_eq(&caller.intake, intake)) {
            return self.first.as_mut();
        }
        self.of_another(intake)
    }

    /// The part in this engine if it is the first one.
    #[inline(always)]
    fn first_in(&mut self, intake: &Arc<Intake>) -> Option<&mut Caller> {
        self.first.as_mut().filter(|caller| Arc::ptr_eq(&caller.intake, intake))
    }

    #[inline(never)]
    fn of_another(&mut self, intake: &Arc<Intake>) -> Option<&mut Caller> {
        let known = self.others.iter().position(|caller| Arc::ptr_eq(&caller.intake, intake));
        match known {
            Some(index) => self.others.get_mut(index),
            None => self.enrol(intake),
        }
    }

    #[cold]
    fn enrol(&mut self, intake: &Arc<Intake>) -> Option<&mut Caller> {
        // Engines that were shut down: this is the moment to forget them.
        self.first.take_if(|caller| caller.intake.is_closed());
        self.others.retain(|caller| !caller.intake.is_closed());
        if self.first.is_none() {
            self.first = self.others.pop();
        }
        if intake.is_closed() {
            return None;
        }
        let caller = Caller {
            lane: intake.shared.writer(),
            until_promotion: intake.config.promote_after,
            counts: intake.register(),
            thread: thread_fields(&intake.config.thread_fields),
            intake: Arc::clone(intake),
        };
        if self.first.is_none() {
            return Some(self.first.insert(caller));
        }
        self.others.push(caller);
        self.others.last_mut()
    }
}

fn thread_fields(names: &[String]) -> Box<[u8]> {
    let mut fields = EncodedFields::new();
    if !names.is_empty()
        && let Some(thread) = std::thread::current().name()
    {
        names.iter().for_each(|name| fields.push(name, thread));
    }
    fields.as_bytes().into()
}

impl Caller {
    /// Publishes an event with the surroundings that `around` makes of the thread's fields.
    #[inline(always)]
    fn publish<'a, A: Arguments, S: Surroundings>(
        &'a mut self,
        statement: Statement<'_>,
        around: impl FnOnce(&'a [u8]) -> S,
        arguments: A,
    ) {
        if !self.lane.is_private() {
            self.count_towards_promotion();
        }
        let Self { intake, lane, counts, thread, .. } = self;
        counts.submitted_by_owner();
        if intake.is_closed() {
            return counts.dropped(DropReason::Closed);
        }
        // Its parts stay in registers: only the unusual ways take it as a whole, and get a copy.
        let event = Draft::new(intake, statement, around(thread), arguments);
        if !event.fits(lane) {
            return big::send(intake, lane, counts, event);
        }
        let level = statement.marks.level_number();
        match lane.try_publish(&event) {
            Ok(quarter) => after_publish(intake, lane, counts, level, quarter),
            Err(Full) => {
                let copy = event;
                place(intake, lane, counts, level, &copy);
            }
        }
    }

    /// Publishes an event with the fields of its thread and its scopes. Not inlined: all who call it share one copy.
    #[inline(never)]
    fn publish_inside<A: Arguments>(&mut self, statement: Statement<'_>, scope: &ScopeState, arguments: A) {
        self.publish(statement, |thread| Inside { thread, scope }, arguments);
    }

    #[inline(never)]
    fn count_towards_promotion(&mut self) {
        if self.until_promotion == 0 {
            self.promote();
        }
        self.until_promotion -= 1;
    }

    /// Asks for a private lane. Leaves `until_promotion` above zero.
    #[cold]
    fn promote(&mut self) {
        self.until_promotion = self.intake.config.promote_after.max(16);
        if let Some(lane) = self.intake.spare_lane() {
            self.move_to(lane);
        }
    }

    /// Moves to a private lane; the thread's events in the shared one still come first.
    fn move_to(&mut self, lane: LaneWriter) {
        lane.follow(&self.lane);
        self.lane = lane;
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        if self.lane.is_private() {
            // The producer's place is taken by one of the shared lane, which is then dropped.
            let lane = std::mem::replace(&mut self.lane, self.intake.shared.writer());
            self.intake.give_back(lane);
        }
        self.intake.retire(&self.counts);
    }
}

/// Why a thread could not get a lane of its own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttachError {
    /// All of them are in use.
    #[error("all {max_lanes} private lanes are in use: raise max_lanes or memory_budget")]
    NoneLeft {
        /// How many there are.
        max_lanes: usize,
    },
    /// The engine has none: `lanes = "shared"`.
    #[error("this engine has only a shared lane (lanes = \"shared\")")]
    SharedOnly,
    /// The engine was shut down.
    #[error("the engine was shut down")]
    Closed,
}

/// Gives the current thread a private lane.
pub(crate) fn attach_thread(intake: &Arc<Intake>) -> Result<(), AttachError> {
    THREAD
        .try_with(|thread| {
            let mut sending = thread.sending.borrow_mut();
            let caller = sending.callers.of(intake).filter(|_| !intake.is_closed()).ok_or(AttachError::Closed)?;
            if caller.lane.is_private() {
                return Ok(());
            }
            if intake.config.lanes == Lanes::Shared {
                return Err(AttachError::SharedOnly);
            }
            let max_lanes = intake.config.private_lanes();
            caller.move_to(intake.attached_lane().ok_or(AttachError::NoneLeft { max_lanes })?);
            Ok(())
        })
        .unwrap_or(Err(AttachError::Closed))
}

#[inline(always)]
fn after_publish(intake: &Intake, lane: &LaneWriter, counts: &CallerCounts, level: u8, quarter: bool) {
    if quarter || intake.wakes(level) {
        wake_worker(intake, lane, counts, level, quarter);
    }
}

/// Apart from the usual case, whose code is to be short and in one place.
#[cold]
#[inline(never)]
fn wake_worker(intake: &Intake, lane: &LaneWriter, counts: &CallerCounts, level: u8, quarter: bool) {
    let worker = intake.worker_of(lane.state.index);
    // A hint is for a worker that sleeps while a burst comes in; what comes slowly waits for its next round.
    if quarter && lane.is_filling() && worker.hint() {
        counts.wake();
    }
    if intake.wakes(level) && worker.wake() {
        counts.wake();
    }
}

/// Claims a slot and fills it; waits or drops if there is none, as `on_full` says. Says whether
/// it was published.
#[cold]
#[inline(never)]
pub(super) fn place(
    intake: &Intake,
    lane: &mut LaneWriter,
    counts: &CallerCounts,
    level: u8,
    event: &dyn Fill,
) -> bool {
    let state = Arc::clone(&lane.state);
    let mut room = Room::new(intake, &state, counts, level);
    loop {
        match lane.try_publish(event) {
            Ok(quarter) => {
                after_publish(intake, lane, counts, level, quarter);
                return true;
            }
            Err(Full) => {
                if let Err(reason) = full::wait(&mut room) {
                    state.count_lost();
                    counts.dropped(reason);
                    return false;
                }
            }
        }
    }
}
