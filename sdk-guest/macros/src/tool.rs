//! `#[tool]`: describes a function to the connector, and leaves the function as it is.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Ident, ItemFn, LitStr, ReturnType};

use crate::route::{self, Effect};
use crate::syntax::{Arguments, Problems, Value, documentation};

const KEYS: [&str; 7] = ["title", "effect", "routes", "scopes", "tags", "aliases", "deferred"];

/// The function, and beside it a type of the same name that implements `ToolFn`.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let function: ItemFn = syn::parse2(item)?;
    let mut problems = Problems::default();
    let span = if arguments.is_empty() { Span::call_site() } else { arguments.span() };
    let mut arguments = match Arguments::read(arguments, span, &KEYS, &mut problems) {
        Ok(arguments) => arguments,
        Err(error) => {
            let error = error.into_compile_error();
            return Ok(quote!(#function #error));
        }
    };
    let sound = check_signature(&function, &mut problems);
    let spec = spec(&function, &mut arguments, &mut problems);
    let glue = if sound { glue(&function) } else { no_glue() };
    let errors = problems.into_tokens();
    let (name, visibility) = (&function.sig.ident, &function.vis);
    Ok(quote! {
        #function
        #errors

        #[doc(hidden)]
        #[allow(non_camel_case_types, missing_docs, clippy::empty_enum, clippy::empty_enums)]
        #visibility enum #name {}

        #[automatically_derived]
        impl ::gloveport_sdk::__private::ToolFn for #name {
            const SPEC: ::gloveport_sdk::__private::ToolSpec = #spec;
            #glue
        }
    })
}

/// Whether the compiler could say anything about the types that the author has not been told here.
fn check_signature(function: &ItemFn, problems: &mut Problems) -> bool {
    let signature = &function.sig;
    let before = problems.count();
    if let Some(token) = &signature.asyncness {
        problems.add(token, "a tool is an ordinary function: the host waits for it, so it is never async");
    }
    if !signature.generics.params.is_empty() {
        problems.add(&signature.generics, "a tool cannot be generic: its schema has to be known");
    }
    for argument in signature.inputs.iter().skip(1) {
        problems.add(argument, "a tool takes one argument (a struct with all of its input) or none");
    }
    if let Some(syn::FnArg::Receiver(receiver)) = signature.inputs.first() {
        problems.add(receiver, "a tool is a free function, not a method");
    }
    if matches!(signature.output, ReturnType::Default) {
        problems.add(&signature.ident, "a tool returns `Result<T, Failure>`");
    }
    let sound = problems.count() == before;
    if documentation(&function.attrs).is_empty() {
        problems.add(
            &signature.ident,
            "a tool needs a doc comment: it is the description by which a model decides whether to call it",
        );
    }
    sound
}

fn spec(function: &ItemFn, arguments: &mut Arguments, problems: &mut Problems) -> TokenStream {
    let name = name_of(&function.sig.ident);
    let description = documentation(&function.attrs);
    let title = arguments.text("title", problems).map_or_else(|| spelled_out(&name), |title| title.value());
    let effect = effect(arguments, problems);
    let routes = route::read(arguments.list("routes", problems).unwrap_or_default(), effect, problems);
    let effect = effect.unwrap_or(Effect::Write).tokens();
    let scopes = distinct("scopes", arguments, problems);
    let tags = distinct("tags", arguments, problems);
    let aliases = distinct("aliases", arguments, problems);
    let deferred = arguments.flag("deferred", problems);
    quote! {
        ::gloveport_sdk::__private::ToolSpec {
            name: #name,
            title: #title,
            description: #description,
            effect: #effect,
            routes: &[#(#routes),*],
            scopes: &[#(#scopes),*],
            tags: &[#(#tags),*],
            aliases: &[#(#aliases),*],
            deferred: #deferred,
        }
    }
}

fn effect(arguments: &mut Arguments, problems: &mut Problems) -> Option<Effect> {
    let span = arguments.span;
    match arguments.take("effect", problems) {
        Some(Value::Word(path, None)) if path.get_ident().is_some() => {
            path.get_ident().and_then(|word| Effect::read(word, problems))
        }
        Some(other) => {
            problems.at(other.span(), "`effect` is one of the words `read`, `write`, `destroy`, without quotes");
            None
        }
        None => {
            problems.at(span, "`effect` is missing: `effect = read`, `write` or `destroy`");
            None
        }
    }
}

fn distinct(key: &str, arguments: &mut Arguments, problems: &mut Problems) -> Vec<LitStr> {
    let texts = arguments.texts(key, problems).unwrap_or_default();
    for (index, text) in texts.iter().enumerate() {
        if text.value().is_empty() {
            problems.add(text, format!("an empty text in `{key}`"));
        }
        if texts.iter().take(index).any(|earlier| earlier.value() == text.value()) {
            problems.add(text, format!("`{}` is twice in `{key}`", text.value()));
        }
    }
    texts
}

/// The associated functions that need the function's types; they are found by inference, so aliases work.
fn glue(function: &ItemFn) -> TokenStream {
    let name = &function.sig.ident;
    let suffix = if function.sig.inputs.is_empty() { "_without_input" } else { "" };
    let input_schema = format_ident!("input_schema{suffix}");
    let output_schema = format_ident!("output_schema{suffix}");
    let run = format_ident!("run{suffix}");
    let span = function.sig.output.span();
    let (input_schema, output_schema, run) = (
        quote_spanned!(span=> ::gloveport_sdk::__private::#input_schema(#name)),
        quote_spanned!(span=> ::gloveport_sdk::__private::#output_schema(#name)),
        quote_spanned!(span=> ::gloveport_sdk::__private::#run(#name, input)),
    );
    quote! {
        fn input_schema() -> ::std::string::String {
            #input_schema
        }

        fn output_schema() -> ::std::string::String {
            #output_schema
        }

        fn call(input: &str) -> ::core::result::Result<::std::string::String, ::gloveport_sdk::Failure> {
            #run
        }
    }
}

/// Stands in where the signature is wrong, so that its mistakes are told once and the connector still finds the tool.
fn no_glue() -> TokenStream {
    quote! {
        fn input_schema() -> ::std::string::String {
            ::core::unreachable!()
        }

        fn output_schema() -> ::std::string::String {
            ::core::unreachable!()
        }

        fn call(_: &str) -> ::core::result::Result<::std::string::String, ::gloveport_sdk::Failure> {
            ::core::unreachable!()
        }
    }
}

/// The name of a function without the `r#` of a raw identifier.
pub(crate) fn name_of(ident: &Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").unwrap_or(&name).to_owned()
}

/// `issues_list` as `Issues list`.
fn spelled_out(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
