//! What an answer of Loki means. Pure functions.
//!
//! Loki says little with status codes and much with texts: 400 stands for one line too old as well
//! as for a request it could not read, 500 for a server that starts as well as for a request that
//! will never fit. What is read out of texts here was seen on the wire of real servers. A text
//! that is not understood costs requests, never lines: see [`Refusal::certain`].

use jiff::Timestamp;

use crate::http::response;

/// What to do after an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Everything is stored.
    Stored,
    /// The operator has blocked this tenant's pushes: nothing is stored, on purpose.
    Blocked,
    /// Nothing is stored, and nothing will be unless less is sent at once.
    TooLarge { reason: &'static str },
    /// Some entries were refused for good, the others are stored, or will be without those.
    Refused(Refusal),
    /// Nothing, or not everything, is stored; the same may be taken later. `smaller`: less at once
    /// may be taken sooner.
    Later { reason: &'static str, smaller: bool },
    /// Nothing of what is sent this way will ever be stored.
    Fatal { reason: &'static str, advice: &'static str },
    /// Nothing is stored, for a reason that lies in the request.
    Rejected { reason: &'static str },
}

/// What a refusal tells about the entries it is about.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Refusal {
    bounds: Vec<(Bound, &'static str)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    /// All of them.
    All,
    /// As many of a stream as this, of as many as that.
    Count(usize, usize),
    /// Those before this time.
    Before(i128),
    /// One in `[from, to)`, and all those before.
    UpTo { from: i128, to: i128 },
    /// One in `[from, to)`, and all those behind.
    From { from: i128, to: i128 },
    /// Those with more bytes.
    LongerThan(usize),
}

/// What a refusal is decided on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    /// In nanoseconds since the epoch.
    pub(crate) timestamp: u64,
    /// The bytes of its line.
    pub(crate) len: usize,
}

const SECOND: i128 = 1_000_000_000;

/// Texts of errors for which every entry of the stream pays.
const OF_THE_STREAM: [&str; 7] = [
    "couldn't parse labels",
    "label names; limit",
    "label name too long",
    "label value too long",
    "duplicate label name",
    "at least one label pair is required",
    "maximum number of label names",
];

/// Texts of errors that no entry can be blamed for: settings, or somebody in between.
const OF_THE_SETTINGS: [&str; 9] = [
    "tenant ID",
    "multiple org IDs",
    "no org id",
    "no media type",
    "Content-Encoding",
    "corrupt input",
    "gzip: invalid",
    "unexpected EOF",
    "parse error on line",
];

pub(crate) fn classify(status: u16, blocked_status: u16, body: &[u8]) -> Verdict {
    let reason = response::reason(status);
    match status {
        status if status == blocked_status => return Verdict::Blocked,
        200..=299 => return Verdict::Stored,
        300..=399 => {
            return Verdict::Fatal { reason, advice: "redirects are not followed, set `url` to the final one" };
        }
        401 | 403 => {
            let advice = "check `tenant_id` and the credentials (`bearer_token`, `basic_auth` or `header`)";
            return Verdict::Fatal { reason, advice };
        }
        404 | 405 => return Verdict::Fatal { reason, advice: "check `url`: Loki's push endpoint is not there" },
        413 => return Verdict::TooLarge { reason },
        _ => {}
    }
    // The bodies repeat label values: what those say is not Loki's word.
    let text = without_quoted(&String::from_utf8_lossy(body));
    match status {
        400 if OF_THE_STREAM.iter().any(|known| text.contains(known)) => {
            Verdict::Refused(Refusal { bounds: vec![(Bound::All, "labels")] })
        }
        400 if OF_THE_SETTINGS.iter().any(|known| text.contains(known)) => {
            Verdict::Fatal { reason, advice: "the request itself was not accepted; check `tenant_id` and `format`" }
        }
        400 => Verdict::Refused(refusal(&text)),
        429 => {
            let of_streams = text.contains("stream limit");
            Verdict::Later { reason: if of_streams { "stream_limit" } else { "rate_limit" }, smaller: !of_streams }
        }
        500..=599 if text.contains("larger than max") => Verdict::TooLarge { reason: "message_too_large" },
        408 | 425 | 500..=599 => Verdict::Later { reason, smaller: false },
        401..=499 => Verdict::Rejected { reason },
        // Not an HTTP status: whoever answered may come to its senses.
        _ => Verdict::Later { reason, smaller: false },
    }
}

fn refusal(text: &str) -> Refusal {
    let mut bounds = Vec::new();
    for (at, _) in text.match_indices("oldest acceptable timestamp is: ") {
        let behind = text[..at].rfind("too far behind").unwrap_or(0) > text[..at].rfind("too old").unwrap_or(0);
        let reason = if behind { "too_far_behind" } else { "too_old" };
        if let Some((from, _)) = time_behind(text, at, "oldest acceptable timestamp is: ") {
            bounds.push((Bound::Before(from), reason));
        }
    }
    for (at, word) in text.match_indices("timestamp too new: ") {
        if let Some((from, to)) = time_behind(text, at, word) {
            bounds.push((Bound::From { from, to }, "too_new"));
        }
    }
    for (at, word) in text.match_indices("entry with timestamp ") {
        let reason = text[at..].find("reason: '").map_or("", |reason| &text[at + reason + 9..]);
        if reason.starts_with("entry out of order")
            && let Some((from, to)) = time_behind(text, at, word)
        {
            bounds.push((Bound::UpTo { from, to }, "out_of_order"));
        }
    }
    for (at, word) in text.to_ascii_lowercase().match_indices("max entry size '") {
        if let Some(limit) = number(&text[at + word.len()..]) {
            bounds.push((Bound::LongerThan(limit), "line_too_long"));
        }
    }
    for (at, word) in text.match_indices("total ignored: ") {
        let rest = &text[at + word.len()..];
        let all = rest.split_once(" out of ").and_then(|(ignored, all)| Some((number(ignored)?, number(all)?)));
        // One kind of trouble in the text, or it is not known whose count this is.
        let reasons: Vec<_> = bounds.iter().map(|(_, reason)| *reason).collect();
        if let Some((ignored, all)) = all
            && let Some(first) = reasons.first()
            && reasons.iter().all(|reason| reason == first)
        {
            bounds.push((Bound::Count(ignored, all), first));
        }
    }
    if text.contains("structured metadata too large") || text.contains("too many structured metadata labels") {
        // Which entry is not said: found by trying.
        bounds.push((Bound::Count(0, usize::MAX), "metadata"));
    }
    Refusal { bounds }
}

impl Refusal {
    /// The positions of entries that were refused without doubt, each with its reason; ascending,
    /// each once. `sent` is what the request held: one stream, by ascending time.
    ///
    /// May be empty: then only trying with fewer entries tells.
    pub(crate) fn certain(&self, sent: &[Sent]) -> Vec<(usize, &'static str)> {
        let mut reasons: Vec<Option<&'static str>> = vec![None; sent.len()];
        let mut refuse = |index: usize, reason| _ = reasons[index].get_or_insert(reason);
        let time = |index: usize| i128::from(sent[index].timestamp);
        for &(bound, reason) in &self.bounds {
            let matching = |wanted: &dyn Fn(usize) -> bool| (0..sent.len()).filter(|i| wanted(*i)).collect::<Vec<_>>();
            // Times in texts are often whole seconds: within one it is only certain if it is alone.
            let alone = |from, to| {
                let within = matching(&|i| (from..to).contains(&time(i)));
                if within.len() == 1 { within } else { Vec::new() }
            };
            let certain = match bound {
                Bound::All => matching(&|_| true),
                Bound::Count(ignored, all) if ignored == all && all == sent.len() => matching(&|_| true),
                Bound::Count(..) => Vec::new(),
                Bound::Before(limit) => matching(&|i| time(i) < limit),
                Bound::UpTo { from, to } => [matching(&|i| time(i) < from), alone(from, to)].concat(),
                Bound::From { from, to } => [matching(&|i| time(i) >= to), alone(from, to)].concat(),
                Bound::LongerThan(limit) => matching(&|i| sent[i].len > limit),
            };
            certain.into_iter().for_each(|index| refuse(index, reason));
        }
        reasons.into_iter().enumerate().filter_map(|(index, reason)| Some((index, reason?))).collect()
    }

    /// The reason for an entry that was refused alone.
    pub(crate) fn reason(&self) -> &'static str {
        self.bounds.first().map_or("http_400", |(_, reason)| reason)
    }
}

