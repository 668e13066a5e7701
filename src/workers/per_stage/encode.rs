//! The second thread: enriches, redacts, encodes.

use logwheel_core::Event;

use super::{Belt, Source, Tray};
use crate::caller::Intake;
use crate::sync::Arc;
use crate::workers::chain::{Encoding, KEEP_BYTES};
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
    line: Vec<u8>,
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
        let (line, gathered) = (Vec::new(), Vec::new());
        Self {
            intake,
            inbox,
            counts,
            lanes: Vec::new(),
            encoding,
            numbering,
            plan,
            line,
            gathered,
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
            let Self { lanes, encoding, numbering, plan, line, gathered, counts, .. } = self;
            let mut carry = |event: &mut Event<'_>, encoded: Result<(), &'static str>, line: &[u8]| match encoded {
                Ok(()) => lines.push(line, event, plan),
                Err(reason) => {
                    counts.dropped(reason, 1);
                    counts.consumed(1);
                }
            };
            match &mut parcel.source {
                Source::Slot { lane, index } => {
                    let reader = &lanes[*lane].reader;
                    let record = record(reader.slot(*index), parcel.timestamp, &self.intake.overflow, gathered);
                    let mut event = Event::resume(record, &mut parcel.buffers);
                    let encoded = encoding.encode(&mut event, || numbering.next(reader.state()), line);
                    carry(&mut event, encoded, line);
                }
                Source::Held(held) => {
                    let mut event = held.event();
                    let encoded = encoding.encode(&mut event, || numbering.next_held(), line);
                    carry(&mut event, encoded, line);
                }
                Source::None => {}
            }
        }
        self.encoding.settle();
        if self.line.capacity() > KEEP_BYTES {
            self.line = Vec::new();
        }
        tray.release(&mut self.lanes, &self.intake.overflow);
    }
}
