//! Only here: streams whose labels, lines and metadata have any length.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| logwheel_fuzz::laws::loki_push(data));

#[cfg(not(fuzzing))]
fn main() {
    eprintln!("run it with: cargo xtask fuzz loki_push");
}
