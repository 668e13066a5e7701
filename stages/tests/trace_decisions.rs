//! `trace_sampling` decides alike in every process: this test runs itself as a second one.

mod support;

use std::process::Command;

use logwheel_core::Value;
use logwheel_stages::TraceSampling;
use support::{TestEvent, keeps};

const CHILD: &str = "LOGWHEEL_TEST_TRACE_DECISIONS";
const MARK: &str = "decisions: ";

/// For a thousand traces and as many request ids: `1` where the event is kept.
fn decisions() -> String {
    // Another seed in each process: it must not matter where there is an id.
    let seed = u64::from(std::process::id());
    let mut filter = TraceSampling::builder().sample_rate(0.3).seed(seed).build().unwrap();
    let mut decisions = String::new();
    for n in 0..1_000u128 {
        let id = n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835) | 1;
        for event in [
            TestEvent::new("m").trace(id),
            TestEvent::new("m").field("trace_id", Value::Str(&format!("{id:032x}"))),
            TestEvent::new("m").field("trace_id", Value::Str(&format!("request-{n}"))),
        ] {
            decisions.push(if keeps(&mut filter, &event) { '1' } else { '0' });
        }
    }
    decisions
}

#[test]
fn story_5_3_trace_sampling_decides_alike_in_two_processes() {
    if std::env::var_os(CHILD).is_some() {
        println!("{MARK}{}", decisions());
        return;
    }
    let test = "story_5_3_trace_sampling_decides_alike_in_two_processes";
    let child = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let output = String::from_utf8(child.stdout).unwrap();
    let of_child = output.split(MARK).nth(1).and_then(|rest| rest.split_whitespace().next());
    let own = decisions();
    assert_eq!(of_child, Some(own.as_str()), "{output}");
    let kept = own.bytes().filter(|decision| *decision == b'1').count();
    assert!((800..1_000).contains(&kept), "{kept} of 3000 at 0.3");
    // The trace's own id and the same one as a text are one id.
    assert!(own.as_bytes().chunks(3).all(|decisions| decisions[0] == decisions[1]));
}
