//! `[[filter]]`: the types of filters.

use logwheel::{Filter, Level, LevelFilter};

use super::{Options, Reported, Types};

pub(super) const TYPES: &Types<Box<dyn Filter>> = &[("level", level)];

fn level(options: &mut Options<'_>) -> Result<Box<dyn Filter>, Reported> {
    let min_level = options.level("min_level", Level::INFO);
    let drop_below = options.flag("drop_below", true);
    Ok(Box::new(LevelFilter::new(min_level).drop_below(drop_below)))
}
