//! Reads the forms of a page, as far as a browser without scripts needs them.

use std::collections::HashMap;

/// A form with what it would send.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form {
    /// `action` as written; empty means the page's own URL.
    pub action: String,
    /// Inputs that are not buttons: name and value.
    pub fields: Vec<(String, String)>,
    /// Boxes that are not ticked: name and value.
    pub boxes: Vec<(String, String)>,
    /// Submit buttons with a name: name and value.
    pub buttons: Vec<(String, String)>,
    /// `data-wait`: where its page asks whether to go on.
    pub wait: Option<String>,
}

impl Form {
    /// The value of a field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Whether pressing `name=value` is possible.
    #[must_use]
    pub fn has_button(&self, name: &str, value: &str) -> bool {
        self.buttons.iter().any(|(n, v)| n == name && v == value)
    }

    /// The same form with the boxes of these names ticked.
    #[must_use]
    pub fn ticked(mut self, names: &[String]) -> Self {
        let (ticked, left) = self.boxes.into_iter().partition(|(name, _)| names.contains(name));
        self.fields.extend::<Vec<_>>(ticked);
        self.boxes = left;
        self
    }

    /// The pairs sent when `entries` are typed and `button` is pressed.
    #[must_use]
    pub fn filled(
        &self,
        entries: &[(&str, &str)],
        button: Option<(&str, &str)>,
    ) -> Vec<(String, String)> {
        let mut pairs: Vec<_> = self
            .fields
            .iter()
            .map(|(name, value)| {
                let typed = entries.iter().find(|(n, _)| n == name);
                (name.clone(), typed.map_or_else(|| value.clone(), |(_, text)| (*text).to_owned()))
            })
            .collect();
        pairs.extend(button.map(|(name, value)| (name.to_owned(), value.to_owned())));
        pairs
    }
}

/// All forms of `page`, in order. Inputs of unchecked boxes and without a name are left out.
/// Controls outside a form count when their `form` attribute names it by id.
#[must_use]
pub fn forms(page: &str) -> Vec<Form> {
    let mut forms: Vec<(Option<String>, Form)> = Vec::new();
    let mut open = false;
    for (name, attributes) in tags(page) {
        match name.as_str() {
            "form" => {
                let action = attributes.get("action").cloned().unwrap_or_default();
                let wait = attributes.get("data-wait").cloned();
                let form = Form { action, wait, ..Form::default() };
                forms.push((attributes.get("id").cloned(), form));
                open = true;
            }
            "/form" => open = false,
            "input" | "button" | "textarea" => {
                let form = match attributes.get("form") {
                    Some(id) => forms.iter_mut().find(|(own, _)| own.as_ref() == Some(id)),
                    None if open => forms.last_mut(),
                    None => None,
                };
                if let Some((_, form)) = form {
                    add_control(form, &name, &attributes);
                }
            }
            _ => {}
        }
    }
    forms.into_iter().map(|(_, form)| form).collect()
}

/// What a person would read: text without tags, scripts and styles.
#[must_use]
pub fn visible_text(page: &str) -> String {
    let mut text = String::new();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        text.push_str(&rest[..start]);
        text.push(' ');
        let tag = &rest[start..];
        let hidden = ["script", "style", "title"].into_iter().find(|name| {
            tag.get(1..=name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name))
        });
        let end = match hidden {
            Some(name) => {
                let closing = format!("</{name}");
                tag.to_ascii_lowercase().find(&closing).map_or(tag.len(), |at| at + closing.len())
            }
            None => 0,
        };
        rest = tag[end..].find('>').map_or("", |close| &tag[end + close + 1..]);
    }
    text.push_str(rest);
    unescape(&text).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn add_control(form: &mut Form, tag: &str, attributes: &HashMap<String, String>) {
    let Some(name) = attributes.get("name").filter(|name| !name.is_empty()) else { return };
    if attributes.contains_key("disabled") {
        return;
    }
    let value = attributes.get("value").cloned().unwrap_or_default();
    let kind = attributes.get("type").map_or("", String::as_str).to_ascii_lowercase();
    let is_button = (tag == "button" && kind != "button") || (tag == "input" && kind == "submit");
    let unchecked =
        matches!(kind.as_str(), "checkbox" | "radio") && !attributes.contains_key("checked");
    if is_button {
        form.buttons.push((name.clone(), value));
    } else if unchecked {
        form.boxes.push((name.clone(), value));
    } else if tag != "button" && !matches!(kind.as_str(), "button" | "reset" | "file") {
        form.fields.push((name.clone(), value));
    }
}

