//! Only here: all redactors in a row, and texts and documents grown around secrets by coverage.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| logwheel_fuzz::laws::redactors(data));

#[cfg(not(fuzzing))]
fn main() {
    eprintln!("run it with: cargo xtask fuzz redactors");
}
