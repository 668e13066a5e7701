use crate::step::Failure;
pub fn run(_: &[&str]) -> Result<(), Failure> {
    Err(Failure::usage("later"))
}
