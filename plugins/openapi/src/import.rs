//! From a document to tools: each operation becomes one, or is listed with the reason why not.

use std::collections::{BTreeMap, BTreeSet};

use gloveport_sdk::__private::bindings::gloveport::connector::types::{Effect, Route, Tool};
use serde_json::Value;

use crate::binding::Binding;
use crate::document::{Document, flag, list, object, text};
use crate::inputs::Inputs;
use crate::limits::{ALL_SCHEMAS_BYTES, DESCRIPTION_BYTES, LABEL_BYTES, LABELS, SCHEMA_BYTES, TITLE_BYTES, TOOLS};
use crate::names::Names;
use crate::options::{Options, Overrides, Subject};
use crate::schema::Translator;
use crate::security::{self, Security};
use crate::servers::{self, Server};
use crate::{body, parameters, path};
use gloveport_importer::{Imported, REASON_BYTES, cut, human, line};

/// Names of query parameters with which one asks for the next part of a list.
const PAGING: [&str; 14] = [
    "page",
    "per_page",
    "pagesize",
    "page_size",
    "cursor",
    "limit",
    "offset",
    "after",
    "starting_after",
    "page_token",
    "pagetoken",
    "next_token",
    "marker",
    "skip",
];

/// What all operations of an import share.
struct Shared<'a> {
    document: &'a Document,
    options: &'a Options,
    base: Server,
    security: Security,
}

/// Imports an OpenAPI document.
pub(crate) fn import(root: Value, options: &Options) -> Result<Imported, String> {
    let document = Document::new(root)?;
    let roots = document.get("servers").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let base = servers::base(roots, options)?;
    let public = crate::template::fields(&base.url);
    let security = security::read(&document, &public);
    let mut imported = header(&document, &base);
    for warning in &security.warnings {
        imported.warn(warning);
    }
    imported.auth = security.patterns.clone();
    let shared = Shared { document: &document, options, base, security };
    let subjects = subjects(&document);
    let mut names =
        Names::new(options, subjects.iter().map(|(method, path, id)| (method.as_str(), path.as_str(), id.as_deref())));
    let mut bytes = 0;
    for (path, method, item, operation) in document.operations() {
        let method = method.to_ascii_uppercase();
        let tags: Vec<String> = list(operation, "tags")
            .iter()
            .filter_map(Value::as_str)
            .map(|tag| line(tag, LABEL_BYTES))
            .filter(|tag| !tag.is_empty())
            .collect();
        let subject = Subject { method: &method, path, id: text(operation, "operationId"), tags: &tags };
        let overrides = options.overrides(subject);
        if !options.takes(subject) || overrides.is_some_and(|overrides| overrides.skip) {
            imported.filtered += 1;
            continue;
        }
        let name = names.of(subject, overrides.and_then(|overrides| overrides.name.as_deref()));
        let (mut warnings, made) = shared.tool(subject, item, operation, name);
        let made = made.and_then(|tool| {
            bytes += tool.input_schema.len();
            match tool.input_schema.len() {
                length if length > SCHEMA_BYTES => {
                    Err(format!("its input schema has {length} bytes, at most {SCHEMA_BYTES} are taken"))
                }
                _ if bytes > ALL_SCHEMAS_BYTES => {
                    Err("the document's schemas are longer than a host takes at once: import a part of it".into())
                }
                _ if imported.tools.len() >= TOOLS => {
                    Err(format!("a connector has at most {TOOLS} tools: import a part of the document"))
                }
                _ => Ok(tool),
            }
        });
        let key = line(&subject.key(), 300);
        match made {
            Ok(tool) => {
                imported.hosts.extend(tool.routes.iter().filter_map(|route| route.host.clone()));
                let asks = approval(options, overrides, operation, &tool);
                imported.push(subject.key(), tool, asks);
            }
            Err(reason) => imported.skipped.push((key.clone(), cut(&reason, REASON_BYTES))),
        }
        for warning in warnings.drain(..) {
            imported.warn(&format!("{key}: {warning}"));
        }
    }
    for clash in names.clashes {
        imported.warn(&clash);
    }
    // A declaration without operations is meant so, for callers who write their requests themselves; a document is not.
    if imported.tools.is_empty() && imported.skipped.is_empty() && imported.filtered == 0 {
        return Err("the document has no operations".into());
    }
    Ok(imported)
}

