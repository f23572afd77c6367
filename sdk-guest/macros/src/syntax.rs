//! The grammar of attribute arguments: `key = value`, flags, lists and calls, with errors collected at their spans.

use proc_macro2::{Group, Span, TokenStream};
use quote::ToTokens;
use serde_json::Value as Json;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Ident, LitInt, LitStr, Token, bracketed, parenthesized, token};

/// All that is wrong with what an author wrote, so that one build shows everything.
#[derive(Default)]
pub(crate) struct Problems(Vec<syn::Error>);

impl Problems {
    pub(crate) fn add(&mut self, at: &impl ToTokens, message: impl std::fmt::Display) {
        self.0.push(syn::Error::new_spanned(at, message));
    }

    pub(crate) fn at(&mut self, span: Span, message: impl std::fmt::Display) {
        self.0.push(syn::Error::new(span, message));
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn into_tokens(self) -> TokenStream {
        self.0.into_iter().map(syn::Error::into_compile_error).collect()
    }
}

/// What may stand on the right of `=` or in a list.
pub(crate) enum Value {
    /// `"text"`, or `"text" => word`.
    Text(LitStr, Option<Ident>),
    /// `[a, b]`
    List(Vec<Value>, Span),
    /// `word`, `path::to::word`, `word(…)`.
    Word(syn::Path, Option<(Span, TokenStream)>),
    /// `{"key": "value"}`, or a number.
    Json(Json, Span),
}

impl Value {
    pub(crate) fn span(&self) -> Span {
        match self {
            Self::Text(text, _) => text.span(),
            Self::List(_, span) | Self::Json(_, span) => *span,
            Self::Word(path, _) => path.segments.first().map_or_else(Span::call_site, |segment| segment.ident.span()),
        }
    }
}

impl Parse for Value {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.peek(LitStr) {
            let text = input.parse()?;
            let word = if input.peek(Token![=>]) {
                input.parse::<Token![=>]>()?;
                Some(input.call(Ident::parse_any)?)
            } else {
                None
            };
            return Ok(Self::Text(text, word));
        }
        if input.peek(token::Bracket) {
            let content;
            let bracket = bracketed!(content in input);
            let items = Punctuated::<Self, Token![,]>::parse_terminated(&content)?;
            return Ok(Self::List(items.into_iter().collect(), bracket.span.join()));
        }
        if input.peek(token::Brace) {
            let group: Group = input.parse()?;
            let object = serde_json::from_str(&group.to_string());
            let object = object.map_err(|error| syn::Error::new(group.span(), format!("this is no JSON: {error}")))?;
            return Ok(Self::Json(object, group.span()));
        }
        if input.peek(LitInt) {
            let number: LitInt = input.parse()?;
            return Ok(Self::Json(number.base10_parse::<u64>()?.into(), number.span()));
        }
        if input.peek(Ident::peek_any) || input.peek(Token![::]) {
            let path = input.call(syn::Path::parse_mod_style)?;
            let arguments = if input.peek(token::Paren) {
                let content;
                let paren = parenthesized!(content in input);
                Some((paren.span.join(), content.parse()?))
            } else {
                None
            };
            return Ok(Self::Word(path, arguments));
        }
        Err(input.error("expected a text, a list `[…]`, an object `{…}`, a number, a name or a call `name(…)`"))
    }
}

/// `key = value`, or `key` alone.
struct Entry {
    key: Ident,
    value: Option<Value>,
}

impl Parse for Entry {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let key = input.call(Ident::parse_any)?;
        let value = if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            Some(input.parse()?)
        } else {
            None
        };
        Ok(Self { key, value })
    }
}

/// The arguments of an attribute or of a call within one. Each reader takes its key out.
pub(crate) struct Arguments {
    /// Where to point when something is missing.
    pub(crate) span: Span,
    entries: Vec<Entry>,
}

impl Arguments {
    /// Reads `tokens`; `known` are the keys that may occur.
    pub(crate) fn read(tokens: TokenStream, span: Span, known: &[&str], problems: &mut Problems) -> syn::Result<Self> {
        let parsed = syn::parse::Parser::parse2(Punctuated::<Entry, Token![,]>::parse_terminated, tokens)?;
        let mut entries: Vec<Entry> = Vec::new();
        for entry in parsed {
            let key = entry.key.to_string();
            if !known.contains(&key.as_str()) {
                problems.add(&entry.key, unknown("key", &key, known));
            } else if entries.iter().any(|earlier| earlier.key == entry.key) {
                problems.add(&entry.key, format!("`{key}` is given twice"));
            } else {
                entries.push(entry);
            }
        }
        Ok(Self { span, entries })
    }

    /// The value of `key`, taken out.
    pub(crate) fn take(&mut self, key: &str, problems: &mut Problems) -> Option<Value> {
        let index = self.entries.iter().position(|entry| entry.key == key)?;
        let entry = self.entries.remove(index);
        if entry.value.is_none() {
            problems.add(&entry.key, format!("`{key}` needs a value: `{key} = …`"));
        }
        entry.value
    }

