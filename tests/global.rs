//! The global logger. A binary of its own, with one test: there is one such logger in a process.

mod support;

use logwheel::{
    Engine, InitError, Level, MemorySink, audit, critical, debug, error, event, info, security, trace, warn,
};
use support::{LONG, events, small};

#[test]
fn the_macros_use_the_global_logger_where_none_is_given() {
    info!("before it is there, nothing is logged", n = 1);
    assert!(!logwheel::global().enabled(Level::SECURITY));

    let refused = logwheel::init(Engine::builder().workers(0)).unwrap_err();
    assert!(matches!(&refused, InitError::Build(_)) && refused.to_string().contains("workers"), "{refused}");

    let memory = MemorySink::new();
    let handle = memory.handle();
    let guard = logwheel::init(small().level(Level::TRACE).sink(memory)).unwrap();
    let second = logwheel::init(small()).unwrap_err();
    assert_eq!(second, InitError::AlreadySet);

    let name = "shorthand";
    trace!("m");
    debug!("m", n = 1);
    info!("m", n = 2, name, text = %name);
    warn!("m", text = %"x", debug = ?"x");
    error!("m", dotted.key = 1, "literal key" = 2);
    critical!("m",);
    audit!("m", n = 3,);
    security!("m");
    event!(Level::INFO, "m", n = 4);
    let logger = logwheel::global().named("own name").with("bound", true);
    info!(logger, "with a logger of one's own");

    guard.flush(LONG).unwrap();
    assert_eq!(guard.ledger().submitted, 10);
    assert_eq!(guard.engine().level(), Level::TRACE);
    let report = guard.shutdown(LONG);
    assert!(report.complete && report.ledger.is_balanced(), "{}", report.ledger);
    info!("after its end, it is counted and gone");

    let events = events(&handle);
    let levels: Vec<_> = events.iter().map(|event| event["level"].as_str().unwrap()).collect();
    assert_eq!(levels, ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "CRITICAL", "AUDIT", "SECURITY", "INFO", "INFO"]);
    assert_eq!(events[3]["debug"], "\"x\"");
    assert_eq!((&events[4]["dotted.key"], &events[4]["literal key"]), (&1.into(), &2.into()));
    assert_eq!(events[0].get("logger"), None, "it has no name");
    assert_eq!((&events[9]["logger"], &events[9]["bound"]), (&"own name".into(), &true.into()));
}
