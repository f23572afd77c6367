//! Charges: look one up.

use gloveport_sdk::Failure;
use gloveport_sdk::http::{Path, Request};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rest;

/// Which charge.
#[derive(Deserialize, JsonSchema)]
pub struct ChargeRetrieve {
    /// Id of the charge, `ch_…`.
    #[serde(rename = "chargeId")]
    #[schemars(regex(pattern = "^[^/]+$"))]
    charge_id: String,
}

/// A charge. Amounts are in the smallest unit of the currency (cents of a dollar, whole yen).
#[derive(Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct Charge {
    /// `ch_…`
    pub id: String,
    /// How much was asked for.
    pub amount: i64,
    /// How much was taken.
    pub amount_captured: i64,
    /// How much was given back.
    pub amount_refunded: i64,
    /// Three letters, ISO 4217, lower case.
    pub currency: String,
    /// `succeeded`, `pending` or `failed`.
    pub status: String,
    /// Whether it succeeded, or may be captured.
    pub paid: bool,
    /// Whether the money was taken, and not only reserved.
    pub captured: bool,
    /// Whether all of it was given back.
    pub refunded: bool,
    /// Whether the customer disputes it.
    pub disputed: bool,
    /// Id of the customer, if there is one.
    pub customer: Option<String>,
    /// Id of the payment intent, if there is one.
    pub payment_intent: Option<String>,
    /// What it was for, if told.
    pub description: Option<String>,
    /// Why it failed, as a code, if it did.
    pub failure_code: Option<String>,
    /// Why it failed, as a sentence, if it did.
    pub failure_message: Option<String>,
    /// Seconds since 1970.
    pub created: i64,
}

/// Reads a charge: how much, whether it succeeded, and what was refunded.
#[gloveport_sdk::tool(
    title = "Retrieve a charge",
    effect = read,
    routes = ["GET /v1/charges/{charge}"],
    tags = ["charges"],
    aliases = ["charge.retrieve"]
)]
pub fn charge_retrieve(input: ChargeRetrieve) -> Result<Charge, Failure> {
    // `path!` would name the field as Rust does; the caller knows it as `chargeId`.
    let path = Path::builder().fixed("/v1/charges/").value("/chargeId", &input.charge_id).build();
    rest::send(Request::get(path), &[("charge", "/chargeId")])?.json()
}

#[cfg(test)]
mod tests {
    use gloveport_sdk::Failure;
    use gloveport_sdk::fake_host::{Body, FakeHost, Reply};
    use serde_json::{Value, json};

    use crate::Stripe;

    fn reply() -> Value {
        json!({
            "id": "ch_1", "object": "charge", "amount": i64::MAX, "amount_captured": i64::MAX, "amount_refunded": 0,
            "billing_details": { "email": "jenny@example.com" }, "captured": true, "created": 1_679_090_539,
            "currency": "usd", "customer": null, "description": null, "disputed": false, "failure_code": null,
            "failure_message": null, "paid": true, "payment_intent": null, "refunded": false, "status": "succeeded",
            "payment_method_details": { "card": { "last4": "4242" } }, "receipt_url": "https://pay.stripe.com/private",
        })
    }

    /// KO-11, AK-501: small and stable, with all digits of the amount.
    #[test]
    fn a_charge_is_read() {
        let host = FakeHost::new().on("GET", "/v1/charges/ch_1", Reply::json(200, reply()));
        assert_eq!(
            host.call::<Stripe>("stripe_charge_retrieve", json!({ "chargeId": "ch_1" })),
            Ok(json!({
                "id": "ch_1", "amount": i64::MAX, "amount_captured": i64::MAX, "amount_refunded": 0,
                "currency": "usd", "status": "succeeded", "paid": true, "captured": true, "refunded": false,
                "disputed": false, "customer": null, "payment_intent": null, "description": null,
                "failure_code": null, "failure_message": null, "created": 1_679_090_539,
            }))
        );
        let requests = host.requests();
        assert_eq!(requests.len(), 1);
        assert_eq!((&requests[0].query[..], &requests[0].body), (&[][..], &Body::None));
        assert_eq!(requests[0].headers, [("stripe-version".to_owned(), "2024-06-20".to_owned())]);
    }

    /// KO-11
    #[test]
    fn the_id_is_needed_under_its_name() {
        for input in [json!({}), json!({ "charge_id": "ch_1" }), json!({ "charge": "ch_1" }), json!({ "chargeId": 1 })]
        {
            let host = FakeHost::new();
            let result = host.call::<Stripe>("stripe_charge_retrieve", input.clone());
            assert!(matches!(result, Err(Failure::InvalidInput(_))), "{input}: {result:?}");
            assert!(host.requests().is_empty());
        }
    }

    /// The schema keeps most of these out already (AK-862); the path does even without it.
    #[test]
    fn the_id_cannot_leave_its_place_in_the_path() {
        for (id, target) in [
            ("../customers/cus_1", "/v1/charges/..%2Fcustomers%2Fcus_1"),
            ("ch_1?expand[]=customer", "/v1/charges/ch_1%3Fexpand%5B%5D%3Dcustomer"),
            ("ch_1/refund", "/v1/charges/ch_1%2Frefund"),
        ] {
            let host = FakeHost::new().on("GET", target, Reply::json(200, reply()));
            assert!(host.call::<Stripe>("stripe_charge_retrieve", json!({ "chargeId": id })).is_ok(), "{id}");
        }
        for id in ["", ".", ".."] {
            let result = FakeHost::new().call::<Stripe>("stripe_charge_retrieve", json!({ "chargeId": id }));
            let Err(Failure::InvalidInput(errors)) = result else { panic!("{id}: {result:?}") };
            assert_eq!(errors[0].path, "/chargeId");
        }
    }

    #[test]
    fn an_unknown_charge_is_not_found() {
        let error =
            json!({ "error": { "code": "resource_missing", "message": "No such charge: 'ch_2'", "param": "id" } });
        let host = FakeHost::new().on("GET", "/v1/charges/ch_2", Reply::json(404, error));
        let result = host.call::<Stripe>("stripe_charge_retrieve", json!({ "chargeId": "ch_2" }));
        assert_eq!(result, Err(Failure::not_found("No such charge: 'ch_2'")));
    }
}
