use super::*;

fn read<T>(text: &str, read: impl FnOnce(&mut Options<'_>) -> T) -> (T, Vec<String>) {
    let table: Table = text.parse().unwrap();
    let problems = Problems::new(&table, &|_| None);
    let mut options = Options::new(&table, "here", &problems);
    let value = read(&mut options);
    options.finish();
    (value, problems.into_noted().0)
}

#[test]
fn every_kind_of_option_is_read_and_has_its_default() {
    for text in [
        "flag = true\nnumber = 7\nrate = 0.5\nduration = '2s'\nsize = '1 KB'\ntext = 'x'\ntexts = ['a', 'b']\n\
         choice = 'B'\nlevel = 'warn'\nlevels = ['error']\n[table]\ninner = 1\n[pairs]\nz = 'y'\na = 'b'\n",
        "",
    ] {
        let given = !text.is_empty();
        let (_, problems) = read(text, |options| {
            assert_eq!(options.flag("flag", false), given);
            assert_eq!(options.number("number", 3u8, 1..=9), if given { 7 } else { 3 });
            assert_eq!(options.rate("rate", 1.0), if given { 0.5 } else { 1.0 });
            let seconds = if given { 2 } else { 1 };
            assert_eq!(options.duration("duration", Duration::from_secs(1)), Duration::from_secs(seconds));
            assert_eq!(options.size("size", 5usize, 0..=9_999), if given { 1_024 } else { 5 });
            assert_eq!(options.text("text", "default"), if given { "x" } else { "default" });
            assert_eq!(options.texts("texts").len(), if given { 2 } else { 0 });
            assert_eq!(options.choice("choice", 1, &[("a", 1), ("b", 2)]), if given { 2 } else { 1 });
            assert_eq!(options.level("level", Level::INFO), if given { Level::WARN } else { Level::INFO });
            let levels = options.levels("levels", &[Level::AUDIT]);
            assert_eq!(levels, [if given { Level::ERROR } else { Level::AUDIT }]);
            let inner = options.table("table", |inner| inner.number("inner", 0, 0..=9));
            assert_eq!(inner, i32::from(given));
            let pairs = options.text_pairs("pairs");
            let names: Vec<_> = pairs.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, if given { vec!["z", "a"] } else { vec![] }, "in the order of the file");
        });
        assert_eq!(problems, Vec::<String>::new());
    }
}

#[test]
fn limits_are_kept_and_named() {
    let check = |text: &str, expected: &str| {
        let (_, problems) = read(text, |options| {
            options.number("number", 3u8, 1..=9);
            options.rate("rate", 1.0);
            options.size("size", 64u64, 64..=1_024);
        });
        assert_eq!(problems, [expected], "{text}");
    };
    check("number = 10", "here.number = 10: must be a whole number from 1 to 9 (default 3)");
    check("number = 300", "here.number = 300: must be a whole number from 1 to 9 (default 3)");
    check("number = 1.5", "here.number = 1.5: must be a whole number from 1 to 9 (default 3)");
    check("rate = 1.01", "here.rate = 1.01: must be a number from 0 to 1 (default 1)");
    check("rate = nan", "here.rate = nan: must be a number from 0 to 1 (default 1)");
    let size = "must be a size like \"64 KiB\" or \"10 MB\", or a number of bytes, from 64 to 1024 (default 64)";
    check("size = '2 KB'", &format!("here.size = \"2 KB\": {size}"));
    check("size = -1", &format!("here.size = -1: {size}"));
    check("size = true", &format!("here.size = true: {size}"));
}

#[test]
fn a_key_that_needs_quotes_is_shown_with_them_and_a_long_value_is_cut() {
    let long = "x".repeat(100);
    let (_, problems) = read(&format!("\"a b\" = 1\nflag = '{long}'"), |options| options.flag("flag", false));
    assert_eq!(problems[0], format!("here.flag = \"{}…\": must be true or false (default false)", &long[..60]));
    assert_eq!(problems[1], "here.\"a b\": unknown key; there are \"flag\"");
}

#[test]
fn what_is_not_judged_has_no_unknown_keys() {
    let (_, problems) = read("a = 1", |options| options.leave_unjudged());
    assert!(problems.is_empty(), "{problems:?}");
}
