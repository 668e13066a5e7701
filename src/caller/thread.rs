//! What a thread keeps: its lanes, its scope, its scratch.

use std::cell::{Cell, RefCell};

use logwheel_core::wire::Out;
use logwheel_core::{Callsite, Level, TraceContext};

use super::big::{self, Arguments};
use super::full::{self, Room};
use super::scope::ScopeState;
use super::{CallerCounts, DropReason, Intake};
use crate::ring::{Flags, Full, HEADER_BYTES, LaneWriter, NO_OVERFLOW, SlotHeader, SlotWriter};
use crate::sync::Arc;

pub(super) struct ThreadState {
    callers: RefCell<Vec<Caller>>,
    pub(super) scope: RefCell<ScopeState>,
    pub(super) scratch: RefCell<Vec<u8>>,
    /// This thread belongs to an engine: it must not wait for a lane.
    pipeline: Cell<bool>,
}

thread_local! {
    pub(super) static THREAD: ThreadState = const {
        ThreadState {
            callers: RefCell::new(Vec::new()),
            scope: RefCell::new(ScopeState::new()),
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

/// The fixed part of an event.
#[derive(Clone, Copy)]
pub(super) struct Statement<'a> {
    pub(super) callsite: &'static Callsite,
    pub(super) level: Level,
    pub(super) flags: Flags,
    /// The logger's name and bound fields, encoded.
    pub(super) context: &'a [u8],
}

/// Publishes one event whose values are plain.
#[inline(always)]
pub(super) fn publish<A: Arguments + ?Sized>(intake: &Arc<Intake>, statement: Statement<'_>, arguments: &A) {
    let done = THREAD.try_with(|thread| {
        // Borrowed already: the allocator logs, say. Then this thread is as good as a stranger.
        let Ok(scope) = thread.scope.try_borrow() else { return false };
        let Ok(mut callers) = thread.callers.try_borrow_mut() else { return false };
        let known = callers.iter().position(|caller| Arc::ptr_eq(&caller.intake, intake));
        let index = match known {
            Some(index) => index,
            None => enrol(&mut callers, intake),
        };
        let Some(caller) = callers.get_mut(index) else { return false };
        caller.publish(statement, &scope, arguments);
        true
    });
    // Also while the thread's own state is being destroyed.
    if !matches!(done, Ok(true)) {
        publish_stray(intake, statement, arguments);
    }
}

/// A thread's part in one engine.
struct Caller {
    intake: Arc<Intake>,
    lane: LaneWriter,
    /// How many events until this thread asks for a private lane.
    until_promotion: u32,
    /// A private lane that waits until the shared one has seen the last of this thread's events.
    next_lane: Option<LaneWriter>,
    counts: Arc<CallerCounts>,
}

#[cold]
#[inline(never)]
fn enrol(callers: &mut Vec<Caller>, intake: &Arc<Intake>) -> usize {
    // Engines that were shut down: this is the moment to forget them.
    callers.retain(|caller| !caller.intake.is_closed());
    if intake.is_closed() {
        return usize::MAX;
    }
    callers.push(Caller {
        lane: intake.shared.writer(),
        until_promotion: intake.config.promote_after,
        next_lane: None,
        counts: intake.register(),
        intake: Arc::clone(intake),
    });
    callers.len() - 1
}

/// For a thread without state: through a producer made for this one event.
#[cold]
#[inline(never)]
fn publish_stray<A: Arguments + ?Sized>(intake: &Intake, statement: Statement<'_>, arguments: &A) {
    let mut lane = intake.shared.writer();
    send(intake, &mut lane, &intake.strays, statement, &ScopeState::new(), arguments);
}

impl Caller {
    #[inline(always)]
    fn publish<A: Arguments + ?Sized>(&mut self, statement: Statement<'_>, scope: &ScopeState, arguments: &A) {
        if self.until_promotion == 0 {
            self.promote();
        }
        self.until_promotion -= 1;
        send(&self.intake, &mut self.lane, &self.counts, statement, scope, arguments);
    }

    /// Moves to a private lane if there is one, and if nothing of this thread is left in the
    /// shared one, so that its events stay in order. Leaves `until_promotion` above zero.
    #[cold]
    #[inline(never)]
    fn promote(&mut self) {
        self.until_promotion = if self.lane.is_private() {
            u32::MAX
        } else if !self.lane.is_drained() {
            16
        } else if let Some(lane) = self.next_lane.take().or_else(|| self.intake.spare_lane()) {
            self.lane = lane;
            u32::MAX
        } else {
            self.intake.config.promote_after.max(16)
        };
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        if let Some(lane) = self.next_lane.take() {
            self.intake.give_back(lane);
        }
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
            let mut callers = thread.callers.borrow_mut();
            let known = callers.iter().position(|caller| Arc::ptr_eq(&caller.intake, intake));
            let index = known.unwrap_or_else(|| enrol(&mut callers, intake));
            let caller = callers.get_mut(index).ok_or(AttachError::Closed)?;
            if intake.is_closed() {
                return Err(AttachError::Closed);
            }
            if caller.lane.is_private() || caller.next_lane.is_some() {
                return Ok(());
            }
            let max_lanes = intake.config.private_lanes();
            if max_lanes == 0 {
                return Err(AttachError::SharedOnly);
            }
            let lane = intake.attached_lane().ok_or(AttachError::NoneLeft { max_lanes })?;
            caller.next_lane = Some(lane);
            caller.promote();
            Ok(())
        })
        .unwrap_or(Err(AttachError::Closed))
}

/// Counts the event and puts it into the lane, or drops it with a reason.
#[inline(always)]
fn send<A: Arguments + ?Sized>(
    intake: &Intake,
    lane: &mut LaneWriter,
    counts: &CallerCounts,
    statement: Statement<'_>,
    scope: &ScopeState,
    arguments: &A,
) {
    counts.submitted();
    if intake.is_closed() {
        return counts.dropped(DropReason::Closed);
    }
    let event = Draft {
        ticks: intake.clock.now(),
        statement,
        scope: scope.fields(),
        trace: scope.trace(),
        arguments,
        arguments_len: arguments.encoded_len(),
        cap: usize::MAX,
    };
    if HEADER_BYTES + event.len() > intake.config.slot_bytes {
        return big::send(intake, lane, counts, &event);
    }
    place(intake, lane, counts, &event, NO_OVERFLOW, |slot| event.encode(slot));
}

/// An event before it is in a slot.
pub(super) struct Draft<'a, A: ?Sized> {
    pub(super) ticks: u64,
    pub(super) statement: Statement<'a>,
    pub(super) scope: &'a [u8],
    pub(super) trace: Option<TraceContext>,
    pub(super) arguments: &'a A,
    pub(super) arguments_len: usize,
    /// Texts longer than this are cut; no limit for an event that fits.
    pub(super) cap: usize,
}

