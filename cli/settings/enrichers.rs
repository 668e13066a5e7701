//! `[[enricher]]`: the types of enrichers.

use logwheel::{Enricher, Host, HostField, StaticFields};

use super::{Options, Reported, Types, list};

pub(super) const TYPES: &Types<Box<dyn Enricher>> = &[("static", static_fields), ("host", host)];

fn static_fields(options: &mut Options<'_>) -> Result<Box<dyn Enricher>, Reported> {
    let fields = options.plain_pairs("fields");
    if !options.has("fields") {
        return Err(options.refuse("fields", "is missing: a table like { service = \"orders\" }"));
    }
    Ok(Box::new(fields.iter().fold(StaticFields::new(), |enricher, (name, value)| enricher.field(name, value))))
}

fn host(options: &mut Options<'_>) -> Result<Box<dyn Enricher>, Reported> {
    let names = options.texts("only");
    let field = |name: &String| HostField::ALL.into_iter().find(|field| field.name().eq_ignore_ascii_case(name));
    let fields: Vec<_> = names.iter().filter_map(field).collect();
    if fields.len() != names.len() {
        let known = list(HostField::ALL.map(HostField::name));
        return Err(options.refuse("only", format!("{names:?}: must be some of {known}")));
    }
    Ok(Box::new(if fields.is_empty() { Host::new() } else { Host::new().only(fields) }))
}