    /// Whether `key` was given and not taken out yet.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == key)
    }

    /// Whether `key` stands there as a flag.
    pub(crate) fn flag(&mut self, key: &str, problems: &mut Problems) -> bool {
        let Some(index) = self.entries.iter().position(|entry| entry.key == key) else { return false };
        let entry = self.entries.remove(index);
        if entry.value.is_some() {
            problems.add(&entry.key, format!("`{key}` is a flag: it takes no value"));
        }
        true
    }

    /// The text of `key`.
    pub(crate) fn text(&mut self, key: &str, problems: &mut Problems) -> Option<LitStr> {
        match self.take(key, problems)? {
            Value::Text(text, None) => Some(text),
            other => {
                problems.at(other.span(), format!("`{key}` takes a text in quotes"));
                None
            }
        }
    }

    /// The text of `key`; its absence is a problem.
    pub(crate) fn required(&mut self, key: &str, example: &str, problems: &mut Problems) -> Option<LitStr> {
        if !self.entries.iter().any(|entry| entry.key == key) {
            problems.at(self.span, format!("`{key}` is missing, for example `{key} = \"{example}\"`"));
        }
        self.text(key, problems)
    }

    /// The items of the list `key`; none where it is absent.
    pub(crate) fn list(&mut self, key: &str, problems: &mut Problems) -> Option<Vec<Value>> {
        match self.take(key, problems)? {
            Value::List(items, _) => Some(items),
            other => {
                problems.at(other.span(), format!("`{key}` takes a list: `{key} = […]`"));
                None
            }
        }
    }

    /// The value of `key` as JSON.
    pub(crate) fn json(&mut self, key: &str, problems: &mut Problems) -> Option<(Json, Span)> {
        let value = self.take(key, problems)?;
        let span = value.span();
        let json = json(value);
        if json.is_none() {
            problems.at(span, format!("`{key}` takes a text, a number, `true`, `false`, a list or an object"));
        }
        json.map(|json| (json, span))
    }

    /// The texts of the list `key`.
    pub(crate) fn texts(&mut self, key: &str, problems: &mut Problems) -> Option<Vec<LitStr>> {
        let items = self.list(key, problems)?;
        let mut texts = Vec::new();
        for item in items {
            match item {
                Value::Text(text, None) => texts.push(text),
                other => problems.at(other.span(), format!("`{key}` is a list of texts in quotes")),
            }
        }
        Some(texts)
    }
}

fn json(value: Value) -> Option<Json> {
    match value {
        Value::Text(text, None) => Some(text.value().into()),
        Value::Json(json, _) => Some(json),
        Value::List(items, _) => items.into_iter().map(json).collect::<Option<Vec<_>>>().map(Json::Array),
        Value::Word(path, None) if path.is_ident("true") => Some(true.into()),
        Value::Word(path, None) if path.is_ident("false") => Some(false.into()),
        Value::Text(_, Some(_)) | Value::Word(..) => None,
    }
}

/// The description in doc comments: the paragraphs before the first heading, lines joined.
pub(crate) fn documentation(attributes: &[syn::Attribute]) -> String {
    let mut paragraphs: Vec<String> = vec![String::new()];
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("doc")) {
        let syn::Meta::NameValue(pair) = &attribute.meta else { continue };
        let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = &pair.value else { continue };
        let text = text.value();
        for line in text.lines().map(str::trim).chain(text.is_empty().then_some("")) {
            if line.starts_with("# ") {
                return join(paragraphs);
            }
            match paragraphs.last_mut() {
                Some(last) if !line.is_empty() => {
                    if !last.is_empty() {
                        last.push(' ');
                    }
                    last.push_str(line);
                }
                _ => paragraphs.push(String::new()),
            }
        }
    }
    join(paragraphs)
}

/// Says that `found` is no `what`, and which one may have been meant.
pub(crate) fn unknown(what: &str, found: &str, known: &[&str]) -> String {
    let nearest = known.iter().map(|candidate| (distance(found, candidate), *candidate)).min();
    match nearest {
        // Up to two slips of the finger, and never more than half of the word.
        Some((slips, candidate)) if slips <= 2 && slips * 2 <= candidate.len() => {
            format!("unknown {what} `{found}`: did you mean `{candidate}`?")
        }
        _ => format!("unknown {what} `{found}`: expected one of `{}`", known.join("`, `")),
    }
}

fn join(paragraphs: Vec<String>) -> String {
    paragraphs.into_iter().filter(|paragraph| !paragraph.is_empty()).collect::<Vec<_>>().join("\n\n")
}

/// The number of insertions, removals and replacements between two words.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.chars().enumerate() {
        let mut diagonal = i;
        let mut previous = i + 1;
        for (j, r) in right.iter().enumerate() {
            let above = row.get(j + 1).copied().unwrap_or(usize::MAX);
            let value = (diagonal + usize::from(l != *r)).min(above + 1).min(previous + 1);
            diagonal = above;
            if let Some(cell) = row.get_mut(j) {
                *cell = previous;
            }
            previous = value;
        }
        if let Some(cell) = row.last_mut() {
            *cell = previous;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted() {
        for (left, right, expected) in [
            ("", "", 0),
            ("a", "", 1),
            ("", "abc", 3),
            ("titel", "title", 2),
            ("hosts", "host", 1),
            ("read", "write", 4),
        ] {
            assert_eq!(distance(left, right), expected, "{left} {right}");
        }
    }

    #[test]
    fn a_suggestion_needs_to_be_near() {
        assert_eq!(unknown("key", "titel", &["title", "hosts"]), "unknown key `titel`: did you mean `title`?");
        assert_eq!(unknown("key", "x", &["title", "in"]), "unknown key `x`: expected one of `title`, `in`");
    }

    #[test]
    fn a_description_ends_at_the_first_heading() {
        let item: syn::ItemStruct = syn::parse_quote! {
            /// One line,
            /// and its rest.
            ///
            /// Second.
            /// # Examples
            /// hidden
            struct X;
        };
        assert_eq!(documentation(&item.attrs), "One line, and its rest.\n\nSecond.");
    }
}
