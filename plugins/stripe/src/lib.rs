//! The Stripe connector: refunds, charges, customers and payment intents.

pub mod charges;
pub mod customers;
mod errors;
pub mod lists;
pub mod payment_intents;
pub mod refunds;
mod rest;

/// Refunds, charges, customers and payment intents of one Stripe account.
#[gloveport_sdk::connector(
    name = "stripe",
    title = "Stripe",
    publisher = "Gloveport",
    categories = ["payments"],
    base_url = "https://api.stripe.com",
    hosts = ["api.stripe.com"],
    imports = ["http"],
    auth = [bearer(
        name = "secret_key",
        title = "Secret key",
        fields = [password(name = "secret_key", label = "Secret key", hint = "Developers → API keys: sk_… or rk_…")],
    )],
    idempotency_header = "Idempotency-Key",
    test = customers::customers_list({ "limit": 1 }),
    tools = [
        refunds::refund_create,
        charges::charge_retrieve,
        customers::customer_retrieve,
        customers::customers_list,
        payment_intents::payment_intents_list,
    ],
)]
pub struct Stripe;

#[cfg(test)]
mod tests {
    use gloveport_sdk::__private::{Effect, describe};
    use gloveport_sdk::Connector as _;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_manifest_leaves_the_key_and_its_use_to_the_host() {
        let manifest: Value = serde_json::from_str(Stripe::MANIFEST).unwrap();
        assert_eq!(manifest["hosts"], json!(["api.stripe.com"]));
        assert_eq!(manifest["imports"], json!(["http"]));
        assert_eq!(manifest["auth"][0]["type"], "bearer");
        assert_eq!(manifest["auth"][0]["field"], "secret_key");
        assert_eq!(manifest["auth"][0]["fields"][0]["label"], "Secret key");
        assert_eq!(manifest["idempotency_header"], "Idempotency-Key");
        assert_eq!(manifest["test"], json!({ "tool": "stripe_customers_list", "input": { "limit": 1 } }));
    }

    /// KO-10, KO-11, KO-12: their names execute the same tools.
    #[test]
    fn every_tool_says_what_it_does() {
        let tools = describe::<Stripe>().tools;
        let said: Vec<_> =
            tools.iter().map(|tool| (tool.name.as_str(), tool.effect, tool.aliases.as_slice())).collect();
        assert_eq!(
            said,
            [
                ("stripe_refund_create", Effect::Destroy, &["refund.create".to_owned()][..]),
                ("stripe_charge_retrieve", Effect::Read, &["charge.retrieve".to_owned()]),
                ("stripe_customer_retrieve", Effect::Read, &["customer.retrieve".to_owned()]),
                ("stripe_customers_list", Effect::Read, &[]),
                ("stripe_payment_intents_list", Effect::Read, &[]),
            ]
        );
    }

    /// AK-862: the host enforces these, so they stand in the schema.
    #[test]
    fn limits_and_defaults_stand_in_the_schema() {
        for tool in describe::<Stripe>().tools {
            let schema: Value = serde_json::from_str(&tool.input_schema).unwrap();
            let expected = match tool.name.as_str() {
                "stripe_refund_create" => vec![
                    ("/properties/amount/minimum", json!(1)),
                    ("/properties/charge/minLength", json!(1)),
                    ("/properties/payment_intent/minLength", json!(1)),
                    ("/additionalProperties", json!(false)),
                ],
                "stripe_charge_retrieve" => {
                    vec![("/required", json!(["chargeId"])), ("/properties/chargeId/pattern", json!("^[^/]+$"))]
                }
                "stripe_customer_retrieve" => {
                    vec![("/required", json!(["customerId"])), ("/properties/customerId/pattern", json!("^[^/]+$"))]
                }
                _ => vec![
                    ("/properties/limit/minimum", json!(1)),
                    ("/properties/limit/maximum", json!(100)),
                    ("/properties/limit/default", json!(10)),
                ],
            };
            for (pointer, value) in expected {
                assert_eq!(schema.pointer(pointer), Some(&value), "{} {pointer}: {schema}", tool.name);
            }
            let reasons = schema.pointer("/properties/reason").map(Value::to_string).unwrap_or_default();
            for reason in ["duplicate", "fraudulent", "requested_by_customer"] {
                assert_eq!(reasons.contains(reason), tool.name == "stripe_refund_create", "{schema}");
            }
        }
    }
}