/// Tags with their attributes, comments and script bodies skipped.
fn tags(page: &str) -> Vec<(String, HashMap<String, String>)> {
    let mut found = Vec::new();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        let name_end =
            rest.find(|c: char| c.is_whitespace() || c == '>' || c == '<').unwrap_or(rest.len());
        let name = rest[..name_end].trim_end_matches('/').to_ascii_lowercase();
        let (attributes, after) = attributes(&rest[name_end..]);
        rest = after;
        if name == "script" || name == "style" {
            let closing = format!("</{name}");
            rest = rest.to_ascii_lowercase().find(&closing).map_or("", |at| &rest[at..]);
        }
        if !name.is_empty() {
            found.push((name, attributes));
        }
    }
    found
}

/// Attributes up to the closing `>`, and what follows it.
fn attributes(mut rest: &str) -> (HashMap<String, String>, &str) {
    let mut attributes = HashMap::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        if rest.is_empty() {
            return (attributes, "");
        }
        if let Some(after) = rest.strip_prefix('>') {
            return (attributes, after);
        }
        let end = rest
            .find(|c: char| c.is_whitespace() || matches!(c, '=' | '>' | '/'))
            .unwrap_or(rest.len())
            .max(1);
        let end = (end..=rest.len()).find(|at| rest.is_char_boundary(*at)).unwrap_or(rest.len());
        let name = rest[..end].to_ascii_lowercase();
        rest = rest[end..].trim_start();
        let mut value = String::new();
        if let Some(after) = rest.strip_prefix('=') {
            let after = after.trim_start();
            let (raw, remaining) = match after.chars().next() {
                Some(quote @ ('"' | '\'')) => {
                    let inner = &after[1..];
                    inner.find(quote).map_or((inner, ""), |at| (&inner[..at], &inner[at + 1..]))
                }
                _ => {
                    let at =
                        after.find(|c: char| c.is_whitespace() || c == '>').unwrap_or(after.len());
                    after.split_at(at)
                }
            };
            value = unescape(raw);
            rest = remaining;
        }
        attributes.entry(name).or_insert(value);
    }
}

/// Decodes the character references that escaped attribute values and text use.
#[must_use]
pub fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let decoded = rest
            .find(';')
            .filter(|end| *end <= 10)
            .and_then(|end| Some((reference(&rest[1..end])?, end)));
        if let Some((character, end)) = decoded {
            plain.push(character);
            rest = &rest[end + 1..];
        } else {
            plain.push('&');
            rest = &rest[1..];
        }
    }
    plain.push_str(rest);
    plain
}

fn reference(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some('\u{a0}'),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_page_is_read() {
        let page = r#"<!doctype html><html><head><script>"<form action='no'>"</script></head>
            <body><!-- <form action="no"> --><form method=post action="/3ds/x?a=1&amp;b=2" >
            <input name=challengeDataEntry inputmode="numeric"><input type="hidden" name="token"
            value="a&#34;b&#x26;"/><input type=checkbox name=trust value=y>
            <button name="action" value="submit">OK</button>
            <button name=action value=cancel formnovalidate>Cancel</button></form>
            <input name="outside" value="1"></body>"#;
        let forms = forms(page);
        assert_eq!(forms.len(), 1);
        let form = &forms[0];
        assert_eq!(form.action, "/3ds/x?a=1&b=2");
        assert_eq!(form.field("token"), Some("a\"b&"));
        assert_eq!(form.field("trust"), None);
        assert!(form.has_button("action", "cancel"));
        let sent = form.filled(&[("challengeDataEntry", "123456")], Some(("action", "submit")));
        assert_eq!(sent[0].1, "123456");
        assert_eq!(sent[2], ("action".to_owned(), "submit".to_owned()));
    }

    #[test]
    fn text_is_what_people_read() {
        let page = "<style>p{}</style><p>Wrong&nbsp;code</p><script>1<2</script> <b>2 left</b>";
        assert_eq!(visible_text(page), "Wrong code 2 left");
    }

    #[test]
    fn broken_markup_does_not_panic() {
        for page in
            ["<", "<form", "<form action=", "<form action=\"", "<é =>", "<a é", "&#;", "<!--"]
        {
            let _ = (forms(page), visible_text(page));
        }
    }
}
