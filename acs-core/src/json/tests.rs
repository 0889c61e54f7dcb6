use proptest::prelude::*;

use super::*;

#[test]
fn duplicates_are_kept_and_found_at_any_depth() {
    let text = r#"{"a":"x","a":"y\n","b":[1,null,{"c":true}]}"#;
    let document = parse(text.as_bytes()).unwrap();
    assert_eq!(document.root().members().count(), 3);
    assert_eq!(document.text("a"), Some("x"));
    assert!(document.has_repeats());
    assert_eq!(document.root().0.text_length(), text.len());
    for (text, repeats) in [
        (r#"{"mcc":1,"b":{"mcc":1}}"#, false),
        (r#"{"b":{"mcc":1,"name":{"mcc":2},"mcc":1}}"#, true),
        (r#"{"b":[[{"q":1,"r":{"q":1},"q":1}]]}"#, true),
        (r#"{"b":{"q":1,"r":2},"q":1}"#, false),
        (r#"{"mcc":1,"m\u0063c":1}"#, true),
        (r#"{"":1,"":1}"#, true),
    ] {
        assert_eq!(parse(text.as_bytes()).unwrap().has_repeats(), repeats, "{text}");
    }
}

#[test]
fn members_are_found_by_name() {
    let text = r#"{"other":{"mcc":"1","x":"2"},"mcc":"3","mcc":"4","x\t":"5","\u006dcc2":"6"}"#;
    let document = parse(text.as_bytes()).unwrap();
    let other = document.get("other").and_then(Node::as_object).unwrap();
    assert_eq!((other.text("mcc"), other.text("x")), (Some("1"), Some("2")));
    assert_eq!((document.text("mcc"), document.text("x\t")), (Some("3"), Some("5")));
    assert_eq!((document.text("mcc2"), document.text("x")), (Some("6"), None));
}

#[test]
fn anything_but_one_object_is_refused() {
    for bad in
        ["", "[]", "1", "{}{}", "{\"a\":}", "\u{feff}{}", "{\"a\":\"\u{1}\"}", "{\"a\":1e999}"]
    {
        assert!(parse(bad.as_bytes()).is_none(), "{bad:?}");
    }
    assert!(parse(b"{\"a\":\"\xff\"}").is_none());
    let deep = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(deep(126).as_bytes()).is_some());
    assert!(parse(deep(127).as_bytes()).is_none());
}

#[test]
fn lengths_are_those_of_the_text_without_space() {
    for (text, length) in [
        (r#"{"a":[ ] , "b" : { } }"#, 15),
        ("{\"a\":\"\\u0041\\u0001\\n\\\"\"}", 19),
        (r#"{"ü":"漢字","n":[-1.50,true,false,null]}"#, 38),
    ] {
        let document = parse(text.as_bytes()).unwrap();
        let node = document.root().0;
        assert_eq!(node.text_length(), length, "{text}");
        assert!(node.is_longer_than(length - 1) && !node.is_longer_than(length), "{text}");
    }
}

/// The same object as serde_json sees it, which keeps the last of duplicates.
fn agrees(text: &[u8]) -> Result<(), TestCaseError> {
    let theirs = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(text);
    let ours = parse(text);
    prop_assert_eq!(ours.is_some(), theirs.is_ok(), "{}", String::from_utf8_lossy(text));
    if let (Some(ours), Ok(theirs)) = (ours, theirs) {
        match ours.root().to_value() {
            Some(tree) => {
                prop_assert_eq!(tree, serde_json::Value::Object(theirs));
                prop_assert!(!ours.has_repeats());
            }
            None => prop_assert!(ours.has_repeats()),
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn serde_json_agrees_on_pieces(pieces in proptest::collection::vec(prop::sample::select(vec![
        "{", "}", "[", "]", ",", ":", "\"", "\\", "\"a\"", "\"mcc\"", "\"b\":", "\\u00e4", "\\ud83d",
        "\\ude00", "\\n", "1", "-", "0", ".5", "e9", "E+40", "1e308", "true", "false", "null", " ",
        "\t", "\n", "\u{1}", "漢", "plain text of some length", "{\"a\":1}", "\"x\":\"y\",", "{}",
    ]), 0..24)) {
        agrees(pieces.concat().as_bytes())?;
        agrees(format!("{{\"a\":{}}}", pieces.concat()).as_bytes())?;
        agrees(format!("{{\"a\":\"{}\"}}", pieces.concat()).as_bytes())?;
    }

    #[test]
    fn long_texts_are_written_as_serde_json_writes_them(
        text in "([a-z.]{0,9}|[\\x00-\\x7f]|\\PC|\\\\[nu\"\\\\]){0,12}"
    ) {
        let ours = serde_json::to_string(&LongText(&text)).unwrap();
        prop_assert_eq!(ours, serde_json::to_string(&text).unwrap());
    }

    #[test]
    fn serde_json_agrees_on_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        agrees(&[b"{\"a\":\"", bytes.as_slice(), b"\"}"].concat())?;
        agrees(&bytes)?;
    }
}
