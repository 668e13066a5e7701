//! The sink `loki`.

use logwheel::{LokiFormat, LokiSink, LongLine, Sink};

use super::connection::{Connection, connect, refused};
use crate::settings::{Options, Reported, given};

pub(super) fn build(options: &mut Options<'_>) -> Result<Box<dyn Sink>, Reported> {
    let url = options.required_text("url");
    let labels = options.text_pairs("labels");
    let label_from = options.text_pairs("label_from");
    let label_keys = options.optional_texts("label_keys");
    let tenant_id = options.optional_text("tenant_id");
    let metadata = options.texts("structured_metadata");
    let sanitize_values = options.flag("sanitize_values", false);
    let max_label_values = options.optional_number("max_label_values", 0..=usize::MAX);
    let max_streams = options.optional_number("max_streams", 0..=usize::MAX);
    let formats = [("protobuf", LokiFormat::Protobuf), ("json", LokiFormat::Json), ("json_gzip", LokiFormat::JsonGzip)];
    let format = options.choice("format", LokiFormat::Protobuf, &formats);
    let line_limit = options.optional_size("line_limit", 0..=usize::MAX);
    let actions = [("reject", LongLine::Reject), ("truncate", LongLine::Truncate)];
    let long_lines = options.choice("long_lines", LongLine::Reject, &actions);
    let strict_timestamps = options.flag("strict_timestamps", false);
    let max_request_bytes = options.optional_size("max_request_bytes", 0..=usize::MAX);
    let blocked_status = options.optional_number("blocked_status", 100..=999u16);
    let connection = Connection::read(options);

    let sink = LokiSink::builder(url?)
        .structured_metadata(metadata)
        .sanitize_values(sanitize_values)
        .format(format)
        .long_lines(long_lines)
        .strict_timestamps(strict_timestamps);
    let sink = given(sink, tenant_id, |sink, tenant| sink.tenant_id(tenant));
    let sink = given(sink, label_keys, |sink, keys| sink.label_keys(keys));
    let sink = given(sink, max_label_values, |sink, values| sink.max_label_values(values));
    let sink = given(sink, max_streams, |sink, streams| sink.max_streams(streams));
    let sink = given(sink, line_limit, |sink, bytes| sink.line_limit(bytes));
    let sink = given(sink, max_request_bytes, |sink, bytes| sink.max_request_bytes(bytes));
    let sink = given(sink, blocked_status, |sink, status| sink.blocked_status(status));
    let sink = labels.into_iter().fold(sink, |sink, (name, value)| sink.label(name, value));
    let sink = label_from.into_iter().fold(sink, |sink, (label, field)| sink.label_from(label, field));
    let sink = connect!(sink, connection).build();
    Ok(Box::new(sink.map_err(|error| refused(options, &error))?))
}
