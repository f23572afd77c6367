//! The user chooses, where the provider has several things that an account could be about.

use super::advance::{Came, advance};
use super::kept;
use super::visit::{Visit, about};
use super::{Browser, ConnectError};
use crate::call::Host;
use crate::model::{AuthRequestId, AuthStep, By};
use crate::store::AuthMove;

/// A question to the user.
#[derive(Debug)]
pub struct Question {
    /// What it is about.
    pub visit: Box<Visit>,
    /// The question.
    pub title: String,
    /// The answers; the number of one is what is sent.
    pub labels: Vec<String>,
}

/// The question that an attempt waits with, for the browser that it is about.
///
/// # Errors
///
/// [`ConnectError`] where this host failed.
pub async fn question(host: &Host, browser: &Browser, id: &AuthRequestId) -> Result<Option<Question>, ConnectError> {
    let Some(row) = host.store.auth_request(id).await? else { return Ok(None) };
    let request = &row.request;
    let is_open = request.step == AuthStep::Choosing && request.expires_at > host.clock.now();
    if !is_open || request.browser.as_deref() != Some(browser.hash().as_str()) {
        return Ok(None);
    }
    let Some(visit) = about(host, row).await? else { return Ok(None) };
    let kept = kept::read(host, &visit.request, visit.kept.as_deref())?;
    let lookup = kept.lookups.checked_sub(1).and_then(|at| visit.pattern.lookups.get(at));
    let Some(choice) = lookup.and_then(|lookup| lookup.choice.clone()) else { return Ok(None) };
    let labels = kept.choices.into_iter().map(|choice| choice.label).collect();
    Ok(Some(Question { visit: Box::new(visit), title: choice.title, labels }))
}

/// Takes the user's choice. `None` if it is not one that was offered, or the attempt does not wait for one.
///
/// # Errors
///
/// [`ConnectError`] where this host failed.
pub async fn choose(
    host: &Host,
    browser: &Browser,
    id: &AuthRequestId,
    number: usize,
) -> Result<Option<Came>, ConnectError> {
    let Some(Question { visit, .. }) = question(host, browser, id).await? else { return Ok(None) };
    let mut kept = kept::read(host, &visit.request, visit.kept.as_deref())?;
    if number >= kept.choices.len() {
        return Ok(None);
    }
    let change = AuthMove::between(AuthStep::Choosing, AuthStep::Trying);
    if !host.store.move_auth_request(&By::host(host.clock.now()), &visit.request, &change).await? {
        return Ok(None);
    }
    let chosen = kept.choices.swap_remove(number);
    kept.choices.clear();
    kept.fields.extend(chosen.fields);
    let host = host.clone();
    let work = host.clone().running.spawn(async move { advance(&host, &visit, kept).await });
    work.await.map_err(|_| ConnectError::Unfinished)?.map(Some)
}
