//! The sink `http`.

use logwheel::{HttpCompression, HttpFormat, HttpSignature, HttpSink, Sink};

use super::connection::{Connection, connect, refused};
use crate::settings::{Options, Reported, given};

pub(super) fn build(options: &mut Options<'_>) -> Result<Box<dyn Sink>, Reported> {
    let endpoint = options.required_text("endpoint");
    let formats = [("array", HttpFormat::Array), ("ndjson", HttpFormat::Ndjson), ("wrapped", HttpFormat::Wrapped)];
    let format = options.choice("format", HttpFormat::Array, &formats);
    let wrapper_key = options.text("wrapper_key", "logs");
    let compressions =
        [("none", HttpCompression::None), ("gzip", HttpCompression::Gzip), ("zstd", HttpCompression::Zstd)];
    let compression = options.choice("compression", HttpCompression::None, &compressions);
    let signature = signature(options);
    let idempotency_header = options.optional_text("idempotency_header");
    let bisect_refused = options.flag("bisect_refused", true);
    let connection = Connection::read(options);

    let sink = HttpSink::builder(endpoint?).format(format).wrapper_key(wrapper_key).compression(compression);
    let sink = sink.bisect_refused(bisect_refused);
    let sink = given(sink, signature?, |sink, signature| sink.signature(signature));
    let sink = given(sink, idempotency_header, |sink, name| sink.idempotency_header(name));
    let sink = connect!(sink, connection).build();
    Ok(Box::new(sink.map_err(|error| refused(options, &error))?))
}

fn signature(options: &mut Options<'_>) -> Result<Option<HttpSignature>, Reported> {
    if !options.has("signature") {
        // So that the key is known.
        return Ok(options.get("signature").and(None));
    }
    options.table("signature", |options| {
        let secret = options.required_text("secret");
        let timestamp = options.optional_text("timestamp_header");
        let signature = options.optional_text("signature_header");
        let signed = given(HttpSignature::new(secret?), timestamp, HttpSignature::timestamp_header);
        Ok(Some(given(signed, signature, HttpSignature::signature_header)))
    })
}
