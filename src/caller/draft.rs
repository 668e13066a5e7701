//! An event before it is in a slot: what its statement says, and what it finds around it.

use logwheel_core::wire::Out;
use logwheel_core::{Callsite, TraceContext};

use super::Intake;
use super::arguments::Arguments;
use super::scope::ScopeState;
use crate::ring::{Fill, Flags, HEADER_BYTES, LaneWriter, Marks, SlotHeader, SlotWriter};

/// The fixed part of an event.
#[derive(Clone, Copy)]
pub(super) struct Statement<'a> {
    pub(super) callsite: &'static Callsite,
    pub(super) marks: Marks,
    /// The logger's name and bound fields, encoded.
    pub(super) context: &'a [u8],
}

/// What an event carries beside what its statement says.
pub(super) trait Surroundings: Copy {
    fn trace(&self) -> Option<&TraceContext>;
    /// Encoded fields: that with the name of the thread, and those of the scopes that it is in.
    fn fields(&self) -> [&[u8]; 2];
}

/// Nothing, as mostly. A type of its own, for a copy of the code that knows it.
#[derive(Clone, Copy)]
pub(super) struct Bare;

impl Surroundings for Bare {
    #[inline(always)]
    fn trace(&self) -> Option<&TraceContext> {
        None
    }

    #[inline(always)]
    fn fields(&self) -> [&[u8]; 2] {
        [&[]; 2]
    }
}

/// The fields with the thread's name, and the scopes that it is in.
#[derive(Clone, Copy)]
pub(super) struct Inside<'a> {
    pub(super) thread: &'a [u8],
    pub(super) scope: &'a ScopeState,
}

impl Surroundings for Inside<'_> {
    #[inline(always)]
    fn trace(&self) -> Option<&TraceContext> {
        self.scope.trace()
    }

    #[inline(always)]
    fn fields(&self) -> [&[u8]; 2] {
        [self.thread, self.scope.fields()]
    }
}

/// An event before it is in a slot.
#[derive(Clone, Copy)]
pub(super) struct Draft<'a, A, S> {
    pub(super) ticks: u64,
    pub(super) callsite: u32,
    pub(super) statement: Statement<'a>,
    pub(super) surroundings: S,
    pub(super) arguments: A,
    pub(super) arguments_len: usize,
}

impl<'a, A: Arguments, S: Surroundings> Draft<'a, A, S> {
    #[inline(always)]
    pub(super) fn new(intake: &Intake, statement: Statement<'a>, surroundings: S, arguments: A) -> Self {
        Draft {
            ticks: intake.clock.now(),
            // Before the claim: a call site's first event enters it into a table.
            callsite: statement.callsite.id(),
            statement,
            surroundings,
            arguments,
            arguments_len: arguments.encoded_len(),
        }
    }

    /// Whether a slot can hold it.
    #[inline(always)]
    pub(super) fn fits(&self, lane: &LaneWriter) -> bool {
        HEADER_BYTES + self.len() <= lane.slot_bytes()
    }
}

impl<A, S: Surroundings> Draft<'_, A, S> {
    /// The bytes behind the header.
    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        let trace = if self.surroundings.trace().is_some() { TraceContext::ENCODED_LEN } else { 0 };
        trace + self.context_len() + self.arguments_len
    }

    #[inline(always)]
    fn context_len(&self) -> usize {
        let [thread, scope] = self.surroundings.fields();
        self.statement.context.len() + thread.len() + scope.len()
    }

    #[inline(always)]
    pub(super) fn encode_context<O: Out>(&self, out: &mut O) {
        if let Some(trace) = self.surroundings.trace() {
            out.put_array(trace.to_bytes());
        }
        out.put(self.statement.context);
        for fields in self.surroundings.fields() {
            if !fields.is_empty() {
                out.put(fields);
            }
        }
    }

    /// The header, whose `tail` and extra flags say where the arguments are.
    #[inline(always)]
    pub(super) fn header_with(&self, tail: u32, flags: Flags) -> SlotHeader {
        SlotHeader {
            ticks: self.ticks,
            callsite: self.callsite,
            marks: self.statement.marks.with(Flags::TRACE, self.surroundings.trace().is_some()).with(flags, true),
            context_len: self.context_len() as u32,
            tail,
        }
    }
}

/// All of it into the slot.
impl<A: Arguments, S: Surroundings> Fill for Draft<'_, A, S> {
    #[inline(always)]
    fn header(&self) -> SlotHeader {
        self.header_with(self.arguments_len as u32, Flags::default())
    }

    #[inline(always)]
    fn fill(&self, slot: &mut SlotWriter<'_>) {
        self.encode_context(slot);
        self.arguments.encode(slot);
    }
}
