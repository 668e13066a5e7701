use logwheel_sinks::loki_internals::refused_by;

use super::Input;

/// Whatever a server answers: positions are inside what was sent, ascending, each once; and what
/// stands in double quotes, where servers repeat label values, changes nothing.
///
/// The input: the number of entries (at most 15), for each its time in seconds since 2026 as 32
/// bits and the length of its line as 16; the length of a quoted text and its place, a byte each;
/// the quoted text; the answer.
pub fn loki_answer(data: &[u8]) {
    let mut input = Input(data);
    let count = input.byte() % 16;
    let mut sent = Vec::new();
    for _ in 0..count {
        let seconds = 1_767_225_600 + u64::from(u32::from_le_bytes(input.array()));
        sent.push((seconds * 1_000_000_000, usize::from(u16::from_le_bytes(input.array()))));
    }
    sent.sort_unstable();
    let quoted_len = usize::from(input.byte());
    let place = usize::from(input.byte());
    let quoted = String::from_utf8_lossy(input.bytes(quoted_len)).replace(['"', '\\'], "");
    let answer = String::from_utf8_lossy(input.0).replace('"', "");

    let refused = refused_by(400, answer.as_bytes(), &sent);
    for (index, reason) in refused.iter().flatten() {
        assert!(*index < sent.len() && !reason.is_empty(), "{index} of {} ({reason})", sent.len());
    }
    let positions: Vec<_> = refused.iter().flatten().map(|(index, _)| index).collect();
    assert!(positions.is_sorted_by(|a, b| a < b), "{positions:?}");

    let place = answer.floor_char_boundary(place);
    let (before, behind) = answer.split_at(place);
    let with_quoted = format!("{before}\"{quoted}\"{behind}");
    assert_eq!(refused_by(400, with_quoted.as_bytes(), &sent), refused, "{quoted:?} in {answer:?} at {place}");
}
