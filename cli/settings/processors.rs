//! `[[processor]]`: the types of processors, and what happens when one fails.

use logwheel::{Encrypt, EncryptKey, EncryptKeyError, ProcessFailure, Processor, SizeAction, SizeGuard};

use super::{Options, Reported, Types, given};

pub(super) const TYPES: &Types<Box<dyn Processor>> = &[("size_guard", size_guard), ("encrypt", encrypt)];

/// What happens to a line on which the processor fails. `None`: the builder knows.
pub(super) fn on_error(options: &mut Options<'_>) -> Option<ProcessFailure> {
    options.optional_choice("on_error", &[("pass", ProcessFailure::Pass), ("drop", ProcessFailure::Drop)])
}

fn size_guard(options: &mut Options<'_>) -> Result<Box<dyn Processor>, Reported> {
    let actions = [("truncate", SizeAction::Truncate), ("drop", SizeAction::Drop), ("warn", SizeAction::Warn)];
    let guard = SizeGuard::builder()
        .action(options.choice("action", SizeAction::Truncate, &actions))
        .drop_marker(options.flag("drop_marker", false));
    let guard = given(guard, options.optional_size("max_bytes", 0..=usize::MAX), |guard, bytes| guard.max_bytes(bytes));
    let guard = given(guard, options.optional_texts("preserve_fields"), |guard, fields| guard.preserve_fields(fields));
    let guard = guard.build().map_err(|error| {
        // It names the only option that can be wrong, and its value.
        let text = error.to_string();
        options.refuse("max_bytes", text.split_once(": ").map_or(text.as_str(), |(_, reason)| reason))
    })?;
    Ok(Box::new(guard))
}

fn encrypt(options: &mut Options<'_>) -> Result<Box<dyn Processor>, Reported> {
    let key = options.required_text("key");
    let key_id = options.required_text("key_id");
    let zstd = options.choice("compression", false, &[("none", false), ("zstd", true)]);
    let level = options.optional_number("compression_level", 1..=22i32);
    if options.has("compression_level") && !zstd {
        options.refuse("compression_level", "has no meaning without compression = \"zstd\"");
    }
    let (key, key_id) = (key?, key_id?);
    let encrypt = Encrypt::new(EncryptKey::parse(key_id, &key).map_err(|error| {
        let must = "must be 64 hexadecimal digits, or base64 of 32 bytes";
        match error {
            EncryptKeyError::Length { bytes, .. } => options.refuse("key", format!("has {bytes} bytes, {must}")),
            _ => options.refuse("key", must),
        }
    })?);
    // zstd's own default.
    let level = level.unwrap_or(3);
    let encrypt = if zstd { encrypt.zstd(level).map_err(|error| options.problem(error))? } else { encrypt };
    Ok(Box::new(encrypt))
}
