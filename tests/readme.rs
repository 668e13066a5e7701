//! The README stays true.

const README: &str = include_str!("../README.md");
const QUICKSTART: &str = include_str!("../examples/quickstart.rs");

#[test]
fn the_quick_start_of_the_readme_is_the_example() {
    let program = README.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next());
    let example = QUICKSTART.split_once("\n\n").map(|(_, program)| program);
    assert_eq!(program, example, "README.md and examples/quickstart.rs differ");
}

#[test]
fn the_readme_names_the_two_commands() {
    for command in ["cargo run --release --example demo", "cargo xtask test"] {
        assert!(README.contains(command), "{command}");
    }
}
