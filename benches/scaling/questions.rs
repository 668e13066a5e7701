//! What is varied.

use std::hint::black_box;

use logwheel::{EngineBuilder, Event, Logger, StaticFields, info, named};

use crate::cost::{Cost, Load};
use crate::measure::events::three_fields;
use crate::measure::percentile;

/// One number is varied, all else stays.
pub struct Question {
    pub title: &'static str,
    /// What the number counts.
    pub of: &'static str,
    /// What is expected, and why growth ends being straight where it does.
    pub model: &'static str,
    /// Where growth is expected to be straight: numbers from and to, each with a line of its own.
    pub straight: &'static [(u64, u64)],
    pub points: Vec<(u64, Load)>,
}

/// A question with what was measured.
pub struct Answer<'q> {
    pub question: &'q Question,
    pub costs: Vec<(u64, Cost)>,
}

impl Question {
    pub fn answer(&self, rounds: usize) -> Answer<'_> {
        eprintln!("{}", self.title);
        let mut all: Vec<Vec<Cost>> = self.points.iter().map(|_| Vec::new()).collect();
        for _ in 0..rounds.max(1) {
            all.iter_mut().zip(&self.points).for_each(|(costs, (_, load))| costs.push(load.run()));
        }
        let median = |costs: &[Cost], of: fn(&Cost) -> f64| {
            let mut values: Vec<f64> = costs.iter().map(of).collect();
            values.sort_unstable_by(f64::total_cmp);
            percentile(&values, 0.5)
        };
        let median = |costs: &Vec<Cost>| Cost {
            caller: median(costs, |cost| cost.caller),
            behind: median(costs, |cost| cost.behind),
        };
        Answer { question: self, costs: self.points.iter().map(|(x, _)| *x).zip(all.iter().map(median)).collect() }
    }
}

pub fn all() -> Vec<Question> {
    vec![fields(), text(), filters(), enrichers(), sinks(), threads(), lanes()]
}

/// A statement with so many numbers in it.
macro_rules! with_fields {
    ($($field:ident)*) => {
        Load::new(|logger: &Logger, n: u64| {
            let _ = n;
            info!(logger, "order filled", $($field = n),*);
        })
    };
}

fn fields() -> Question {
    Question {
        title: "Fields",
        of: "fields with a number each",
        model: "The caller writes 9 bytes for each number into its slot; behind it, each number is looked up, written as \
                decimal digits, and copied with its name. Both grow in a straight line. Beyond what a slot of 256 bytes holds \
                (about 25 numbers) an event goes through the overflow pool: see *Text*.",
        straight: &[(0, 16)],
        points: vec![
            (0, with_fields!()),
            (1, with_fields!(a)),
            (2, with_fields!(a b)),
            (4, with_fields!(a b c d)),
            (8, with_fields!(a b c d e f g h)),
            (16, with_fields!(a b c d e f g h i j k l m o p q)),
        ],
    }
}

fn text() -> Question {
    // Letters only: what has to be escaped costs more.
    static TEXT: &str = match str::from_utf8(&[b'x'; 65_536]) {
        Ok(text) => text,
        Err(_) => "",
    };
    let load = |len: u64| Load {
        // What is under way fits into the overflow pool.
        burst: (2_000_000 / len.max(1)).clamp(64, 4096),
        ..Load::new(move |logger: &Logger, n: u64| {
            info!(logger, "order filled", order_id = n, text = black_box(&TEXT[..len as usize]));
        })
    };
    Question {
        title: "Text",
        of: "bytes of a text",
        model: "Up to about 200 bytes a text goes into the slot: one copy for the caller; behind it a search for what has to be \
                escaped, and the copies into the line and into the batch. Longer ones go through the overflow pool in blocks \
                of 512 bytes, each taken from a lock-free list: the price of the first block is the step, that of the others \
                is in the slope.",
        straight: &[(8, 128), (512, 32_768)],
        points: [8, 32, 64, 128, 512, 2_048, 8_192, 32_768].map(|len| (len, load(len))).into(),
    }
}

fn configured(configure: impl Fn(EngineBuilder) -> EngineBuilder + Sync + 'static) -> Load {
    Load { configure: Box::new(configure), ..Load::new(three_fields) }
}

fn filters() -> Question {
    let load = |filters: u64| {
        configured(move |builder| {
            (0..filters).fold(builder, |builder, n| {
                builder.filter(named(format!("keep-{n}"), |event: &Event<'_>| black_box(event).level().number() > 0))
            })
        })
    };
    Question {
        title: "Filters",
        of: "filters that look at the level",
        model: "The caller does not know of stages. Behind it, a filter that does nothing costs a virtual call inside the one \
                `catch_unwind` that an event has for all of them.",
        straight: &[(0, 32)],
        points: [0, 1, 2, 4, 8, 16, 32].map(|filters| (filters, load(filters))).into(),
    }
}

fn enrichers() -> Question {
    let load = |enrichers: u64| {
        configured(move |builder| {
            (0..enrichers).fold(builder, |builder, n| {
                builder.enricher(StaticFields::new().field(&format!("static_field_{n}"), "a value"))
            })
        })
    };
    Question {
        title: "Enrichers",
        of: "enrichers with a field each",
        model: "Each looks whether the event has a field of this name already, among all fields so far: in principle that is \
                quadratic, and beyond 16 of them it begins to show. What is straight in it is the copy of the field into \
                the event and into the line.",
        straight: &[(0, 16)],
        points: [0, 1, 2, 4, 8, 16, 32, 64].map(|enrichers| (enrichers, load(enrichers))).into(),
    }
}

fn sinks() -> Question {
    let load = |sinks: u64| Load { more_sinks: sinks as usize - 1, ..Load::new(three_fields) };
    Question {
        title: "Sinks",
        of: "null sinks that get every event",
        model: "A line is made once. Each sink has a batch of its own, into which it is copied: a copy for each sink, made once \
                for all lines of a round. A sink's thread costs something for each batch, not for each event.",
        straight: &[(1, 16)],
        points: [1, 2, 4, 8, 16].map(|sinks| (sinks, load(sinks))).into(),
    }
}

fn threads() -> Question {
    let load = |threads: u64| Load {
        threads: threads as usize,
        burst: (65_536 / threads).min(4096),
        ..Load::new(three_fields)
    };
    Question {
        title: "Threads that log",
        of: "threads, all at once",
        model: "Each has a lane of its own and shares nothing with the others that is written to: a call costs the same, \
                however many there are. With more threads than cores they take turns, and each logs its burst while it has one; \
                what then gets worse is how long they wait for their turn, which is no cost of the call. Behind the callers, the \
                worker merges the lanes by time, event by event: that grows with the logarithm of their number, and bursts \
                of one lane after the other make it cheaper again.",
        straight: &[],
        points: [1, 2, 4, 8, 16, 32, 64].map(|threads| (threads, load(threads))).into(),
    }
}

fn lanes() -> Question {
    let load = |lanes: u64| Load { idle_threads: lanes as usize - 1, ..Load::new(three_fields) };
    Question {
        title: "Lanes that are silent",
        of: "lanes, of which one is busy",
        model: "A round of the worker looks at every lane once. In a burst that is shared by the many events of a round, so \
                it does not show; what it costs a worker that finds one event at a time is not measured here.",
        straight: &[(1, 64)],
        points: [1, 2, 4, 8, 16, 32, 64].map(|lanes| (lanes, load(lanes))).into(),
    }
}
