//! The third thread: processors, dispatch, and the end of an event's time in its slot.

use super::{Belt, Tray};
use crate::caller::Intake;
use crate::sync::Arc;
use crate::workers::chain::Processing;
use crate::workers::dispatch::Lines;
use crate::workers::lanes::Lane;
use crate::workers::wait::Waiting;
use crate::workers::{Dispatch, Inbox, WorkerCounts};

pub(crate) struct OutWorker {
    intake: Arc<Intake>,
    inbox: Arc<Inbox>,
    counts: Arc<WorkerCounts>,
    lanes: Vec<Lane>,
    processing: Processing,
    /// The lines that processors are done with.
    processed: Lines,
    dispatch: Dispatch,
    trays: Arc<Belt>,
    empty: Arc<Belt>,
    waiting: Waiting,
}

impl OutWorker {
    pub(crate) fn new(
        intake: Arc<Intake>,
        inbox: Arc<Inbox>,
        counts: Arc<WorkerCounts>,
        processing: Processing,
        dispatch: Dispatch,
        [trays, empty]: [Arc<Belt>; 2],
    ) -> Self {
        Self {
            waiting: Waiting::for_trays(&intake.config),
            intake,
            inbox,
            counts,
            lanes: Vec::new(),
            processing,
            processed: Lines::default(),
            dispatch,
            trays,
            empty,
        }
    }

    /// Runs until the last tray.
    pub(crate) fn run(mut self) {
        loop {
            let Some(mut tray) = self.trays.take() else {
                self.waiting.wait(&self.inbox);
                continue;
            };
            self.waiting.reset();
            self.finish(&mut tray);
            if tray.is_last {
                break;
            }
            tray.clear();
            self.empty.put(tray);
        }
        self.processing.stop();
    }

    fn finish(&mut self, tray: &mut Tray) {
        tray.apply_changes(&mut self.lanes, |_| {});
        tray.open(&mut self.lanes);
        let (_, lines) = tray.unpack();
        if self.processing.is_empty() {
            self.dispatch.send(lines);
        } else {
            self.process(lines);
            self.dispatch.send(&mut self.processed);
        }
        // What is consumed has its fate and lies in the queues.
        tray.release(&mut self.lanes, &self.intake.overflow);
        tray.flushes.iter().for_each(|flush| flush.worker_done());
    }

    fn process(&mut self, lines: &Lines) {
        for index in 0..lines.len() {
            let processing = &mut self.processing;
            if let Err(reason) = self.processed.push_processed(lines, index, |line| processing.process(line)) {
                self.counts.dropped(reason, 1);
                self.counts.consumed(1);
            }
        }
        self.processing.settle();
    }
}
