//! `#[connector]`: writes the manifest and exports the tools.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use serde_json::{Value as Json, json};
use syn::spanned::Spanned;
use syn::{ItemStruct, LitByteStr, LitStr};

use crate::syntax::{Arguments, Problems, Value, documentation, unknown};
use crate::tool::name_of;
use crate::{auth, hosts};

/// Version of `gloveport:connector` that the SDK is written against.
const WIT: &str = "0.1.0";

/// Format of the manifest.
const MANIFEST: u32 = 1;

/// The interfaces that a host can grant.
const IMPORTS: [&str; 8] = ["http", "account", "log", "clock", "random", "progress", "tools", "input"];

/// What a connector gets that does not say what it imports.
const DEFAULT_IMPORTS: [&str; 3] = ["http", "account", "log"];

/// The longest name, so that the names of tools have room within their 64 characters.
const NAME_LIMIT: usize = 32;

const KEYS: [&str; 14] = [
    "name",
    "title",
    "publisher",
    "categories",
    "icon",
    "base_url",
    "hosts",
    "imports",
    "auth",
    "test",
    "prompts",
    "resources",
    "idempotency_header",
    "tools",
];

/// What the expansion needs beside the manifest's JSON.
struct Declared {
    name: String,
    manifest: Json,
    hosts: Vec<LitStr>,
    tools: Vec<syn::Path>,
    test: Option<syn::Path>,
    /// The tools that get prompts and read resources.
    getters: Vec<syn::Path>,
    logs: bool,
}

