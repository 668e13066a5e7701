use std::collections::BTreeMap;

use logwheel_core::{Processed, Processor};
use logwheel_stages::SizeGuard;
use serde_json::value::RawValue;

use super::Input;

const SUFFIX: &str = "...[truncated]\"";

/// Whatever a line is, what the guard makes of it fits, is one line of valid JSON, and says nothing that the line
/// does not say. A line that fits is left alone.
///
/// The input: how far the limit is above 100 as 16 bits, a byte that chooses the preserved fields, the line.
pub fn size_guard(data: &[u8]) {
    let mut input = Input(data);
    let limit = 100 + usize::from(u16::from_le_bytes(input.array()) % 1_000);
    let fields = ["level", "message", "correlation_id", "data", "a", ""];
    let chosen = input.byte();
    let preserve = fields.iter().enumerate().filter(|(bit, _)| chosen & (1 << bit) != 0).map(|(_, field)| *field);
    let line = input.0;
    let mut guard = SizeGuard::builder().max_bytes(limit).preserve_fields(preserve).build().expect("at least 100");
    let mut out = Vec::new();
    let processed = guard.process(line, &mut out).expect("it never fails");
    if line.len() <= limit {
        assert_eq!((processed, out.len()), (Processed::Unchanged, 0));
        return;
    }
    assert_eq!(processed, Processed::Replaced);
    assert!(out.len() <= limit, "{} bytes for a limit of {limit}", out.len());
    let out = String::from_utf8(out).expect("lines are UTF-8");
    assert!(out.bytes().all(|byte| byte >= 0x20), "a control character in {out:?}");
    assert!(out.starts_with('{') && serde_json::from_str::<&RawValue>(&out).is_ok(), "no JSON object: {out}");

    let Ok(line) = str::from_utf8(line) else { return };
    let (Some(_), Some(members)) = (object(line), object(&out)) else { return };
    let line: String = line.chars().map(|c| if c < ' ' { ' ' } else { c }).collect();
    // Marks are new; of sections, members may be missing.
    let ours = ["_truncated", "_original_size", "_heavily_truncated"];
    let sections = ["log", "context", "diagnostics", "data", "metadata"];
    for (name, value) in members.iter().filter(|(name, _)| !ours.contains(&name.as_str())) {
        let kept = value.get().strip_suffix(SUFFIX).unwrap_or(value.get());
        let section = sections.contains(&name.as_str()) && kept.starts_with('{');
        assert!(section || line.contains(kept), "{name:?} of {line} became {out}");
    }
}

/// The members of a JSON object by name; `None` for all else, and where names are no Unicode text.
fn object(text: &str) -> Option<BTreeMap<String, &RawValue>> {
    serde_json::from_str::<&RawValue>(text).ok()?;
    serde_json::from_str(text).ok()
}
