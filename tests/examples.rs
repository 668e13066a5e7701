//! The examples that need nothing but this machine, run as tests.

#[path = "../examples/sinks.rs"]
#[allow(dead_code, reason = "its `main`")]
mod sinks;

#[cfg(feature = "http")]
#[path = "../examples/http.rs"]
#[allow(dead_code, reason = "its `main`")]
mod http;

#[test]
fn the_example_of_local_sinks_writes_everything_and_its_chain_holds() {
    let directory = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("example-sinks");
    let _ = std::fs::remove_dir_all(&directory);
    sinks::run(&directory).unwrap();
    // Once more, as after a restart.
    sinks::run(&directory).unwrap();
}

#[cfg(feature = "http")]
#[test]
fn the_example_of_http_delivers_all_but_the_event_that_is_refused() {
    http::run().unwrap();
}