/// The struct, its `Connector` implementation, the manifest's section and the component's exports.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let item: ItemStruct = syn::parse2(item)?;
    let mut problems = Problems::default();
    let span = if arguments.is_empty() { Span::call_site() } else { arguments.span() };
    let mut arguments = match Arguments::read(arguments, span, &KEYS, &mut problems) {
        Ok(arguments) => arguments,
        Err(error) => {
            let error = error.into_compile_error();
            return Ok(quote!(#item #error));
        }
    };
    let declared = declare(&item, &mut arguments, &mut problems);
    let errors = problems.into_tokens();
    let implementation = implementation(&item, &declared);
    let checks = checks(&declared);
    let exports = exports(&item, &declared);
    Ok(quote!(#item #errors #implementation #checks #exports))
}

fn declare(item: &ItemStruct, arguments: &mut Arguments, problems: &mut Problems) -> Declared {
    let description = documentation(&item.attrs);
    if description.is_empty() {
        problems.add(&item.ident, "a connector needs a doc comment: it is the description that people read");
    }
    let name = name(arguments, problems);
    let title = text(arguments.required("title", "Example", problems));
    let publisher = text(arguments.required("publisher", "Example Ltd", problems));
    let categories: Vec<String> = texts(&arguments.texts("categories", problems).unwrap_or_default());
    let icon = arguments.text("icon", problems);
    let base_url = arguments.required("base_url", "https://api.example.com", problems);
    let host_patterns = arguments.texts("hosts", problems).unwrap_or_default();
    if host_patterns.is_empty() {
        hosts::missing(arguments.span, problems);
    }
    hosts::read(&host_patterns, problems);
    let patterns = auth(arguments, problems);
    check_public_fields(&patterns, base_url.iter().chain(&host_patterns), problems);
    if let Some(base_url) = &base_url {
        hosts::check_base_url(base_url, &host_patterns, problems);
    }
    let imports = imports(arguments, problems);
    let (tools, test, test_json) = tools(&name, arguments, problems);
    let (getters, offers) = offers(&name, &tools, arguments, problems);
    let mut manifest = json!({
        "manifest": MANIFEST,
        "name": name,
        "version": package("CARGO_PKG_VERSION"),
        "title": title,
        "description": description,
        "publisher": publisher,
        "categories": categories,
        "wit": WIT,
        "sdk": concat!("gloveport-sdk/", env!("CARGO_PKG_VERSION")),
        "imports": imports,
        "hosts": texts(&host_patterns),
        "base_url": text(base_url),
        "auth": patterns.into_iter().map(|pattern| pattern.manifest).collect::<Vec<_>>(),
    });
    if let Json::Object(keys) = &mut manifest {
        keys.extend(icon.map(|icon| ("icon".to_owned(), icon.value().into())));
        keys.extend(test_json.map(|test| ("test".to_owned(), test)));
        keys.extend(offers);
        let header = arguments.text("idempotency_header", problems);
        keys.extend(header.map(|header| ("idempotency_header".to_owned(), header.value().into())));
    }
    let logs = imports.iter().any(|import| import == "log");
    Declared { name, manifest, hosts: host_patterns, tools, test, getters, logs }
}

/// The declared name, else the package's without `gloveport-`.
fn name(arguments: &mut Arguments, problems: &mut Problems) -> String {
    let declared = arguments.text("name", problems);
    let package = package("CARGO_PKG_NAME");
    let name = match &declared {
        Some(name) => name.value(),
        None => package.strip_prefix("gloveport-").unwrap_or(&package).replace('-', "_"),
    };
    let good = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_'))
        && name.len() <= NAME_LIMIT;
    if !good {
        problems.at(
            declared.map_or(arguments.span, |name| name.span()),
            format!("`{name}` cannot name a connector: lower-case letters, digits and `_`, a letter first, at most {NAME_LIMIT}"),
        );
    }
    name
}

fn auth(arguments: &mut Arguments, problems: &mut Problems) -> Vec<auth::Pattern> {
    let span = arguments.span;
    let patterns = auth::read(arguments.list("auth", problems).unwrap_or_default(), problems);
    if patterns.is_empty() {
        problems.at(
            span,
            "`auth` is missing: at least one pattern, `auth = [none(name = \"none\", title = \"No account\")]`",
        );
    }
    patterns
}

/// A `{{field}}` has to be there whichever pattern the account uses.
fn check_public_fields<'a>(
    patterns: &[auth::Pattern],
    texts: impl Iterator<Item = &'a LitStr>,
    problems: &mut Problems,
) {
    let Some((first, rest)) = patterns.split_first() else { return };
    let everywhere: Vec<String> =
        first.public.iter().filter(|name| rest.iter().all(|pattern| pattern.public.contains(name))).cloned().collect();
    for text in texts {
        hosts::check_fields(text, &everywhere, problems);
    }
}

fn imports(arguments: &mut Arguments, problems: &mut Problems) -> Vec<String> {
    let Some(wanted) = arguments.texts("imports", problems) else {
        return DEFAULT_IMPORTS.map(str::to_owned).to_vec();
    };
    for import in &wanted {
        if !IMPORTS.contains(&import.value().as_str()) {
            problems.add(import, unknown("import", &import.value(), &IMPORTS));
        }
    }
    texts(&wanted)
}

fn tools(
    connector: &str,
    arguments: &mut Arguments,
    problems: &mut Problems,
) -> (Vec<syn::Path>, Option<syn::Path>, Option<Json>) {
    let span = arguments.span;
    let mut tools: Vec<syn::Path> = Vec::new();
    for value in arguments.list("tools", problems).unwrap_or_default() {
        match value {
            Value::Word(path, None) if tools.iter().any(|earlier| last(earlier) == last(&path)) => {
                problems.add(&path, format!("two tools would be named `{connector}_{}`", last(&path)));
            }
            Value::Word(path, None) => tools.push(path),
            other => problems.at(other.span(), "`tools` is a list of functions: `tools = [users::user_get]`"),
        }
    }
    if tools.is_empty() {
        problems.at(span, "`tools` is missing: list the functions marked `#[tool]`");
    }
    let (test, input) = match arguments.take("test", problems) {
        Some(Value::Word(path, input)) => (path, input),
        Some(other) => {
            problems.at(other.span(), "`test` is a tool and its input: `test = user_get({})`");
            return (tools, None, None);
        }
        None => return (tools, None, None),
    };
    if !tools.iter().any(|tool| last(tool) == last(&test)) {
        problems.add(&test, "the test call is not among `tools`");
        return (tools, None, None);
    }
    let text = input.as_ref().map_or_else(|| "{}".to_owned(), |(_, tokens)| tokens.to_string());
    let json = match serde_json::from_str::<Json>(&text) {
        Ok(input) if input.is_object() => {
            Some(json!({ "tool": format!("{connector}_{}", last(&test)), "input": input }))
        }
        _ => {
            let at = input.map_or_else(|| test.span(), |(span, _)| span);
            problems.at(at, "the input of the test call is a JSON object: `test = user_get({\"id\": 1})`");
            None
        }
    };
    (tools, Some(test), json)
}

/// Prompts and resources: the tools that get them, and the manifest's members.
fn offers(
    connector: &str,
    tools: &[syn::Path],
    arguments: &mut Arguments,
    problems: &mut Problems,
) -> (Vec<syn::Path>, Vec<(String, Json)>) {
    let (mut getters, mut members) = (Vec::new(), Vec::new());
    for key in ["prompts", "resources"] {
        let Some(value) = arguments.take(key, problems) else { continue };
        let example = format!("`{key}` is a tool and what it gets: `{key} = {key}_get({{\"list\": [{{…}}]}})`");
        let Value::Word(path, Some((span, tokens))) = value else {
            problems.at(value.span(), example);
            continue;
        };
        if !tools.iter().any(|tool| last(tool) == last(&path)) {
            problems.add(&path, format!("the tool of `{key}` is not among `tools`"));
            continue;
        }
        match serde_json::from_str::<Json>(&tokens.to_string()) {
            Ok(Json::Object(mut offered)) => {
                offered.insert("tool".into(), format!("{connector}_{}", last(&path)).into());
                members.push((key.to_owned(), Json::Object(offered)));
                getters.push(path);
            }
            _ => problems.at(span, example),
        }
    }
    (getters, members)
}

fn implementation(item: &ItemStruct, declared: &Declared) -> TokenStream {
    let (ident, name, logs, tools) = (&item.ident, &declared.name, declared.logs, &declared.tools);
    let manifest = declared.manifest.to_string();
    quote! {
        #[automatically_derived]
        impl ::gloveport_sdk::Connector for #ident {
            const NAME: &'static str = #name;
            const MANIFEST: &'static str = #manifest;
            const LOGS: bool = #logs;

            fn tools() -> &'static [::gloveport_sdk::__private::Tool] {
                const { &[#(::gloveport_sdk::__private::Tool::of::<#tools>()),*] }
            }
        }
    }
}

/// What only the compiler can check, because the tools are described in other modules.
fn checks(declared: &Declared) -> TokenStream {
    let hosts = &declared.hosts;
    let room = 63usize.saturating_sub(declared.name.len());
    let mut checks = TokenStream::new();
    for tool in &declared.tools {
        let too_long =
            format!("the name of the tool is too long: {} and this are more than 64 characters", declared.name);
        checks.extend(quote_spanned! {tool.span()=>
            const _: () = ::core::assert!(
                ::gloveport_sdk::__private::routes_stay_within::<#tool>(&[#(#hosts),*]),
                "a route of this tool names a host that is not among `hosts`"
            );
            const _: () = ::core::assert!(::gloveport_sdk::__private::name_fits::<#tool>(#room), #too_long);
        });
    }
    for getter in &declared.getters {
        checks.extend(quote_spanned! {getter.span()=>
            const _: () = ::core::assert!(
                ::gloveport_sdk::__private::reads::<#getter>(),
                "what gets prompts or resources must be a tool with `effect = read`"
            );
        });
    }
    if let Some(test) = &declared.test {
        checks.extend(quote_spanned! {test.span()=>
            const _: () = ::core::assert!(
                ::gloveport_sdk::__private::reads::<#test>(),
                "the test call must be a tool with `effect = read`"
            );
        });
    }
    checks
}

/// Only for WebAssembly: natively, several connectors are linked into one test.
fn exports(item: &ItemStruct, declared: &Declared) -> TokenStream {
    let ident = &item.ident;
    let manifest = declared.manifest.to_string();
    let (length, bytes) = (manifest.len(), LitByteStr::new(manifest.as_bytes(), Span::call_site()));
    quote! {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code)]
        const _: () = {
            #[used]
            #[unsafe(link_section = "gloveport:manifest")]
            static MANIFEST: [u8; #length] = *#bytes;

            type Exported = ::gloveport_sdk::__private::Exported<#ident>;
            ::gloveport_sdk::__private::bindings::export!(Exported with_types_in ::gloveport_sdk::__private::bindings);
        };
    }
}

fn last(path: &syn::Path) -> String {
    path.segments.last().map(|segment| name_of(&segment.ident)).unwrap_or_default()
}

fn text(literal: Option<LitStr>) -> String {
    literal.map(|literal| literal.value()).unwrap_or_default()
}

fn texts(literals: &[LitStr]) -> Vec<String> {
    literals.iter().map(LitStr::value).collect()
}

#[expect(clippy::disallowed_methods, reason = "cargo tells the name and version of the author's package this way only")]
fn package(variable: &str) -> String {
    std::env::var(variable).unwrap_or_default()
}
