//! Only here: error texts of a server, whole and damaged, around label values that look like them.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| logwheel_fuzz::laws::loki_answer(data));

#[cfg(not(fuzzing))]
fn main() {
    eprintln!("run it with: cargo xtask fuzz loki_answer");
}
