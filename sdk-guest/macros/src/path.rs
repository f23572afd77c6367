//! `path!`: a target whose values are encoded where they stand.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Expr, LitStr, Member};

/// Turns the literal into a chain of `Path` calls.
pub(crate) fn expand(input: TokenStream) -> syn::Result<TokenStream> {
    let literal: LitStr = syn::parse2(input)?;
    let template = literal.value();
    let wrong = |reason: String| syn::Error::new_spanned(&literal, reason);
    if !template.starts_with('/') && !template.starts_with("https://") {
        return Err(wrong("a path begins with `/`, or with `https://` for another host of the connector".into()));
    }
    if template.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(wrong("`.` and `..` are refused by the host".into()));
    }
    let mut calls = TokenStream::new();
    let mut rest = template.as_str();
    while let Some(open) = rest.find(['{', '}']) {
        let (fixed, after) = rest.split_at(open);
        check_fixed(fixed).map_err(wrong)?;
        let inner = after.strip_prefix('{').ok_or_else(|| wrong("`}` without `{`".into()))?;
        let (name, after) = inner.split_once('}').ok_or_else(|| wrong("`{` without `}`".into()))?;
        if !after.is_empty() && !after.starts_with(['/', '{', '.', '-', ':', '@', '_']) {
            return Err(wrong(format!("`{{{name}}}` runs into `{after}`: put a separator between them")));
        }
        let (name, several) = match name.strip_suffix('+') {
            Some(name) => (name, true),
            None => (name, false),
        };
        if several && (!after.is_empty() || !fixed.ends_with('/')) {
            return Err(wrong(format!("`{{{name}+}}` takes several segments, so it stands alone at the end")));
        }
        let value = syn::parse_str::<Expr>(name).map_err(|_| wrong(format!("`{name}` is not a variable")))?;
        let pointer = pointer(&value).ok_or_else(|| {
            wrong(format!("`{name}`: only a variable or a field access fits; compute it in a `let` before"))
        })?;
        let value = respan(&value, &literal)?;
        let method = if several { quote!(segments) } else { quote!(value) };
        calls.extend(quote!(.fixed(#fixed).#method(#pointer, &#value)));
        rest = after;
    }
    check_fixed(rest).map_err(wrong)?;
    Ok(quote!(::gloveport_sdk::http::Path::builder() #calls .fixed(#rest).build()))
}

fn check_fixed(fixed: &str) -> Result<(), String> {
    match fixed.chars().find(|c| c.is_whitespace() || c.is_control() || !c.is_ascii() || "?#\\\"<>".contains(*c)) {
        Some('?') => Err("the query does not belong into the path: use `.query(name, value)`".into()),
        Some(odd) => Err(format!("`{odd}` must be percent-encoded in a path")),
        None => Ok(()),
    }
}

/// Where the value most likely came from in the tool's input: `input.owner` is `/owner`.
fn pointer(value: &Expr) -> Option<String> {
    match value {
        Expr::Path(path) => path.path.get_ident().map(|ident| format!("/{ident}")),
        Expr::Field(field) => {
            let name = match &field.member {
                Member::Named(name) => name.to_string(),
                Member::Unnamed(index) => index.index.to_string(),
            };
            match field.base.as_ref() {
                Expr::Path(path) if path.path.get_ident().is_some() => Some(format!("/{name}")),
                base => pointer(base).map(|base| format!("{base}/{name}")),
            }
        }
        _ => None,
    }
}

/// The expression at the literal's place, so that an unknown variable is reported there.
fn respan(value: &Expr, literal: &LitStr) -> syn::Result<TokenStream> {
    let text = quote!(#value).to_string();
    LitStr::new(&text, literal.span()).parse_with(|input: syn::parse::ParseStream<'_>| input.parse::<TokenStream>())
}
