//! Texts and amounts, and the arithmetic as properties.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn quantity(text: &str) -> Quantity {
    text.parse().unwrap()
}

#[test]
fn texts_have_a_canonical_form() {
    let cases = [
        ("0", "0"),
        ("0Gi", "0"),
        ("1", "1"),
        ("+1", "1"),
        ("-1", "-1"),
        ("100m", "100m"),
        ("0.5", "500m"),
        (".5", "500m"),
        ("1.", "1"),
        ("1000m", "1"),
        ("1500m", "1500m"),
        ("1000", "1k"),
        ("1024", "1024"),
        ("1e3", "1e3"),
        ("1E3", "1e3"),
        ("12e4", "120e3"),
        ("5e-1", "500e-3"),
        ("1E", "1E"),
        ("1Gi", "1Gi"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("0.5Ki", "512"),
        ("0.8Gi", "858993459200m"),
        ("1.0000000000000000000000000Ei", "1Ei"),
        (
            "2220021458738660000.000000311",
            "2220021458738660000000000311n",
        ),
        (
            "2220021458738660000000000311n",
            "2220021458738660000000000311n",
        ),
        ("512Ki", "512Ki"),
        ("-1.5Gi", "-1536Mi"),
        ("1u", "1u"),
        ("1n", "1n"),
        ("0.1n", "1n"),
        ("-0.1n", "-1n"),
        ("1e-30", "1e-9"),
        ("0.00000000000000000000000000000000001", "1n"),
        ("9223372036854775807", "9223372036854775807"),
        ("100E", "9223372036854775807"),
        ("1e100", "9223372036854775807"),
        (
            "-99999999999999999999999999999999999999999",
            "-9223372036854775807",
        ),
    ];
    for (text, canonical) in cases {
        assert_eq!(quantity(text).to_string(), canonical, "{text}");
    }
}

#[test]
fn bad_texts_say_what_is_wrong() {
    let format = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
    let cases = [
        ("", format),
        ("abc", format),
        ("1.2.3", format),
        ("1 Gi", format),
        ("1,5", format),
        ("١", format),
        ("1KiB", format),
        ("1Kim", "unable to parse quantity's suffix"),
        ("1e", "unable to parse quantity's suffix"),
        ("1e99999999999", "unable to parse quantity's suffix"),
        ("Gi", "unable to parse numeric part of quantity"),
        ("-", "unable to parse numeric part of quantity"),
        (".", "unable to parse numeric part of quantity"),
    ];
    for (text, words) in cases {
        assert_eq!(
            text.parse::<Quantity>().unwrap_err().to_string(),
            words,
            "{text}"
        );
    }
}

#[test]
fn amounts_are_rounded_up() {
    let cases = [
        ("1", 1, 1000),
        ("1m", 1, 1),
        ("1u", 1, 1),
        ("1500m", 2, 1500),
        ("-1500m", -2, -1500),
        ("1Ki", 1024, 1_024_000),
        ("9E", 9_000_000_000_000_000_000, i64::MAX),
    ];
    for (text, value, milli) in cases {
        assert_eq!(
            (quantity(text).value(), quantity(text).milli_value()),
            (value, milli),
            "{text}"
        );
    }
}

#[test]
fn a_sum_keeps_the_suffixes_of_the_first() {
    assert_eq!((quantity("1Gi") + quantity("1024Mi")).to_string(), "2Gi");
    assert_eq!((quantity("1") + quantity("1Ki")).to_string(), "1025");
    assert_eq!((quantity("0") + quantity("1Ki")).to_string(), "1Ki");
    assert_eq!((quantity("1") - quantity("100m")).to_string(), "900m");
    let all: Quantity = ["100m", "200m", "700m"].map(quantity).into_iter().sum();
    assert_eq!(all.to_string(), "1");
}

#[test]
fn json_numbers_are_quantities() {
    assert_eq!(Quantity::from_json(&json!(2)), Ok(quantity("2")));
    assert_eq!(Quantity::from_json(&json!(0.5)), Ok(quantity("500m")));
    assert_eq!(
        Quantity::from_json(&json!(true)),
        Err(QuantityError::Format)
    );
}

#[test]
fn numbers_become_quantities() {
    assert_eq!(Quantity::from_value(1000).to_string(), "1k");
    assert_eq!(Quantity::from_milli(1500).to_string(), "1500m");
    assert_eq!(Quantity::from_bytes(1 << 30).to_string(), "1Gi");
}

fn any_text() -> impl Strategy<Value = String> {
    let suffix = prop::sample::select(vec![
        "n", "u", "m", "", "k", "M", "Ki", "Mi", "Gi", "e2", "e-3",
    ]);
    ("-?[0-9]{1,9}(\\.[0-9]{1,6})?", suffix).prop_map(|(number, suffix)| number + suffix)
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,12}") {
        let _ = text.parse::<Quantity>();
    }

    #[test]
    fn the_canonical_form_is_the_same_amount(text in any_text()) {
        let read = quantity(&text);
        let again = quantity(&read.to_string());
        prop_assert_eq!(again, read, "{}", text);
        prop_assert_eq!(again.to_string(), read.to_string());
    }

    #[test]
    fn what_is_added_can_be_subtracted(one in any_text(), other in any_text()) {
        let (one, other) = (quantity(&one), quantity(&other));
        prop_assert_eq!(one + other - other, one);
        prop_assert_eq!(one + other, other + one);
        prop_assert_eq!(one.cmp(&other), (one - other).cmp(&Quantity::ZERO));
    }
}
