//! Stripe's API: charges, refunds, customers, payment intents, with forms going in and idempotency keys.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::super::recorded::Recorded;
use super::stripe_data::{Charge, charges, customer};
use super::{Reply, User, credential, number};

/// An imitated Stripe with a few accounts, by secret key.
#[derive(Debug)]
pub struct Stripe(HashMap<String, Books>);

/// What one account holds.
#[derive(Debug)]
struct Books {
    login: String,
    charges: Vec<Charge>,
    refunds: Vec<Value>,
    /// By idempotency key: the request's body, and the answer it got.
    answered: HashMap<String, (Vec<u8>, u16, Value)>,
}

/// How many customers each account has: more than two pages of ten.
const CUSTOMERS: usize = 25;

/// Stripe's own page size.
const PAGE: usize = 10;

impl Stripe {
    /// Stripe with these accounts, whose tokens are their secret keys.
    pub fn new(users: Vec<User>) -> Self {
        let open = |user: User| {
            let books = Books { login: user.login, charges: charges(), refunds: Vec::new(), answered: HashMap::new() };
            (user.token, books)
        };
        Self(users.into_iter().map(open).collect())
    }

    /// What it answers.
    pub fn answer(&mut self, request: &Recorded) -> Reply {
        let found = credential(request).and_then(|key| self.0.get_mut(key));
        let (status, body, replayed) = found.map_or_else(unauthorized, |books| books.answer(request));
        let reply = Reply::json(status, &body).header("request-id", "req_imitated");
        if replayed { reply.header("idempotent-replayed", "true") } else { reply }
    }

    /// How many refunds were really made for an account: what a retried write must not raise.
    pub fn refunds(&self, token: &str) -> usize {
        self.0.get(token).map_or(0, |books| books.refunds.len())
    }
}

impl Books {
    /// Status and body, and whether they were given before.
    fn answer(&mut self, request: &Recorded) -> (u16, Value, bool) {
        let key = request.header("idempotency-key").filter(|_| request.method == "POST");
        let Some(key) = key else {
            let (status, body) = self.route(request);
            return (status, body, false);
        };
        if let Some((sent, status, body)) = self.answered.get(key) {
            if *sent == request.body {
                return (*status, body.clone(), true);
            }
            let message =
                "Keys for idempotent requests can only be used with the same parameters they were first used with.";
            let (status, body) = error(400, "idempotency_error", "idempotency_error", message, None);
            return (status, body, false);
        }
        let key = key.to_owned();
        let (status, body) = self.route(request);
        self.answered.insert(key, (request.body.to_vec(), status, body.clone()));
        (status, body, false)
    }

    fn route(&mut self, request: &Recorded) -> (u16, Value) {
        let segments = request.segments();
        let path: Vec<_> = segments.iter().map(String::as_str).collect();
        match (request.method.as_str(), &path[..]) {
            ("GET", ["v1", "account"]) => (200, json!({ "id": format!("acct_{}", self.login), "object": "account" })),
            ("GET", ["v1", "balance"]) => (200, json!({ "object": "balance", "livemode": false, "available": [] })),
            ("POST", ["v1", "refunds"]) => self.refund(request),
            ("GET", ["v1", "charges", id]) => match self.charges.iter().find(|charge| charge.id == *id) {
                Some(charge) => (200, charge.json()),
                None => missing("charge", id, "id"),
            },
            ("GET", ["v1", "charges"]) => list(request, "/v1/charges", self.charges.iter().map(Charge::json).collect()),
            ("GET", ["v1", "payment_intents"]) => {
                list(request, "/v1/payment_intents", self.charges.iter().map(Charge::payment_intent_json).collect())
            }
            ("GET", ["v1", "customers"]) => {
                list(request, "/v1/customers", (1..=CUSTOMERS).map(|n| customer(&self.login, n)).collect())
            }
            ("GET", ["v1", "customers", id]) => {
                let found =
                    id.strip_prefix("cus_").and_then(|n| n.parse().ok()).filter(|n| (1..=CUSTOMERS).contains(n));
                found.map_or_else(|| missing("customer", id, "id"), |n| (200, customer(&self.login, n)))
            }
            (method, _) => {
                let message = format!("Unrecognized request URL ({method}: {}).", request.path());
                error(404, "invalid_request_error", "url_invalid", &message, None)
            }
        }
    }

