use std::sync::Mutex;

use proptest::prelude::*;

use super::*;
use crate::support::{SECOND, START, TestEvent, keeps};

const DEFAULT_UP: [f64; 3] = [0.60, 0.80, 0.92];
const DEFAULT_DOWN: [f64; 3] = [0.40, 0.60, 0.75];

fn default_ladder() -> Ladder {
    Ladder::new(SECOND / 4, 2 * SECOND, DEFAULT_UP, DEFAULT_DOWN)
}

/// The levels after each of these fill levels, with enough time between them.
fn levels(fills: &[f64]) -> Vec<u8> {
    let mut ladder = default_ladder();
    let level = |(index, fill): (usize, &f64)| {
        ladder.tick(index as u64 * 2 * SECOND, || *fill);
        ladder.level() as u8
    };
    fills.iter().enumerate().map(level).collect()
}

#[test]
fn pressure_goes_one_step_at_a_time_with_hysteresis() {
    assert_eq!(levels(&[0.59, 0.60, 0.79, 0.80, 0.91, 0.92]), [0, 1, 1, 2, 2, 3]);
    assert_eq!(levels(&[1.0, 1.0, 1.0, 1.0, 0.75, 0.74, 0.60, 0.59, 0.40, 0.39]), [1, 2, 3, 3, 3, 2, 2, 1, 1, 0]);
    assert_eq!(levels(&[0.95, 0.0, 0.0, 0.95]), [1, 0, 0, 1]);
}

#[test]
fn pressure_is_checked_every_quarter_second_and_stays_for_the_cooldown() {
    let mut ladder = default_ladder();
    let mut steps = Vec::new();
    let mut looks = 0;
    for ms in 0..5_000u64 {
        let step = ladder.tick(ms * SECOND / 1_000, || {
            looks += 1;
            1.0
        });
        steps.extend(step.map(|step| (ms, step.to)));
    }
    assert_eq!(steps, [(0, PressureLevel::Elevated), (2_000, PressureLevel::High), (4_000, PressureLevel::Critical)]);
    assert_eq!(looks, 3, "during the cooldown there is nothing to look at");

    // A rise between two checks is seen at the next one.
    let mut ladder = default_ladder();
    assert_eq!(ladder.tick(0, || 0.0), None);
    assert_eq!(ladder.tick(SECOND / 8, || 1.0), None);
    assert!(ladder.tick(SECOND / 4, || 1.0).is_some());
}

/// Offers a second of events of a level at 1,000 per second; how many passed.
fn passed(filter: &mut PressureFilter, level: Level, second: u64) -> u64 {
    let mut event = TestEvent::new("m").level(level);
    let mut passed = 0;
    for n in 0..1_000 {
        event.timestamp = START + second * SECOND + n * (SECOND / 1_000);
        passed += u64::from(keeps(filter, &event));
    }
    passed
}

#[test]
fn pressure_lets_less_pass_on_each_level_and_tells_every_step() {
    let gauge = FillGauge::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let mut filter = {
        let told = Arc::clone(&told);
        let tell = move |step: PressureStep| told.lock().unwrap().push(step.to_string());
        PressureFilter::builder(gauge.clone()).seed(1).on_step(tell).build().unwrap()
    };
    let reading = filter.reading();
    let mut second = 0;
    let mut at = |fill: f64, level: Level, seconds: u64| {
        gauge.set(fill);
        let passed = (0..seconds).map(|n| passed(&mut filter, level, second + n)).last().unwrap();
        second += seconds;
        (passed, reading.level())
    };
    // Sampling has seen the load before it is needed.
    assert_eq!(at(0.5, Level::INFO, 20), (1_000, PressureLevel::Normal));
    let (sampled, level) = at(0.7, Level::INFO, 3);
    assert_eq!(level, PressureLevel::Elevated);
    assert!((10..=100).contains(&sampled), "{sampled} for a target of 50");
    assert_eq!(at(0.7, Level::ERROR, 3), (1_000, PressureLevel::Elevated));
    assert_eq!(at(0.85, Level::INFO, 3), (0, PressureLevel::High));
    let (warnings, _) = at(0.85, Level::WARN, 20);
    assert!((10..=100).contains(&warnings), "{warnings} for a target of 50");
    assert_eq!(at(0.95, Level::WARN, 3), (0, PressureLevel::Critical));
    for protected in [Level::ERROR, Level::CRITICAL, Level::AUDIT, Level::SECURITY] {
        assert_eq!(at(0.95, protected, 1), (1_000, PressureLevel::Critical));
    }
    assert_eq!(at(0.0, Level::INFO, 10), (1_000, PressureLevel::Normal));
    assert_eq!((reading.steps_up(), reading.steps_down(), reading.steps()), (3, 3, 6));
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 6);
    assert_eq!(
        (told[0].as_str(), told[5].as_str()),
        ("from normal to elevated at 70 %", "from elevated to normal at 0 %")
    );
}

#[test]
fn a_gauge_holds_what_lies_between_empty_and_full() {
    let gauge = FillGauge::new();
    for (set, get) in [(0.5, 0.5), (-1.0, 0.0), (7.0, 1.0), (f64::NAN, 0.0), (f64::INFINITY, 1.0)] {
        gauge.set(set);
        assert_eq!(gauge.clone().get(), get);
    }
}

#[test]
fn options_outside_their_ranges_are_refused_by_name() {
    let options = || PressureFilter::builder(FillGauge::new());
    for (builder, option) in [
        (options().check_interval_seconds(-1.0), "check_interval_seconds"),
        (options().cooldown_seconds(f64::NAN), "cooldown_seconds"),
        (options().up([0.6, 0.5, 0.9]), "up"),
        (options().up([0.6, 0.8, 1.1]), "up"),
        (options().down([0.4, 0.8, 0.9]), "down"),
        (options().down([f64::NAN, 0.5, 0.6]), "down"),
        (options().target_eps(0.0), "target_eps"),
    ] {
        assert_eq!(builder.build().unwrap_err().option(), option);
    }
}

proptest! {
    #[test]
    fn steps_are_single_justified_and_apart(fills in prop::collection::vec((0u64..SECOND, 0.0f64..=1.0), 1..300)) {
        let mut ladder = default_ladder();
        let mut now = 0;
        let mut last: Option<u64> = None;
        for (gap, fill) in fills {
            now += gap;
            let before = ladder.level();
            if let Some(step) = ladder.tick(now, || fill) {
                prop_assert_eq!(step.from, before);
                prop_assert_eq!((step.to as i8 - step.from as i8).abs(), 1);
                let justified = if step.to > step.from {
                    fill >= DEFAULT_UP[step.from as usize]
                } else {
                    fill < DEFAULT_DOWN[step.to as usize]
                };
                prop_assert!(justified);
                prop_assert!(last.is_none_or(|last| now - last >= 2 * SECOND));
                last = Some(now);
            }
        }
    }
}
