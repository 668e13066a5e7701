//! The `logwheel` command: carries the lines of files or standard input through the pipeline that
//! a settings file describes, and accounts for every one of them.
//!
//! ```sh
//! logwheel run --config logwheel.toml --input app.log --report json
//! journalctl -o cat -f | logwheel run --config logwheel.toml
//! ```
//!
//! - [`settings`] has the settings file.
//! - [`input`] says what a line becomes.
//!
//! # A run
//!
//! Inputs are read one after the other, to their end. Here a full lane makes the reader wait
//! (`on_full` is `"block"` unless the settings say otherwise), and so does a `stdout` or `file` sink
//! that does not keep pace: input can wait. At the end everything is flushed, for as long as the
//! sinks' own `retry` settings take, the engine is shut down, and the report is written.
//!
//! On SIGINT and SIGTERM reading stops; what was read is delivered within `shutdown_timeout`, and
//! the report is written. A second signal ends the process at once.
//!
//! # The report
//!
//! A text for people, or with `--report json` one line of JSON. It goes to standard output, or to
//! standard error if a `stdout` sink writes there, so that it never mixes with events; or to the
//! file that `--report-file` names. The JSON has the keys of the demo's, where they mean the same:
//!
//! | Key | What |
//! |---|---|
//! | `submitted`, `filtered`, `dropped`, `delivered` | events: `submitted` is the sum of the others and of `unconfirmed`, `spooled` and `pending`. With several sinks, `delivered` and what follows it are those of the sink that delivered least; what a fallback delivered counts |
//! | `logged`, `malformed`, `not_utf8` | lines, see [`input::InputTotals`] |
//! | `cut` | events of which something was cut to make them fit |
//! | `delivered_file` | lines written by all `file` sinks |
//! | `balanced` | the books agree: lines and events, and the ledger's own identities |
//! | `complete` | all inputs were read, and shutdown left nothing behind |
//! | `events_per_second`, `seconds` | from the first line until everything was delivered |
//! | `threads` | that read: 1 |
//! | `caller_ns` | what log calls took, of every sixteenth: `p50`, `p99`, `p99_9`, `max` |
//! | `clock_overhead_ns` | what measuring adds, taken off already |
//! | `full_waits` | log calls that waited for a free slot |
//! | `received`, `file_lines`, `leaked`, `caller_ns_paced` | `null`: known only to the demo, which has a receiver of its own |
//! | `unconfirmed`, `spooled`, `pending` | events that may have arrived, that wait on disk, that were left |
//! | `input` | the counts of lines |
//! | `sinks` | each sink's part of the ledger |
//!
//! # Exit codes
//!
//! 0: every line that was read was delivered or filtered. 1: something was lost (dropped, rejected,
//! unconfirmed or left behind), or an input could not be read to its end. 2: the arguments or the
//! settings are wrong, or an input cannot be opened; nothing was read.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod args;
pub mod input;
mod report;
pub mod run;
pub mod settings;
