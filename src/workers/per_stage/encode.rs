//! The second thread: enriches, redacts, encodes.

use logwheel_core::{Event, Identity};

use super::{Belt, Source, Tray};
use crate::caller::Intake;
use crate::sync::Arc;
use crate::workers::chain::Encoding;
use crate::workers::lanes::Lane;
use crate::workers::numbering::Numbering;
use crate::workers::reading::record;
use crate::workers::wait::Waiting;
use crate::workers::{Inbox, Plan, WorkerCounts};

pub(crate) struct EncodeWorker {
    intake: Arc<Intake>,
    inbox: Arc<Inbox>,
    counts: Arc<WorkerCounts>,
    lanes: Vec<Lane>,
    encoding: Encoding,
    numbering: Numbering,
    plan: Arc<Plan>,
    /// An event's bytes, gathered from the overflow pool.
    gathered: Vec<u8>,
    trays: Arc<Belt>,
    next: Arc<Belt>,
    waiting: Waiting,
}

impl EncodeWorker {
    pub(crate) fn new(
        intake: Arc<Intake>,
        inbox: Arc<Inbox>,
        counts: Arc<WorkerCounts>,
        encoding: Encoding,
        numbering: Numbering,
        plan: Arc<Plan>,
        [trays, next]: [Arc<Belt>; 2],
    ) -> Self {
        let waiting = Waiting::for_trays(&intake.config);
        Self {
            intake,
            inbox,
            counts,
            lanes: Vec::new(),
            encoding,
            numbering,
            plan,
            gathered: Vec::new(),
            trays,
            next,
            waiting,
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
            let is_last = tray.is_last;
            self.encode(&mut tray);
            self.next.put(tray);
            if is_last {
                break;
            }
        }
        self.encoding.stop();
    }

    fn encode(&mut self, tray: &mut Tray) {
        tray.apply_changes(&mut self.lanes, |lane| self.numbering.forget(lane.reader.state().index));
        tray.open(&mut self.lanes);
        let (parcels, lines) = tray.unpack();
        for parcel in parcels {
            let Self { lanes, encoding, numbering, plan, gathered, counts, .. } = self;
            let mut carry = |event: &mut Event<'_>, number: &mut dyn FnMut() -> Option<Identity>| {
                let mut line = lines.draft(plan);
                match encoding.encode(event, number, &mut line) {
                    Ok(()) => {
                        line.finish(event.timestamp(), event.level());
                        lines.describe(event, plan);
                    }
                    Err(reason) => {
                        counts.dropped(reason, 1);
                        counts.consumed(1);
                    }
                }
            };
            match &mut parcel.source {
                Source::Slot { lane, index } => {
                    let reader = &lanes[*lane].reader;
                    let record = record(reader.slot(*index), parcel.timestamp, &self.intake.overflow, gathered);
                    let mut event = Event::resume(record, &mut parcel.buffers);
                    carry(&mut event, &mut || numbering.next(reader.state()));
                }
                Source::Held(held) => carry(&mut held.event(), &mut || numbering.next_held()),
                Source::None => {}
            }
        }
        self.encoding.settle();
        tray.release(&mut self.lanes, &self.intake.overflow);
    }
}
