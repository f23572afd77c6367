//! Refunds: give money back.

use gloveport_sdk::Failure;
use gloveport_sdk::http::Request;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::errors::Fields;
use crate::rest;

// That exactly one of two fields is given is checked in code: several model providers refuse schemas with `oneOf` at
// the root.
/// What to refund: give exactly one of `charge` and `payment_intent`.
#[derive(Deserialize, JsonSchema)]
pub struct RefundCreate {
    /// Id of the charge, `ch_…`.
    #[schemars(length(min = 1))]
    charge: Option<String>,
    /// Id of the payment intent, `pi_…`.
    #[schemars(length(min = 1))]
    payment_intent: Option<String>,
    /// How much, in the smallest unit of the currency (cents of a dollar, whole yen); without it all that is left.
    #[schemars(range(min = 1))]
    amount: Option<i64>,
    /// Why.
    reason: Option<Reason>,
}

/// The reasons that Stripe takes.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Reason {
    Duplicate,
    Fraudulent,
    RequestedByCustomer,
}

impl Reason {
    fn as_str(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::Fraudulent => "fraudulent",
            Self::RequestedByCustomer => "requested_by_customer",
        }
    }
}

/// A refund.
#[derive(Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct Refund {
    /// `re_…`
    pub id: String,
    /// In the smallest unit of the currency.
    pub amount: i64,
    /// Three letters, ISO 4217, lower case.
    pub currency: String,
    /// `pending`, `requires_action`, `succeeded`, `failed` or `canceled`.
    pub status: Option<String>,
    /// Why, if told.
    pub reason: Option<String>,
    /// Why it failed, if it did.
    pub failure_reason: Option<String>,
    /// Id of the charge that was refunded.
    pub charge: Option<String>,
    /// Id of the payment intent that was refunded.
    pub payment_intent: Option<String>,
    /// Seconds since 1970.
    pub created: i64,
}

/// Gives money back to the customer: refunds a charge or a payment intent, wholly or in part. Cannot be taken back.
#[gloveport_sdk::tool(
    title = "Create a refund",
    effect = destroy,
    routes = ["POST /v1/refunds"],
    tags = ["refunds"],
    aliases = ["refund.create"]
)]
pub fn refund_create(input: RefundCreate) -> Result<Refund, Failure> {
    const FIELDS: Fields =
        &[("charge", "/charge"), ("payment_intent", "/payment_intent"), ("amount", "/amount"), ("reason", "/reason")];
    let what = match (input.charge, input.payment_intent) {
        (Some(charge), None) => ("charge", charge),
        (None, Some(payment_intent)) => ("payment_intent", payment_intent),
        _ => return Err(Failure::invalid_input("", "give exactly one of `charge` and `payment_intent`")),
    };
    let mut form = vec![what];
    form.extend(input.amount.map(|amount| ("amount", amount.to_string())));
    form.extend(input.reason.map(|reason| ("reason", reason.as_str().to_owned())));
    // The host adds the idempotency key: it knows whether this is a second try of the same call.
    rest::send(Request::post("/v1/refunds").form(form), FIELDS)?.json()
}

#[cfg(test)]
mod tests {
    use gloveport_sdk::Failure;
    use gloveport_sdk::fake_host::{Body, FakeHost, Reply};
    use serde_json::{Value, json};

    use crate::Stripe;

    /// More than a double can hold.
    const BIG: i64 = 9_007_199_254_740_993;

    fn reply(amount: i64) -> Value {
        json!({
            "id": "re_1", "object": "refund", "amount": amount, "balance_transaction": "txn_1", "charge": "ch_1",
            "created": 1_692_942_318, "currency": "usd", "metadata": {}, "payment_intent": "pi_1", "reason": null,
            "receipt_number": null, "source_transfer_reversal": null, "status": "succeeded",
        })
    }

    fn refund(amount: i64) -> Value {
        json!({
            "id": "re_1", "amount": amount, "currency": "usd", "status": "succeeded", "reason": null,
            "failure_reason": null, "charge": "ch_1", "payment_intent": "pi_1", "created": 1_692_942_318,
        })
    }

    /// KO-10: the form has the right keys and nothing else; amounts keep all of their digits.
    #[test]
    fn the_form_says_what_was_given() {
        for (input, form) in [
            (json!({ "charge": "ch_1" }), vec![("charge", "ch_1")]),
            (json!({ "payment_intent": "pi_1" }), vec![("payment_intent", "pi_1")]),
            (json!({ "charge": "ch_1", "payment_intent": null, "amount": null }), vec![("charge", "ch_1")]),
            (
                json!({ "charge": "ch_1", "amount": BIG, "reason": "requested_by_customer" }),
                vec![("charge", "ch_1"), ("amount", "9007199254740993"), ("reason", "requested_by_customer")],
            ),
            (
                json!({ "payment_intent": "pi_1&amount=9", "reason": "duplicate" }),
                vec![("payment_intent", "pi_1&amount=9"), ("reason", "duplicate")],
            ),
        ] {
            let host = FakeHost::new().on("POST", "/v1/refunds", Reply::json(200, reply(BIG)));
            assert_eq!(host.call::<Stripe>("stripe_refund_create", input), Ok(refund(BIG)));
            let requests = host.requests();
            assert_eq!(requests.len(), 1);
            assert_eq!(requests[0].query, []);
            // Neither the credential nor the idempotency key is the connector's to set.
            assert_eq!(requests[0].headers, [("stripe-version".to_owned(), "2024-06-20".to_owned())]);
            let form = form.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            assert_eq!(requests[0].body, Body::Form(form));
        }
    }

    /// KO-10
    #[test]
    fn neither_and_both_are_refused_before_anything_is_sent() {
        for input in [
            json!({}),
            json!({ "amount": 5 }),
            json!({ "charge": null, "payment_intent": null }),
            json!({ "charge": "ch_1", "payment_intent": "pi_1" }),
        ] {
            let host = FakeHost::new();
            let result = host.call::<Stripe>("stripe_refund_create", input.clone());
            let expected = Failure::invalid_input("", "give exactly one of `charge` and `payment_intent`");
            assert_eq!(result, Err(expected), "{input}");
            assert!(host.requests().is_empty());
        }
    }

    #[test]
    fn inputs_of_another_shape_send_nothing() {
        for (input, path) in [
            (json!({ "charge": "ch_1", "amount": 0.5 }), "/amount"),
            (json!({ "charge": "ch_1", "amount": "5" }), "/amount"),
            (json!({ "charge": "ch_1", "amount": 9_223_372_036_854_775_808_u64 }), "/amount"),
            (json!({ "charge": "ch_1", "reason": "expired_uncaptured_charge" }), "/reason"),
            (json!({ "charge": 1 }), "/charge"),
        ] {
            let host = FakeHost::new();
            let result = host.call::<Stripe>("stripe_refund_create", input.clone());
            let Err(Failure::InvalidInput(errors)) = result else { panic!("{input}: {result:?}") };
            assert_eq!(errors[0].path, path, "{input}");
            assert!(host.requests().is_empty());
        }
    }
}
