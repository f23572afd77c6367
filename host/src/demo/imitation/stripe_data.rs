//! What the imitated Stripe holds when it starts, and the shapes of its objects.

use serde_json::{Value, json};

/// A charge, and what of it was paid back.
#[derive(Clone, Debug)]
pub(super) struct Charge {
    pub(super) id: &'static str,
    pub(super) payment_intent: &'static str,
    /// In the currency's smallest unit. May be past 2^53: Stripe's own limit is eight digits, ours must not be.
    pub(super) amount: i64,
    pub(super) refunded: i64,
    pub(super) currency: &'static str,
    pub(super) customer: &'static str,
    /// The card refuses whatever is done with it.
    pub(super) declined: bool,
}

/// The charges that each user starts with.
pub(super) fn charges() -> Vec<Charge> {
    let charge = |id, payment_intent, amount| Charge {
        id,
        payment_intent,
        amount,
        refunded: 0,
        currency: "eur",
        customer: "cus_1",
        declined: false,
    };
    vec![
        charge("ch_1", "pi_1", 2_000),
        charge("ch_2", "pi_2", 9_007_199_254_740_993),
        Charge { refunded: 500, ..charge("ch_refunded", "pi_3", 500) },
        Charge { declined: true, ..charge("ch_declined", "pi_4", 700) },
    ]
}

impl Charge {
    pub(super) fn json(&self) -> Value {
        json!({
            "id": self.id,
            "object": "charge",
            "amount": self.amount,
            "amount_captured": self.amount,
            "amount_refunded": self.refunded,
            "captured": true,
            "disputed": false,
            "currency": self.currency,
            "customer": self.customer,
            "payment_intent": self.payment_intent,
            "refunded": self.refunded == self.amount,
            "paid": true,
            "status": "succeeded",
            "livemode": false,
            "created": 1_767_323_045,
        })
    }

    pub(super) fn payment_intent_json(&self) -> Value {
        json!({
            "id": self.payment_intent,
            "object": "payment_intent",
            "amount": self.amount,
            "currency": self.currency,
            "customer": self.customer,
            "amount_received": self.amount,
            "latest_charge": self.id,
            "status": "succeeded",
            "created": 1_767_323_045,
        })
    }

    pub(super) fn refund_json(&self, number: usize, amount: i64, reason: Option<String>) -> Value {
        json!({
            "id": format!("re_{number}"),
            "object": "refund",
            "amount": amount,
            "currency": self.currency,
            "charge": self.id,
            "payment_intent": self.payment_intent,
            "reason": reason,
            "status": "succeeded",
            "created": 1_767_323_045,
        })
    }
}

/// Customers `cus_1` to `cus_25`, of whom the name says whose they are.
pub(super) fn customer(login: &str, number: usize) -> Value {
    json!({
        "id": format!("cus_{number}"),
        "object": "customer",
        "name": format!("Customer {number} of {login}"),
        "email": format!("customer{number}@{login}.test"),
        "balance": 0,
        "currency": "eur",
        "livemode": false,
        "created": 1_767_323_045,
    })
}
