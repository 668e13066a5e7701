//! Levels of one's own. A binary of its own: they can only be registered before the first engine
//! of a process.

mod support;

use logwheel::{Level, MemorySink, event, info};
use support::{LONG, events, small};

#[test]
fn levels_that_were_registered_before_the_first_engine_are_levels_like_any_other() {
    let notice = Level::register("notice", 25).unwrap();
    let taken = Level::register("other", 25).unwrap_err();
    assert!(taken.to_string().contains("taken"), "{taken}");

    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = small().level(notice).sink(memory).build().unwrap();
    let late = Level::register("late", 26).unwrap_err();
    assert!(late.to_string().contains("before the first engine"), "{late}");

    let logger = engine.logger("t");
    event!(notice, logger, "at its own level", n = 1);
    info!(logger, "below it");
    event!(Level::from_number(26).unwrap(), logger, "above it");
    event!("Notice".parse().unwrap(), logger, "by name");
    assert_eq!(engine.shutdown(LONG).ledger.submitted, 3);

    let levels: Vec<_> = events(&handle).iter().map(|event| event["level"].as_str().unwrap().to_owned()).collect();
    assert_eq!(levels, ["NOTICE", "INFO", "NOTICE"], "an unnamed number has the name of the built-in level below");
    assert_eq!(handle.entries()[0].level, notice);
}
