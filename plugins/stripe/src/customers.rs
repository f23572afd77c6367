//! Customers: look one up, list them.

use gloveport_sdk::Failure;
use gloveport_sdk::http::{Path, Request};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::errors::Fields;
use crate::lists::{self, Identified, List};
use crate::rest;

/// Which customer.
#[derive(Deserialize, JsonSchema)]
pub struct CustomerRetrieve {
    /// Id of the customer, `cus_…`.
    #[serde(rename = "customerId")]
    #[schemars(regex(pattern = "^[^/]+$"))]
    customer_id: String,
}

/// Which customers.
#[derive(Deserialize, JsonSchema)]
pub struct CustomersList {
    /// Only customers with exactly this e-mail address; upper and lower case differ.
    #[schemars(length(min = 1, max = 512))]
    email: Option<String>,
    /// How many on a page.
    #[serde(default = "lists::default_limit")]
    #[schemars(range(min = 1, max = 100))]
    limit: u32,
    /// Only customers listed after the one with this id: forwards, to older ones.
    #[schemars(length(min = 1))]
    starting_after: Option<String>,
    /// Only customers listed before the one with this id: backwards, to newer ones.
    #[schemars(length(min = 1))]
    ending_before: Option<String>,
}

/// A customer. Of a deleted one only the id is left.
#[derive(Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct Customer {
    /// `cus_…`
    pub id: String,
    /// Whether it was deleted.
    #[serde(default)]
    pub deleted: bool,
    /// Full name, if known.
    pub name: Option<String>,
    /// E-mail address, if known.
    pub email: Option<String>,
    /// Telephone number, if known.
    pub phone: Option<String>,
    /// A note, if there is one.
    pub description: Option<String>,
    /// What the customer owes (positive) or has as credit (negative) for the next invoice, in the smallest unit of
    /// the currency.
    pub balance: Option<i64>,
    /// Three letters, ISO 4217, lower case; null before the first invoice.
    pub currency: Option<String>,
    /// Whether the latest invoice is overdue.
    pub delinquent: Option<bool>,
    /// Seconds since 1970.
    pub created: Option<i64>,
}

impl Identified for Customer {
    fn id(&self) -> &str {
        &self.id
    }
}

/// Reads a customer: name, e-mail address, balance.
#[gloveport_sdk::tool(
    title = "Retrieve a customer",
    effect = read,
    routes = ["GET /v1/customers/{customer}"],
    tags = ["customers"],
    aliases = ["customer.retrieve"]
)]
pub fn customer_retrieve(input: CustomerRetrieve) -> Result<Customer, Failure> {
    // `path!` would name the field as Rust does; the caller knows it as `customerId`.
    let path = Path::builder().fixed("/v1/customers/").value("/customerId", &input.customer_id).build();
    rest::send(Request::get(path), &[("customer", "/customerId")])?.json()
}

