//! The example for Datadog, run as a test against its stand-in.
#![cfg(feature = "http")]

#[path = "../examples/datadog.rs"]
#[allow(dead_code)]
mod example;

#[test]
fn the_example_delivers_what_datadog_looks_for() {
    example::run_against_the_stand_in().unwrap();
}
