//! Fields and a trace that belong to whatever a thread, or a task, is doing.

use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use logwheel_core::{EncodedFields, ToValue, TraceContext};

use super::thread::THREAD;

/// Fields and a trace context that every event logged inside carries, whichever logger it uses.
///
/// Scopes nest; an inner field hides an outer one of the same name.
///
/// ```
/// use logwheel::Scope;
///
/// let _request = Scope::new().field("request_id", "r-42").enter();
/// // Events logged here, on this thread, carry request_id.
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "a scope does nothing until it is entered"]
pub struct Scope {
    fields: EncodedFields,
    trace: Option<TraceContext>,
}

impl Scope {
    /// An empty scope.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field. The value is encoded (and formatted, if it has to be) here and now.
    pub fn field(mut self, name: &str, value: impl ToValue) -> Self {
        self.fields.push(name, value);
        self
    }

    /// Sets the trace context.
    pub fn trace(mut self, trace: TraceContext) -> Self {
        self.trace = Some(trace);
        self
    }

    /// Enters the scope on this thread, until the guard is dropped.
    ///
    /// Guards are to be dropped in reverse order, as blocks do by themselves; a guard that
    /// outlives an outer one loses its fields with it. Never hold one across an `.await`: use
    /// [`instrument`](Self::instrument).
    pub fn enter(&self) -> ScopeGuard {
        let before = THREAD.try_with(|thread| {
            let scope = &mut thread.sending.borrow_mut().scope;
            let before = (scope.fields.len(), scope.trace);
            scope.fields.extend_from_slice(self.fields.as_bytes());
            scope.trace = self.trace.or(scope.trace);
            before
        });
        // While the thread's own state is being destroyed there is no scope to enter.
        ScopeGuard { before: before.ok(), not_send: PhantomData }
    }

    /// Runs a future inside the scope, on whichever threads it is polled.
    pub fn instrument<F: Future>(self, future: F) -> InScope<F> {
        InScope { scope: self, future: Box::pin(future) }
    }
}

/// Leaves its scope when dropped.
#[derive(Debug)]
#[must_use = "the scope ends when the guard is dropped"]
pub struct ScopeGuard {
    before: Option<(usize, Option<TraceContext>)>,
    /// A scope belongs to the thread that entered it.
    not_send: PhantomData<*const ()>,
}

impl Drop for ScopeGuard {
    fn drop(&mut self) {
        let Some((len, trace)) = self.before else { return };
        let _ = THREAD.try_with(|thread| {
            let scope = &mut thread.sending.borrow_mut().scope;
            scope.fields.truncate(len);
            scope.trace = trace;
        });
    }
}

/// A future inside a [`Scope`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct InScope<F> {
    scope: Scope,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for InScope<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let _inside = this.scope.enter();
        this.future.as_mut().poll(context)
    }
}

/// The trace context of the innermost scope on this thread.
#[must_use]
pub fn current_trace() -> Option<TraceContext> {
    THREAD.try_with(|thread| thread.sending.borrow().scope.trace).ok().flatten()
}

/// The scopes a thread is in: their fields, encoded one behind the other.
#[derive(Debug)]
pub(super) struct ScopeState {
    fields: Vec<u8>,
    trace: Option<TraceContext>,
}

impl ScopeState {
    pub(super) const fn new() -> Self {
        Self { fields: Vec::new(), trace: None }
    }

    /// Whether events are the same without it.
    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.trace.is_none()
    }

    #[inline(always)]
    pub(super) fn fields(&self) -> &[u8] {
        &self.fields
    }

    #[inline(always)]
    pub(super) fn trace(&self) -> Option<&TraceContext> {
        self.trace.as_ref()
    }
}
