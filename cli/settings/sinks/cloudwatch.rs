//! The sink `cloudwatch`.

use logwheel::{CloudWatchSink, Sink};

use crate::settings::{Options, Reported, given};

pub(super) fn build(options: &mut Options<'_>) -> Result<Box<dyn Sink>, Reported> {
    let sink = CloudWatchSink::builder()
        .create_log_group(options.flag("create_log_group", true))
        .create_log_stream(options.flag("create_log_stream", true))
        .allow_plain_http(options.flag("allow_plain_http", false));
    let sink = given(sink, options.optional_text("log_group_name"), |sink, name| sink.log_group_name(name));
    let sink = given(sink, options.optional_text("log_stream_name"), |sink, name| sink.log_stream_name(name));
    let sink = given(sink, options.optional_text("region"), |sink, region| sink.region(region));
    let sink = given(sink, options.optional_text("endpoint_url"), |sink, url| sink.endpoint_url(url));
    let sink = given(sink, options.optional_size("max_event_bytes", 0..=usize::MAX), |sink, bytes| {
        sink.max_event_bytes(bytes)
    });
    let sink = given(sink, options.optional_duration("timeout"), |sink, timeout| sink.timeout(timeout));
    let credentials = options.table("credentials", |credentials| {
        let [id, secret, token] =
            ["access_key_id", "secret_access_key", "session_token"].map(|key| credentials.optional_text(key));
        if id.is_some() != secret.is_some() || token.is_some() && id.is_none() {
            credentials.problem("must have both access_key_id and secret_access_key");
        }
        id.zip(secret).map(|(id, secret)| (id, secret, token))
    });
    let sink = given(sink, credentials, |sink, (id, secret, token)| sink.credentials(id, secret, token));
    let sink = sink.build().map_err(|error| {
        let text = error.to_string();
        let reason = text.strip_prefix(error.option()).and_then(|text| text.strip_prefix(": "));
        // The limits of batches are an option of every sink.
        let key = if error.option() == "batch_limits" { "batch" } else { error.option() };
        options.refuse_unshown(key, reason.unwrap_or(&text))
    })?;
    Ok(Box::new(sink))
}