/// Lists customers, newest first; with `email` finds the ones with that address.
#[gloveport_sdk::tool(title = "List customers", effect = read, routes = ["GET /v1/customers"], tags = ["customers"])]
pub fn customers_list(input: CustomersList) -> Result<List<Customer>, Failure> {
    const FIELDS: Fields = &[
        ("email", "/email"),
        ("limit", "/limit"),
        ("starting_after", "/starting_after"),
        ("ending_before", "/ending_before"),
    ];
    lists::check_cursors(input.starting_after.as_ref(), input.ending_before.as_ref())?;
    let backwards = input.ending_before.is_some();
    let request = Request::get("/v1/customers")
        .query_opt("email", input.email)
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

    fn reply(id: &str) -> Value {
        json!({
            "id": id, "object": "customer", "address": { "city": "Bern" }, "balance": -9_007_199_254_740_993_i64,
            "created": 1_680_893_993, "currency": null, "delinquent": false, "description": null,
            "email": "jenny@example.com", "invoice_prefix": "0759376C", "name": "Jenny Rosen", "phone": null,
        })
    }

    fn customer(id: &str) -> Value {
        json!({
            "id": id, "deleted": false, "name": "Jenny Rosen", "email": "jenny@example.com", "phone": null,
            "description": null, "balance": -9_007_199_254_740_993_i64, "currency": null, "delinquent": false,
            "created": 1_680_893_993,
        })
    }

    fn page(ids: &[&str], has_more: bool) -> Reply {
        let data: Vec<Value> = ids.iter().map(|id| reply(id)).collect();
        Reply::json(200, json!({ "object": "list", "url": "/v1/customers", "has_more": has_more, "data": data }))
    }

    /// KO-12, AK-501.
    #[test]
    fn a_customer_is_read() {
        let host = FakeHost::new().on("GET", "/v1/customers/cus_1", Reply::json(200, reply("cus_1")));
        let result = host.call::<Stripe>("stripe_customer_retrieve", json!({ "customerId": "cus_1" }));
        assert_eq!(result, Ok(customer("cus_1")));
    }

    #[test]
    fn of_a_deleted_customer_only_the_id_is_left() {
        let reply = json!({ "id": "cus_1", "object": "customer", "deleted": true });
        let host = FakeHost::new().on("GET", "/v1/customers/cus_1", Reply::json(200, reply));
        let customer = host.call::<Stripe>("stripe_customer_retrieve", json!({ "customerId": "cus_1" })).unwrap();
        assert_eq!((&customer["deleted"], &customer["email"]), (&json!(true), &Value::Null));
    }

    /// KO-12
    #[test]
    fn the_id_is_needed_under_its_name_and_stays_in_its_place() {
        for (input, path) in [
            (json!({}), ""),
            (json!({ "customer_id": "cus_1" }), ""),
            (json!({ "customerId": "" }), "/customerId"),
            (json!({ "customerId": ".." }), "/customerId"),
        ] {
            let host = FakeHost::new();
            let result = host.call::<Stripe>("stripe_customer_retrieve", input.clone());
            let Err(Failure::InvalidInput(errors)) = result else { panic!("{input}: {result:?}") };
            assert_eq!(errors[0].path, path, "{input}");
            assert!(host.requests().is_empty());
        }
        let host = FakeHost::new().on("GET", "/v1/customers/a%2F..%2Fb", Reply::json(200, reply("a")));
        assert!(host.call::<Stripe>("stripe_customer_retrieve", json!({ "customerId": "a/../b" })).is_ok());
    }

    /// AK-505, AK-508: `{}` gives the first page, as `items`.
    #[test]
    fn customers_are_listed_by_page() {
        for (input, query, reply, next) in [
            (json!({}), "limit=10", page(&["cus_2", "cus_1"], true), json!("cus_1")),
            (json!({ "limit": 1 }), "limit=1", page(&["cus_2"], false), Value::Null),
            (
                json!({ "email": "a+b@example.com", "limit": 100, "starting_after": "cus_3" }),
                "email=a%2Bb%40example.com&limit=100&starting_after=cus_3",
                page(&["cus_2", "cus_1"], true),
                json!("cus_1"),
            ),
            (
                json!({ "ending_before": "cus_0" }),
                "limit=10&ending_before=cus_0",
                page(&["cus_2", "cus_1"], true),
                json!("cus_2"),
            ),
            (json!({}), "limit=10", page(&[], false), Value::Null),
        ] {
            let host = FakeHost::new().on("GET", &format!("/v1/customers?{query}"), reply);
            let list = host.call::<Stripe>("stripe_customers_list", input.clone()).unwrap();
            assert_eq!(list["next_cursor"], next, "{input}");
            assert_eq!(list["has_more"], json!(!next.is_null()), "{input}");
            for item in list["items"].as_array().unwrap() {
                assert_eq!(item, &customer(item["id"].as_str().unwrap()));
            }
        }
    }

    #[test]
    fn two_directions_at_once_are_refused() {
        let host = FakeHost::new();
        let input = json!({ "starting_after": "cus_1", "ending_before": "cus_2" });
        let result = host.call::<Stripe>("stripe_customers_list", input);
        assert_eq!(result, Err(Failure::invalid_input("/ending_before", "excludes `starting_after`")));
        assert!(host.requests().is_empty());
    }

    #[test]
    fn a_cursor_that_stripe_refuses_is_the_callers_mistake() {
        let error = json!({ "error": { "message": "Invalid cursor", "param": "starting_after" } });
        let host = FakeHost::new().on("GET", "/v1/customers", Reply::json(400, error));
        let result = host.call::<Stripe>("stripe_customers_list", json!({ "starting_after": "x" }));
        assert_eq!(result, Err(Failure::invalid_input("/starting_after", "Invalid cursor")));
    }
}
