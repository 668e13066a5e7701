//! `[[enricher]]`: the types of enrichers.

use logwheel::{
    BuildInfo, ContextFields, Enricher, EnvFields, Host, HostField, HttpRequest, Kubernetes, ProcessField, ProcessInfo,
    StaticFields,
};

use super::{Options, Reported, Types, given, list};

pub(super) const TYPES: &Types<Box<dyn Enricher>> = &[
    ("static", static_fields),
    ("host", host),
    ("process", process),
    ("env", env),
    ("kubernetes", kubernetes),
    ("context", context),
    ("build", build_info),
    ("http_request", http_request),
];

fn static_fields(options: &mut Options<'_>) -> Result<Box<dyn Enricher>, Reported> {
    let fields = options.plain_pairs("fields");
    if !options.has("fields") {
        return Err(options.refuse("fields", "is missing: a table like { service = \"orders\" }"));
    }
    Ok(Box::new(fields.iter().fold(StaticFields::new(), |enricher, (name, value)| enricher.field(name, value))))
}

fn host(options: &mut Options<'_>) -> Result<Box<dyn Enricher>, Reported> {
    let fields = only(options, &HostField::ALL, HostField::name)?;
    Ok(Box::new(if fields.is_empty() { Host::new() } else { Host::new().only(fields) }))
}

fn process(options: &mut Options<'_>) -> Result<Box<dyn Enricher>, Reported> {
    let fields = only(options, &ProcessField::ALL, ProcessField::name);
    let enricher = ProcessInfo::builder();
    let enricher = given(enricher, options.optional_text("prefix"), |enricher, prefix| enricher.prefix(prefix));
    let enricher = given(enricher, options.optional_text("version"), |enricher, version| enricher.version(version));
    let fields = fields?;
    let enricher = if fields.is_empty() { enricher } else { enricher.only(fields) };
    Ok(Box::new(enricher.build().map_err(|error| options.invalid(&error))?))
}

/// The fields that `only` names; none, which stands for all, when it is left out.
fn only<T: Copy>(options: &mut Options<'_>, all: &[T], name: fn(T) -> &'static str) -> Result<Vec<T>, Reported> {
    let names = options.texts("only");
    let field = |wanted: &String| all.iter().copied().find(|field| name(*field).eq_ignore_ascii_case(wanted));
    let fields: Vec<_> = names.iter().filter_map(field).collect();
    if fields.len() != names.len() {
        let known = list(all.iter().map(|field| name(*field)));
        return Err(options.refuse("only", format!("{names:?}: must be some of {known}")));
    }
    Ok(fields)
}

fn env(options: &mut Options<'_>) -> Result<Box<dyn Enricher>, Reported> {
    let variables = options.texts("variables");
    let rename = options.text_pairs("rename");
    let enricher = EnvFields::builder();
    let enricher = given(enricher, options.optional_text("prefix"), |enricher, prefix| enricher.prefix(prefix));
    if !options.has("variables") && !options.has("rename") {
        return Err(options.refuse("variables", "is missing: a list like [\"REGION\"], or a table `rename`"));
    }
    let enricher = rename
        .into_iter()
        .fold(enricher.variables(variables), |enricher, (variable, field)| enricher.rename(variable, field));
    Ok(Box::new(enricher.build().map_err(|error| options.invalid(&error))?))
}

fn kubernetes(options: &mut Options<'_>) -> Result<Box<dyn Enricher>, Reported> {
    let enricher = Kubernetes::builder();
    let enricher = given(enricher, options.optional_text("prefix"), |enricher, prefix| enricher.prefix(prefix));
    let enricher =
        given(enricher, options.optional_flag("skip_if_not_k8s"), |enricher, skip| enricher.skip_if_not_k8s(skip));
    let enricher = given(enricher, options.optional_flag("deployment"), |enricher, guess| enricher.deployment(guess));
    let enricher = given(enricher, options.optional_text("pod_name_env"), |enricher, name| enricher.pod_name_env(name));
    let enricher =
        given(enricher, options.optional_text("pod_namespace_env"), |enricher, name| enricher.pod_namespace_env(name));
    let enricher =
        given(enricher, options.optional_text("node_name_env"), |enricher, name| enricher.node_name_env(name));
    let enricher = given(enricher, options.optional_text("container_name_env"), |enricher, name| {
        enricher.container_name_env(name)
    });
    let enricher =
        given(enricher, options.optional_text("cluster_name_env"), |enricher, name| enricher.cluster_name_env(name));
    Ok(Box::new(enricher.build().map_err(|error| options.invalid(&error))?))
}

fn context(options: &mut Options<'_>) -> Result<Box<dyn Enricher>, Reported> {
    let copies = options.text_pairs("copy");
    let defaults = options.plain_pairs("default");
    let enricher = ContextFields::builder();
    let enricher =
        given(enricher, options.optional_flag("correlation_id"), |enricher, add| enricher.correlation_id(add));
    let enricher = given(enricher, options.optional_texts("fields"), |enricher, fields| enricher.fields(fields));
    let enricher = given(enricher, options.optional_text("prefix"), |enricher, prefix| enricher.prefix(prefix));
    let enricher = copies.into_iter().fold(enricher, |enricher, (from, to)| enricher.copy(from, to));
    let enricher = defaults.iter().fold(enricher, |enricher, (name, value)| enricher.default(name, value));
    Ok(Box::new(enricher.build().map_err(|error| options.invalid(&error))?))
}

fn build_info(options: &mut Options<'_>) -> Result<Box<dyn Enricher>, Reported> {
    let enricher = BuildInfo::builder();
    let enricher = given(enricher, options.optional_text("prefix"), |enricher, prefix| enricher.prefix(prefix));
    let enricher = given(enricher, options.optional_text("package"), |enricher, package| enricher.package(package));
    let enricher = given(enricher, options.optional_text("version"), |enricher, version| enricher.version(version));
    let enricher = given(enricher, options.optional_text("git_commit"), |enricher, commit| enricher.git_commit(commit));
    let enricher = given(enricher, options.optional_text("profile"), |enricher, profile| enricher.profile(profile));
    Ok(Box::new(enricher.build().map_err(|error| options.invalid(&error))?))
}

fn http_request(options: &mut Options<'_>) -> Result<Box<dyn Enricher>, Reported> {
    let enricher = HttpRequest::builder();
    let enricher = given(enricher, options.optional_text("prefix"), |enricher, prefix| enricher.prefix(prefix));
    let enricher = given(enricher, options.optional_text("method_field"), |enricher, path| enricher.method_field(path));
    let enricher = given(enricher, options.optional_text("path_field"), |enricher, path| enricher.path_field(path));
    let enricher = given(enricher, options.optional_text("status_field"), |enricher, path| enricher.status_field(path));
    let enricher =
        given(enricher, options.optional_text("latency_field"), |enricher, path| enricher.latency_field(path));
    Ok(Box::new(enricher.build().map_err(|error| options.invalid(&error))?))
}
