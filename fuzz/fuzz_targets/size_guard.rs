//! Only here: lines that are no event, no JSON, or no text.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| logwheel_fuzz::laws::size_guard(data));

#[cfg(not(fuzzing))]
fn main() {
    eprintln!("run it with: cargo xtask fuzz size_guard");
}