fn header(document: &Document, base: &Server) -> Imported {
    let info = document.get("info").cloned().unwrap_or_default();
    let title = text(&info, "title").map(|title| line(title, TITLE_BYTES)).unwrap_or_default();
    let description = text(&info, "summary").or_else(|| text(&info, "description")).map(|text| cut(text, 500));
    let version = info.get("version").map(crate::style::as_text).map(|version| line(&version, 40));
    Imported {
        description: description
            .filter(|text| !text.is_empty())
            .unwrap_or_else(|| format!("The API at {}.", base.host)),
        title: if title.is_empty() { base.host.clone() } else { title },
        version: version.filter(|version| !version.is_empty()).unwrap_or_else(|| "0".into()),
        base_url: base.url.clone(),
        hosts: BTreeSet::from([base.host.clone()]),
        ..Imported::default()
    }
}

/// All operations, also those that are left out: which names clash does not depend on the filters.
fn subjects(document: &Document) -> Vec<(String, String, Option<String>)> {
    let of = |(path, method, _, operation): (&str, &str, &Value, &Value)| {
        (method.to_ascii_uppercase(), path.to_owned(), text(operation, "operationId").map(str::to_owned))
    };
    document.operations().map(of).collect()
}

fn approval(options: &Options, overrides: Option<&Overrides>, operation: &Value, tool: &Tool) -> bool {
    let said = overrides.and_then(|overrides| overrides.requires_approval);
    let hinted = operation.get("x-gloveport-requires-approval").and_then(Value::as_bool);
    said.or(hinted).unwrap_or(options.requires_approval && tool.effect != Effect::Read)
}

impl Shared<'_> {
    /// One tool, and what was bent for it.
    fn tool(
        &self,
        subject: Subject<'_>,
        item: &Value,
        operation: &Value,
        name: String,
    ) -> (Vec<String>, Result<Tool, String>) {
        let mut translator = Translator::new(self.document);
        let made = self.compile(subject, item, operation, name, &mut translator);
        (translator.warnings, made)
    }

    fn compile<'a>(
        &'a self,
        subject: Subject<'_>,
        item: &'a Value,
        operation: &'a Value,
        name: String,
        translator: &mut Translator<'a>,
    ) -> Result<Tool, String> {
        if subject.method == "TRACE" {
            return Err("TRACE answers the request with its credential in it".into());
        }
        let own = servers::own([operation, item], &self.base, self.options)?;
        let parts = path::parts(subject.path)?;
        let declared = parameters::declared(self.document, item, operation)?;
        let mut inputs = Inputs::default();
        let carriers = &self.security.carriers;
        let carries = |name: &str| carriers.contains(name);
        let compiled = parameters::compile(&declared, &parts, &carries, translator, &mut inputs)?;
        let body = match subject.method {
            "GET" | "HEAD" if operation.get("requestBody").is_some() => {
                translator.warnings.push("a GET has no body: the document's was left out".into());
                None
            }
            _ => body::compile(self.document, operation, translator, &mut inputs)?,
        };
        let schema = inputs.into_schema(translator.definitions()?);
        let overrides = self.options.overrides(subject);
        let effect = effect(subject.method, overrides, operation)?;
        let (prefix, host) = own.as_ref().map_or(("", None), |own| (own.path(), Some(own.host.clone())));
        let route =
            Route { method: subject.method.to_owned(), host, path: path::route(prefix, &parts), effect: Some(effect) };
        let binding = Binding {
            operation: subject.key(),
            method: subject.method.to_owned(),
            server: own.map(|own| own.url),
            path: path::pieces(&parts, compiled.path),
            fixed_query: parts.query,
            query: compiled.query,
            fixed_headers: self.fixed_headers(operation),
            headers: compiled.headers,
            body,
            errors: errors(self.document, operation),
            reply: None,
        };
        let description = self.description(subject, operation, overrides, &binding);
        let title = overrides.and_then(|overrides| overrides.title.as_deref()).or_else(|| text(operation, "summary"));
        let deferred = overrides.and_then(|overrides| overrides.deferred);
        let hinted = operation.get("x-gloveport-deferred").and_then(Value::as_bool);
        let short = name.strip_prefix(&format!("{}_", self.options.name)).unwrap_or(&name).to_owned();
        Ok(Tool {
            title: title
                .map(|title| line(title, TITLE_BYTES))
                .filter(|title| !title.is_empty())
                .unwrap_or_else(|| human(&short)),
            description,
            input_schema: schema.to_string(),
            output_schema: None,
            effect,
            scopes: security::scopes(self.document, operation),
            routes: vec![route],
            tags: subject.tags.iter().take(LABELS).cloned().collect(),
            deferred: deferred.or(hinted).unwrap_or(self.options.deferred),
            aliases: vec![format!("{}.{short}", self.options.name)],
            binding: Some(serde_json::to_string(&binding).map_err(|error| error.to_string())?),
            name,
        })
    }

    fn fixed_headers(&self, operation: &Value) -> Vec<(String, String)> {
        let mut headers: BTreeMap<String, String> = BTreeMap::new();
        headers.extend(accepted(self.document, operation).map(|types| ("accept".to_owned(), types)));
        headers.extend(self.options.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())));
        headers.into_iter().collect()
    }

    fn description(
        &self,
        subject: Subject<'_>,
        operation: &Value,
        overrides: Option<&Overrides>,
        binding: &Binding,
    ) -> String {
        let said = overrides.and_then(|overrides| overrides.description.as_deref());
        let (summary, long) = (text(operation, "summary"), text(operation, "description"));
        let mut description = match (said, summary, long) {
            (Some(said), ..) => cut(said, DESCRIPTION_BYTES),
            (_, Some(summary), Some(long)) if !long.starts_with(summary.trim_end_matches('.')) => {
                cut(&format!("{}. {long}", summary.trim().trim_end_matches('.')), DESCRIPTION_BYTES)
            }
            (_, summary, long) => cut(long.or(summary).unwrap_or_default(), DESCRIPTION_BYTES),
        };
        if description.is_empty() {
            description = line(&subject.key(), 300);
        }
        if flag(operation, "deprecated") {
            description = format!("Deprecated. {description}");
        }
        let asks = |name: &str| PAGING.contains(&name.to_ascii_lowercase().as_str());
        let paging: Vec<String> =
            binding.query.iter().filter(|one| asks(&one.name)).map(|one| format!("`{}`", one.input)).collect();
        if !paging.is_empty() {
            description.push_str(&format!(
                "\n\nAnswers a part of a list at a time; ask for others with {}.",
                paging.join(", ")
            ));
        }
        description
    }
}

