//! AReqs that ask for as much work as a sender can think of, each up to [`LENGTH`].

use std::fmt::Write as _;

/// Bytes of a heavy seed: enough that anything quadratic shows.
const LENGTH: usize = 48 * 1024;

/// One per idea, on a message that is good otherwise where that can be.
pub(super) fn areqs() -> Vec<Vec<u8>> {
    let bases = ["2.2.0/areq/brw-pa/full", "2.3.1/areq/brw-pa/full", "2.3.1/areq/app-pa/full"];
    let bodies =
        bases.iter().filter_map(|id| super::VECTORS.iter().find(|vector| vector.id == *id));
    let tails = tails();
    bodies.flat_map(|base| tails.iter().map(|tail| with(&base.body, tail))).collect()
}

/// The message with more members at its end.
fn with(base: &[u8], tail: &str) -> Vec<u8> {
    let body = base.strip_suffix(b"}").unwrap_or(base);
    [body, b",", tail.as_bytes(), b"}"].concat()
}

fn tails() -> Vec<String> {
    let mut tails = vec![
        many(|n| format!("\"x{n}\":1")),
        many(|_| "\"same\":1".to_owned()),
        many(|_| "\"mcc\":\"5411\"".to_owned()),
        many(|n| format!("\"mcc{}\":{{\"mcc\":1,\"mcc\":2}}", n / 2)),
        many(|n| format!("\"{}{n}\":0", "threeDSRequestorAuthenticationInd".repeat(3))),
        format!("\"deep\":{}{}", "[".repeat(125), "]".repeat(125)),
        format!("\"deep\":{}1{}", "{\"a\":".repeat(125), "}".repeat(125)),
        format!("\"text\":\"{}\"", "\\u6f22\\n\\\"".repeat(LENGTH / 10)),
        format!("\"text\":\"{}\"", "漢".repeat(LENGTH / 3)),
        format!("\"number\":{}", "9".repeat(300)),
        format!("\"number\":0.{}1", "0".repeat(LENGTH)),
        format!("\"space\":{}1", " ".repeat(LENGTH)),
        format!("\"objects\":[{}]", many(|_| "{}".to_owned())),
        format!("\"objects\":[{}]", many(|_| "{\"a\":1,\"a\":2}".to_owned())),
        format!("\"nulls\":[{}]", many(|_| "null".to_owned())),
    ];
    let arrays =
        ["sellerInfo", "threeDSRequestorChallengeInd", "acceptLanguage", "messageExtension"];
    for name in arrays {
        for item in
            ["{}", "\"\"", "\"aa\"", "1", "[]", "{\"sellerName\":1,\"sellerId\":1,\"id\":[]}"]
        {
            let items = vec![item; 100].join(",");
            tails.push(format!("\"own{name}\":1,\"{name}\":[{items}]"));
        }
        let long = (0..99).map(|n| format!("\"{}{n}\"", "x".repeat(400))).collect::<Vec<_>>();
        tails.push(format!("\"{name}\":[{}]", long.join(",")));
    }
    let data = many(|n| format!("\"k{n}\":[{n},{{}}]"));
    tails.push(format!(
        "\"messageExtension\":[{{\"name\":\"n\",\"id\":\"i\",\"criticalityIndicator\":false,\"data\":{{{data}}}}}]"
    ));
    tails
}

/// Parts with commas between them, up to the length.
fn many(part: impl Fn(usize) -> String) -> String {
    let mut text = part(0);
    for number in 1.. {
        if text.len() >= LENGTH {
            break;
        }
        // Writing to a String cannot fail.
        let _ = write!(text, ",{}", part(number));
    }
    text
}