    fn refund(&mut self, request: &Recorded) -> (u16, Value) {
        let content_type = request.header("content-type").unwrap_or_default();
        if !content_type.starts_with("application/x-www-form-urlencoded") {
            let message = "Invalid request: the content type must be application/x-www-form-urlencoded.";
            return error(400, "invalid_request_error", "parameter_unknown", message, None);
        }
        let form: HashMap<_, _> = request.form().into_iter().collect();
        let (field, id) = match (form.get("charge"), form.get("payment_intent")) {
            (Some(id), _) => ("charge", id.as_str()),
            (None, Some(id)) => ("payment_intent", id.as_str()),
            (None, None) => {
                let message =
                    "One of the following params should be provided for this request: payment_intent or charge.";
                return error(400, "invalid_request_error", "parameter_missing", message, None);
            }
        };
        let found = self
            .charges
            .iter_mut()
            .find(|charge| id == if field == "charge" { charge.id } else { charge.payment_intent });
        let Some(charge) = found else { return missing(field, id, field) };
        if charge.declined {
            return error(402, "card_error", "card_declined", "Your card was declined.", None);
        }
        let left = charge.amount - charge.refunded;
        if left == 0 {
            let message = format!("Charge {} has already been refunded.", charge.id);
            return error(400, "invalid_request_error", "charge_already_refunded", &message, None);
        }
        let amount = match form.get("amount").map(|amount| amount.parse::<i64>()) {
            None => left,
            Some(Ok(amount)) if (1..=left).contains(&amount) => amount,
            Some(Ok(amount)) if amount > left => {
                let message = format!("Refund amount ({amount}) is greater than unrefunded amount on charge ({left}).");
                return error(400, "invalid_request_error", "amount_too_large", &message, Some("amount"));
            }
            Some(_) => {
                let message = "Invalid positive integer";
                return error(400, "invalid_request_error", "parameter_invalid_integer", message, Some("amount"));
            }
        };
        charge.refunded += amount;
        let refund = charge.refund_json(self.refunds.len() + 1, amount, form.get("reason").cloned());
        self.refunds.push(refund.clone());
        (200, refund)
    }
}

/// Pages by the id after which to start.
fn list(request: &Recorded, url: &str, items: Vec<Value>) -> (u16, Value) {
    let from = match request.parameter("starting_after") {
        None => 0,
        Some(id) => match items.iter().position(|item| item["id"] == id.as_str()) {
            Some(at) => at + 1,
            None => return missing("object", &id, "starting_after"),
        },
    };
    let size = number(request, "limit", PAGE);
    if !(1..=100).contains(&size) {
        let message = "Invalid integer: limit must be between 1 and 100";
        return error(400, "invalid_request_error", "parameter_invalid_integer", message, Some("limit"));
    }
    let to = (from + size).min(items.len());
    (200, json!({ "object": "list", "url": url, "has_more": to < items.len(), "data": &items[from..to] }))
}

fn unauthorized() -> (u16, Value, bool) {
    // Stripe masks the key that it names, and so does this.
    let body = json!({ "error": { "type": "invalid_request_error", "message": "Invalid API Key provided: sk_****" } });
    (401, body, false)
}

fn missing(object: &str, id: &str, parameter: &str) -> (u16, Value) {
    let message = format!("No such {object}: '{id}'");
    error(404, "invalid_request_error", "resource_missing", &message, Some(parameter))
}

/// An error as Stripe writes it: status and body.
pub fn error(status: u16, kind: &str, code: &str, message: &str, parameter: Option<&str>) -> (u16, Value) {
    let mut error = json!({
        "type": kind,
        "code": code,
        "message": message,
        "doc_url": format!("https://docs.stripe.com/error-codes/{}", code.replace('_', "-")),
    });
    if let Some(parameter) = parameter {
        error["param"] = json!(parameter);
    }
    (status, json!({ "error": error }))
}
