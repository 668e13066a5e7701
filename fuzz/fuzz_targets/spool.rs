//! Only here: spools whose files are damaged at will.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| logwheel_fuzz::laws::spool(data));

#[cfg(not(fuzzing))]
fn main() {
    eprintln!("run it with: cargo xtask fuzz spool");
}