/// From the method, unless somebody said otherwise.
fn effect(method: &str, overrides: Option<&Overrides>, operation: &Value) -> Result<Effect, String> {
    let said = overrides.and_then(|overrides| overrides.effect.as_deref());
    match said.or_else(|| text(operation, "x-gloveport-effect")) {
        Some("read") => Ok(Effect::Read),
        Some("write") => Ok(Effect::Write),
        Some("destroy") => Ok(Effect::Destroy),
        Some(other) => Err(format!("its effect `{}` is neither read, write nor destroy", line(other, 40))),
        None => Ok(match method {
            "GET" | "HEAD" | "OPTIONS" => Effect::Read,
            "DELETE" => Effect::Destroy,
            _ => Effect::Write,
        }),
    }
}

/// What is asked for: the content of good replies, JSON before all else.
fn accepted(document: &Document, operation: &Value) -> Option<String> {
    let responses = object(operation, "responses")?;
    let good = responses.iter().filter(|(status, _)| status.starts_with('2') || *status == "default");
    let mut types = BTreeSet::new();
    for (_, response) in good {
        let content = document.resolve(response).ok().and_then(|response| object(response, "content"));
        types.extend(content.into_iter().flatten().map(|(media_type, _)| media_type.as_str()));
    }
    let sent =
        |media_type: &&&str| media_type.is_ascii() && media_type.len() < 100 && !media_type.contains(['\r', '\n']);
    let json = types.iter().filter(sent).find(|media_type| media_type.starts_with("application/json"));
    json.or_else(|| types.iter().filter(sent).find(|media_type| media_type.contains("json")))
        .or_else(|| types.iter().find(sent))
        .map(|media_type| (*media_type).to_owned())
}

/// AK-501: what the document says of each error status, in a line.
fn errors(document: &Document, operation: &Value) -> BTreeMap<String, String> {
    let responses = object(operation, "responses").into_iter().flatten();
    let bad = responses.filter(|(status, _)| status.starts_with(['4', '5']) && status.len() == 3);
    let described = bad.filter_map(|(status, response)| {
        let description = document.resolve(response).ok().and_then(|response| text(response, "description"))?;
        Some((status.clone(), line(description, 120)))
    });
    described.take(12).collect()
}

/// Options with a name and nothing else.
#[cfg(test)]
pub(crate) fn options_named(name: &str) -> Options {
    Options { name: name.to_owned(), ..Options::default() }
}
