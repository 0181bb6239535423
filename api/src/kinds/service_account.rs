//! ServiceAccounts.

use jiff::Timestamp;
use serde_json::Value;

use super::common::{cells, describe};
use crate::{Column, Descriptor, Strategy};

pub(super) fn descriptor() -> Descriptor {
    Descriptor {
        short_names: describe::short("sa"),
        ..describe::namespaced(
            describe::CORE,
            "ServiceAccount",
            "serviceaccounts",
            ServiceAccount,
        )
    }
}

pub(super) struct ServiceAccount;

impl Strategy for ServiceAccount {
    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("Secrets", "string"),
            cells::age_column(),
        ]
    }

    fn cells(&self, account: &Value, now: Timestamp) -> Vec<Value> {
        vec![
            cells::name(account),
            cells::items(account, "/secrets").len().into(),
            cells::age(account, now),
        ]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::assert_row;

    #[test]
    fn a_service_account_in_the_list() {
        let object =
            json!({"metadata": {"name": "default", "creationTimestamp": "2026-01-01T00:00:00Z"}});
        let row = [
            ("Name", json!("default")),
            ("Secrets", json!(0)),
            ("Age", json!("5m")),
        ];
        assert_row(&ServiceAccount, &object, &row);
    }
}
