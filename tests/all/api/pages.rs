//! The pages on which users connect their accounts, over plain HTTP: what browsers do is in `pages/browser`.

use super::visitor;

mod attacks;
mod browser;
mod choices;
mod custom;
mod first_version;
mod form;
mod here;
mod independent;
mod mending;
mod oauth;
mod refusals;
mod stage;
mod verification;
