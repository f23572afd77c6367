//! What a connector reads of settings: those of the connection, with the account's own laid over them (AK-012).

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::store::CallContext;

type Settings<'a> = BTreeMap<String, &'a RawValue>;

/// JSON text of an object. A setting of the account stands in place of the connection's of the same name, whole.
pub(super) fn of(context: &CallContext) -> String {
    let (connection, account) = (&context.connection.settings, &context.account.settings);
    let (Ok(mut all), Ok(own)) = (read(connection), read(account)) else { return connection.clone() };
    if own.is_empty() {
        return connection.clone();
    }
    all.extend(own);
    serde_json::to_string(&all).unwrap_or_else(|_| connection.clone())
}

fn read(text: &str) -> serde_json::Result<Settings<'_>> {
    serde_json::from_str(text)
}