impl<A: ?Sized> Clone for Draft<'_, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A: ?Sized> Copy for Draft<'_, A> {}

impl<A: Arguments + ?Sized> Draft<'_, A> {
    /// The bytes behind the header.
    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        let trace = if self.trace.is_some() { TraceContext::ENCODED_LEN } else { 0 };
        trace + self.statement.context.len() + self.scope.len() + self.arguments_len
    }

    #[inline(always)]
    pub(super) fn encode<O: Out>(&self, out: &mut O) {
        self.encode_context(out);
        self.arguments.encode(out);
    }

    #[inline(always)]
    pub(super) fn encode_context<O: Out>(&self, out: &mut O) {
        if let Some(trace) = self.trace {
            out.put(&trace.to_bytes());
        }
        out.put(self.statement.context);
        if !self.scope.is_empty() {
            out.put(self.scope);
        }
    }

    #[inline(always)]
    fn header(&self, overflow: u32) -> SlotHeader {
        SlotHeader {
            ticks: self.ticks,
            callsite: self.statement.callsite.id(),
            level: self.statement.level.number(),
            flags: self.statement.flags.with(Flags::TRACE, self.trace.is_some()),
            context_len: (self.statement.context.len() + self.scope.len()) as u32,
            arguments_len: self.arguments_len as u32,
            overflow,
        }
    }
}

/// Claims a slot and fills it; waits or drops if there is none. Says whether it was published.
#[inline(always)]
pub(super) fn place<A: Arguments + ?Sized>(
    intake: &Intake,
    lane: &mut LaneWriter,
    counts: &CallerCounts,
    event: &Draft<'_, A>,
    overflow: u32,
    write: impl Fn(&mut SlotWriter<'_>),
) -> bool {
    // Before the claim: a call site's first event enters it into a table.
    let header = event.header(overflow);
    let fill = |slot: &mut SlotWriter<'_>| {
        *slot.header = header;
        write(slot);
    };
    let mut sequence = lane.try_publish(fill);
    if sequence == Err(Full) {
        let state = Arc::clone(&lane.state);
        let mut room = Room::new(intake, &state, counts, event.statement.level);
        sequence = loop {
            if let Err(reason) = full::wait(&mut room) {
                lane.state.count_lost();
                counts.dropped(reason);
                return false;
            }
            match lane.try_publish(fill) {
                Err(Full) => {}
                published => break published,
            }
        };
    }
    // A hint on every quarter of the lane, for a worker that sleeps while a burst comes in.
    if let Ok(sequence) = sequence
        && (sequence + 1) & (lane.state.slots / 4 - 1) == 0
    {
        intake.worker_of(lane.state.index).hint();
    }
    if intake.config.wake_level.is_some_and(|wake| event.statement.level >= wake) {
        intake.worker_of(lane.state.index).wake();
    }
    true
}
