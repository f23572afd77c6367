//! The pages on which users connect their accounts, over plain HTTP: what browsers do is in `pages/browser`.

mod form;
mod visitor;
