//! The attributes of `gloveport-sdk`: they read what an author declared and glue it to ordinary functions of the SDK.

mod auth;
mod connector;
mod hosts;
mod path;
mod route;
mod syntax;
mod tool;

use proc_macro::TokenStream;

/// Makes a struct the connector of its crate. See the documentation of `gloveport_sdk`.
#[proc_macro_attribute]
pub fn connector(arguments: TokenStream, item: TokenStream) -> TokenStream {
    connector::expand(arguments.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a function a tool. See the documentation of `gloveport_sdk`.
#[proc_macro_attribute]
pub fn tool(arguments: TokenStream, item: TokenStream) -> TokenStream {
    tool::expand(arguments.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Builds a path whose values cannot leave their place: `path!("/repos/{input.owner}/issues/{number}")`.
///
/// Each `{…}` is a variable or a field access. Its value is percent-encoded and stands for exactly one segment, so a
/// `/` in it does not climb; a value that is empty, `.` or `..` fails the request as invalid input. `{…+}` takes
/// several segments (`a/b/c`), each under the same rule.
#[proc_macro]
pub fn path(input: TokenStream) -> TokenStream {
    path::expand(input.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}