/// The text without what is in double quotes.
fn without_quoted(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let (mut quoted, mut escaped) = (false, false);
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            c if !quoted => kept.push(c),
            _ => {}
        }
    }
    kept
}

fn number(text: &str) -> Option<usize> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..digits].parse().ok()
}

/// The time that follows `word`, which is at `at`: as the span of nanoseconds it may stand for.
fn time_behind(text: &str, at: usize, word: &str) -> Option<(i128, i128)> {
    let rest = &text[at + word.len()..];
    let token = |text: &str| text.find([' ', ',', ';', '\'', '\n']).unwrap_or(text.len());
    let first = &rest[..token(rest)];
    let time: Timestamp = if first.contains('T') {
        first.parse().ok()?
    } else {
        // As Go prints times: 2026-11-22 10:00:00.5 +0000 UTC
        let clock = rest[first.len()..].strip_prefix(' ')?;
        let clock = &clock[..token(clock)];
        rest[first.len() + 1 + clock.len()..].strip_prefix(" +0000")?;
        format!("{first}T{clock}Z").parse().ok()?
    };
    let from = time.as_nanosecond();
    let exact = first.contains('.') || !first.contains('T');
    Some((from, from + if exact { 1 } else { SECOND }))
}

#[cfg(test)]
mod tests;
