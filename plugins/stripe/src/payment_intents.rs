//! Payment intents.

use gloveport_sdk::Failure;
use gloveport_sdk::http::Request;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::errors::Fields;
use crate::lists::{self, Identified, List};
use crate::rest;

/// Which payment intents.
#[derive(Deserialize, JsonSchema)]
pub struct PaymentIntentsList {
    /// Only payment intents of the customer with this id, `cus_…`.
    #[schemars(length(min = 1))]
    customer: Option<String>,
    /// How many on a page.
    #[serde(default = "lists::default_limit")]
    #[schemars(range(min = 1, max = 100))]
    limit: u32,
    /// Only payment intents listed after the one with this id: forwards, to older ones.
    #[schemars(length(min = 1))]
    starting_after: Option<String>,
    /// Only payment intents listed before the one with this id: backwards, to newer ones.
    #[schemars(length(min = 1))]
    ending_before: Option<String>,
}

// Not its client secret: with it anybody could complete the payment.
/// A payment intent. Amounts are in the smallest unit of the currency (cents of a dollar, whole yen).
#[derive(Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct PaymentIntent {
    /// `pi_…`
    pub id: String,
    /// How much is to be paid.
    pub amount: i64,
    /// How much was paid.
    pub amount_received: i64,
    /// Three letters, ISO 4217, lower case.
    pub currency: String,
    /// `requires_payment_method`, `requires_confirmation`, `requires_action`, `processing`, `requires_capture`,
    /// `canceled` or `succeeded`.
    pub status: String,
    /// Id of the customer, if there is one.
    pub customer: Option<String>,
    /// What it is for, if told.
    pub description: Option<String>,
    /// Id of the latest charge that it made, if any.
    pub latest_charge: Option<String>,
    /// Seconds since 1970.
    pub created: i64,
}

impl Identified for PaymentIntent {
    fn id(&self) -> &str {
        &self.id
    }
}

/// Lists payment intents, newest first; with `customer` only that customer's.
#[gloveport_sdk::tool(
    title = "List payment intents",
    effect = read,
    routes = ["GET /v1/payment_intents"],
    tags = ["payment intents"]
)]
pub fn payment_intents_list(input: PaymentIntentsList) -> Result<List<PaymentIntent>, Failure> {
    const FIELDS: Fields = &[
        ("customer", "/customer"),
        ("limit", "/limit"),
        ("starting_after", "/starting_after"),
        ("ending_before", "/ending_before"),
    ];
    lists::check_cursors(input.starting_after.as_ref(), input.ending_before.as_ref())?;
    let backwards = input.ending_before.is_some();
    let request = Request::get("/v1/payment_intents")
        .query_opt("customer", input.customer)
        .query("limit", input.limit)
        .query_opt("starting_after", input.starting_after)
        .query_opt("ending_before", input.ending_before);
    lists::read(&rest::send(request, FIELDS)?, backwards)
}

#[cfg(test)]
mod tests {
    use gloveport_sdk::Failure;
    use gloveport_sdk::fake_host::{FakeHost, Reply};
    use serde_json::{Value, json};

    use crate::Stripe;

    fn page(has_more: bool) -> Reply {
        let data = json!([{
            "id": "pi_1", "object": "payment_intent", "amount": 9_007_199_254_740_993_i64, "amount_received": 0,
            "client_secret": "pi_1_secret_YrKJUKribcBjcG8HVhfZluoGH", "created": 1_680_800_504, "currency": "jpy",
            "customer": "cus_1", "description": null, "latest_charge": null, "status": "requires_payment_method",
        }]);
        Reply::json(200, json!({ "object": "list", "url": "/v1/payment_intents", "has_more": has_more, "data": data }))
    }

    /// AK-501, AK-508: the client secret stays behind.
    #[test]
    fn payment_intents_are_listed() {
        let target = "/v1/payment_intents?customer=cus_1&limit=1&starting_after=pi_2";
        let host = FakeHost::new().on("GET", target, page(true));
        let input = json!({ "customer": "cus_1", "limit": 1, "starting_after": "pi_2" });
        assert_eq!(
            host.call::<Stripe>("stripe_payment_intents_list", input),
            Ok(json!({
                "items": [{
                    "id": "pi_1", "amount": 9_007_199_254_740_993_i64, "amount_received": 0, "currency": "jpy",
                    "status": "requires_payment_method", "customer": "cus_1", "description": null,
                    "latest_charge": null, "created": 1_680_800_504,
                }],
                "has_more": true,
                "next_cursor": "pi_1",
            }))
        );
    }

    /// AK-505
    #[test]
    fn nothing_is_needed_for_a_list() {
        let host = FakeHost::new().on("GET", "/v1/payment_intents?limit=10", page(false));
        let list = host.call::<Stripe>("stripe_payment_intents_list", json!({})).unwrap();
        assert_eq!((&list["has_more"], &list["next_cursor"]), (&json!(false), &Value::Null));
    }

    #[test]
    fn two_directions_at_once_are_refused() {
        let input = json!({ "starting_after": "pi_1", "ending_before": "pi_2" });
        let result = FakeHost::new().call::<Stripe>("stripe_payment_intents_list", input);
        assert_eq!(result, Err(Failure::invalid_input("/ending_before", "excludes `starting_after`")));
    }

    #[test]
    fn an_unknown_customer_is_not_found() {
        let error =
            json!({ "error": { "code": "resource_missing", "message": "No such customer: 'x'", "param": "customer" } });
        let host = FakeHost::new().on("GET", "/v1/payment_intents", Reply::json(400, error));
        let result = host.call::<Stripe>("stripe_payment_intents_list", json!({ "customer": "x" }));
        assert_eq!(result, Err(Failure::not_found("No such customer: 'x'")));
    }

    #[test]
    fn a_reply_of_another_shape_is_stripes_mistake() {
        for body in ["", "[]", "{}", r#"{"data":[{}],"has_more":false}"#, "<html>"] {
            let host = FakeHost::new().on("GET", "/v1/payment_intents", Reply::bytes(200, body));
            let result = host.call::<Stripe>("stripe_payment_intents_list", json!({}));
            assert!(matches!(result, Err(Failure::Upstream(_))), "{body}: {result:?}");
        }
    }
}
