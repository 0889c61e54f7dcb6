//! Words on the screens of an app challenge, Japanese and English, by key; an issuer may replace
//! them. Their lengths are checked when the configuration is loaded, with the longest values that
//! can be filled in, not when a cardholder waits.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::words::Language;

/// An issuer's own words: language tag and key to text.
pub type AppTexts = BTreeMap<(String, String), String>;

/// Everything wrong with an issuer's own words; each finding says what to do. `names` are the
/// issuer's name per language tag.
#[must_use]
pub fn findings(texts: &AppTexts, names: &BTreeMap<String, String>, phone: &str) -> Vec<String> {
    let mut findings = Vec::new();
    for ((tag, key), text) in texts {
        let place = format!("app.texts.{tag} \"{key}\"");
        if Language::of(tag).is_none_or(|language| language.tag() != tag) {
            findings.push(format!("{place}: the language must be \"ja\" or \"en\""));
        }
        match entry(key) {
            None => findings.push(format!("{place}: there is no such text")),
            Some(_) if text.trim().is_empty() => findings.push(format!(
                "{place} is empty: leave it out for the default, an SDK refuses empty labels"
            )),
            Some(entry) => {
                placeholders(&place, entry, text, &mut findings);
                bold(&place, entry, text, &mut findings);
            }
        }
    }
    for language in [Language::Japanese, Language::English] {
        let name = names.get(language.tag()).map_or("", String::as_str);
        let words = Words { texts, language, issuer: name, phone };
        for entry in CATALOGUE {
            let length = words.longest(entry).chars().count();
            if length > entry.limit {
                findings.push(format!(
                    "app.texts.{} \"{}\" can reach {length} characters, {} are allowed: use a \
                     shorter text{}",
                    language.tag(),
                    entry.key,
                    entry.limit,
                    if entry.en.contains("{issuer}") { " or issuer name" } else { "" }
                ));
            }
        }
    }
    findings
}

fn placeholders(place: &str, entry: &Entry, text: &str, findings: &mut Vec<String>) {
    let known: Vec<_> = names_in(entry.en).chain(COMMON).collect();
    for name in names_in(text).filter(|name| !known.contains(name)) {
        findings.push(format!(
            "{place} names {{{name}}}, which is not known here: use {}",
            known.iter().map(|name| format!("{{{name}}}")).collect::<Vec<_>>().join(", ")
        ));
    }
}

/// Bold stands between double asterisks, in longer texts only [Req 445].
fn bold(place: &str, entry: &Entry, text: &str, findings: &mut Vec<String>) {
    let marks = text.matches("**").count();
    if marks > 0 && !matches!(entry.limit, PART | HELP) {
        findings.push(format!("{place} has asterisks: labels cannot be bold"));
    } else if marks % 2 == 1 {
        findings.push(format!("{place}: close the bold text with a second pair of asterisks"));
    }
}

fn names_in(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

/// The words of one issuer in one language.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words<'a> {
    pub(super) texts: &'a AppTexts,
    pub(super) language: Language,
    pub(super) issuer: &'a str,
    pub(super) phone: &'a str,
}

impl<'a> Words<'a> {
    /// The text of `key` with its values; never longer than its element may be.
    pub(super) fn text(&self, key: &'static str, values: &[(&str, &str)]) -> Cow<'a, str> {
        let Some(entry) = entry(key) else { return key.into() };
        let raw = self.raw(entry);
        if raw.contains('{') {
            at_most(entry.limit, self.fill(raw, values)).into()
        } else {
            // Its length was looked at when it was loaded.
            raw.into()
        }
    }

    fn raw(&self, entry: &Entry) -> &'a str {
        // Most issuers have no words of their own: then nothing is looked up.
        let own = (!self.texts.is_empty())
            .then(|| self.texts.get(&(self.language.tag().to_owned(), entry.key.to_owned())))
            .flatten();
        own.map_or(
            match self.language {
                Language::Japanese => entry.ja,
                Language::English => entry.en,
            },
            String::as_str,
        )
    }

    fn fill(&self, text: &str, values: &[(&str, &str)]) -> String {
        let mut filled = String::with_capacity(text.len() + 64);
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, tail)) = after.split_once('}') else { break };
            filled.push_str(before);
            filled.push_str(match name {
                "issuer" => self.issuer,
                "tel" => self.phone,
                _ => values.iter().find(|(known, _)| *known == name).map_or("", |(_, v)| v),
            });
            rest = tail;
        }
        filled.push_str(rest);
        filled
    }

    /// A text with the longest values that may come.
    fn longest(&self, entry: &Entry) -> String {
        let values: Vec<(&str, String)> =
            LONGEST.iter().map(|(name, length)| (*name, "W".repeat(*length))).collect();
        let values: Vec<_> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.fill(self.raw(entry), &values)
    }
}

/// A text cut to so many characters.
pub(super) fn at_most(limit: usize, mut text: String) -> String {
    // No text has more characters than bytes.
    if text.len() > limit
        && let Some((end, _)) = text.char_indices().nth(limit)
    {
        text.truncate(end);
    }
    text
}

/// One text and the length its element may have.
struct Entry {
    key: &'static str,
    limit: usize,
    ja: &'static str,
    en: &'static str,
}

fn entry(key: &str) -> Option<&'static Entry> {
    CATALOGUE.iter().find(|entry| entry.key == key)
}

const fn label(key: &'static str, ja: &'static str, en: &'static str) -> Entry {
    Entry { key, limit: LABEL, ja, en }
}

/// A part of `challengeInfoText`.
const fn part(key: &'static str, ja: &'static str, en: &'static str) -> Entry {
    Entry { key, limit: PART, ja, en }
}

const fn help(key: &'static str, ja: &'static str, en: &'static str) -> Entry {
    Entry { key, limit: HELP, ja, en }
}

/// Characters of headers and labels [Note 148].
pub(super) const LABEL: usize = 45;
/// Characters of `challengeInfoText`.
pub(super) const INFO: usize = 350;
/// Three parts and two line breaks fit [`INFO`] in the usual case; an error has room for two.
const PART: usize = 174;
/// Characters of why and expand texts.
const HELP: usize = 256;
/// Known in every text.
const COMMON: [&str; 2] = ["issuer", "tel"];
/// The longest values: names are cut to this, numbers cannot be longer.
const LONGEST: &[(&str, usize)] = &[
    ("merchant", 40),
    ("amount", 22),
    ("card", 4),
    ("tail", 2),
    ("mail", MAIL),
    ("min", 3),
    ("len", 2),
    ("n", 3),
    ("s", 5),
    ("num", 2),
];
/// Characters of a masked address on a screen.
pub(super) const MAIL: usize = 36;

const CATALOGUE: &[Entry] = &[
    label("header.code", "認証コードの入力", "Enter your code"),
    label("header.oob", "アプリで承認してください", "Approve in your app"),
    label("header.choose", "確認方法の選択", "Choose how to confirm"),
    label("header.notice", "ご本人確認のお願い", "Please confirm it is you"),
    label("header.later", "あとで確認します", "Confirm later"),
    part(
        "what.pay",
        "{merchant} で **{amount}**（カード末尾 {card}）のお支払いを確認します。",
        "Confirm **{amount}** to {merchant} with the card ending {card}.",
    ),
    part(
        "what.npa",
        "{merchant} でカード（末尾 {card}）を登録・確認します。お支払いは発生しません。",
        "{merchant} wants to add or check your card ending {card}. You are not paying now.",
    ),
    part(
        "what.card",
        "カード（末尾 {card}）をお使いの方がご本人であることを確認します。",
        "Confirm that it is you who is using the card ending {card}.",
    ),
    part(
        "how.sms",
        "末尾 {tail} の電話へSMSで送った認証コードを{min}分以内に入力してください。",
        "Enter the code we texted to the phone ending {tail} within {min} min.",
    ),
    part(
        "how.mail",
        "{mail} へメールで送った認証コードを{min}分以内に入力してください。",
        "Enter the code we emailed to {mail} within {min} min.",
    ),
    part(
        "how.notice",
        "次の画面で、お届けする認証コードを入力してください。「次へ」を押すまで認証コードは送りません。",
        "Next we send you a code to enter. Nothing is sent until you press Continue.",
    ),
    part(
        "how.later",
        "コードの入力はここで終わります。このあと{issuer}から別の方法でご連絡し、ご本人であることを確認します。確認が終わるまで承認されません。",
        "You need no code now. {issuer} will contact you in another way to confirm it is you. Nothing is approved until then.",
    ),
    part(
        "how.oob",
        "{issuer}アプリを開き、同じお店と金額であることを確かめて、番号 {num} を選んでください。",
        "Open the {issuer} app, check that merchant and amount are the same and choose number {num}.",
    ),
    part("oob.back", "終わったらこの画面に戻ってください。", "Then come back here."),
    label("oob.open", "アプリを開く", "Open the app"),
    label("oob.cont", "アプリで承認しました", "I have approved it"),
    label("oob.code", "認証コードを使う", "Use a code instead"),
    part(
        "oob.early",
        "まだ承認を確認できません。アプリで承認してから、もう一度押してください（あと{n}回）。",
        "We cannot see your approval yet. Approve in the app, then press again ({n} left).",
    ),
    part(
        "oob.link",
        "アプリを開けませんでした。ご自分でアプリを開いてください。",
        "The app could not be opened from here. Open it yourself.",
    ),
    part(
        "oob.lapsed",
        "アプリでの承認を確認できなかったため、認証コードをお使いください。",
        "We could not ask you in the app. Use a code instead.",
    ),
    label("oob.help.label", "通知が届かないとき", "No notification?"),
    help(
        "oob.help.text",
        "通知がなくても、アプリを開くと確認のお願いが表示されます。お困りのときは {issuer}（{tel}）へご連絡ください。",
        "Open the app: the request waits there even without a notification. For help call {issuer} on {tel}.",
    ),
    part(
        "how.both",
        "末尾 {tail} の電話と {mail} へ同じ認証コードを送りました。{min}分以内に入力してください。",
        "Enter the code we sent to the phone ending {tail} and to {mail} within {min} min.",
    ),
    part(
        "how.two",
        "末尾 {tail} の電話と {mail} へ別々の認証コードを送りました。{min}分以内に両方を入力してください。",
        "Enter both codes within {min} min: one is on the phone ending {tail}, the other at {mail}.",
    ),
    part(
        "how.several",
        "認証コードの送り先を一つ以上お選びください。",
        "Choose one or more places to send your code to.",
    ),
    part("how.choose", "認証コードの送り先をお選びください。", "Choose where we send your code."),
    part(
        "warn",
        "認証コードは誰にも教えないでください。当社も尋ねません。覚えがないときはキャンセルしてください。",
        "Never share it. We will never ask for it. If you do not recognise this, cancel.",
    ),
    label("code.label", "認証コード（数字{len}桁）", "{len}-digit code"),
    label("code.label.alphanumeric", "認証コード（英数字{len}桁）", "{len}-character code"),
    label("code.label.sms", "SMSの認証コード（{len}桁）", "Text message code ({len} characters)"),
    label("code.label.mail", "メールの認証コード（{len}桁）", "Email code ({len} characters)"),
    label(
        "code.label.two",
        "SMSとメールの認証コードを続けて入力",
        "Text message code, then email code",
    ),
    label("code.submit", "認証する", "Confirm"),
    label("resend", "コードを再送する", "Send a new code"),
    label("other.sms", "SMSで受け取る（末尾 {tail}）", "Text it to the phone ending {tail}"),
    label("other.mail", "メールで受け取る", "Email it instead"),
    label("cancel", "キャンセル", "Cancel"),
    label("continue.notice", "次へ", "Continue"),
    label("continue.later", "お店に進む", "Continue"),
    label("later.do", "あとで別の方法で確認する", "Confirm later in another way"),
    label("choose.label", "確認方法", "Method"),
    label("choose.sms", "SMS（末尾 {tail}）", "Text message (ending {tail})"),
    label("choose.mail", "メール（{mail}）", "Email {mail}"),
    label("choose.submit", "次へ", "Continue"),
    part(
        "err.wrong",
        "認証コードが違います。あと{n}回入力できます。",
        "That code is not right. Tries left: {n}.",
    ),
    part(
        "err.last",
        "認証コードが違います。入力できるのはあと1回です。メッセージをもう一度ご確認ください。",
        "That code is not right. You have 1 try left. Check the message again.",
    ),
    part(
        "err.form",
        "数字{len}桁で入力してください。あと{n}回入力できます。",
        "Enter {len} digits. Tries left: {n}.",
    ),
    part(
        "err.form.alphanumeric",
        "英数字{len}桁で入力してください。あと{n}回入力できます。",
        "Enter {len} characters. Tries left: {n}.",
    ),
    part(
        "err.old",
        "古い認証コードです。最後に届いた認証コードを入力してください。",
        "That is an earlier code. Enter the newest one.",
    ),
    part(
        "err.expired",
        "認証コードの有効期限が切れました。新しいコードを送ってください。",
        "That code has expired. Ask for a new one.",
    ),
    part(
        "err.form.two",
        "2つの認証コードを{len}桁ずつ入力してください。あと{n}回入力できます。",
        "Enter both codes, {len} characters each. Tries left: {n}.",
    ),
    part("err.several", "一つ以上お選びください。", "Choose at least one of these."),
    part("err.choose", "一つお選びください。", "Choose one of these."),
    part(
        "resend.done",
        "新しい認証コードを送りました。前のコードは使えません。",
        "We sent a new code. Earlier codes no longer work.",
    ),
    part(
        "resend.wait",
        "再送はあと{s}秒お待ちください。",
        "You can ask for a new code in {s} seconds.",
    ),
    part(
        "resend.limit",
        "これ以上は再送できません。最後に届いたコードを入力してください。",
        "No more codes can be sent. Enter the last one.",
    ),
    part(
        "resend.fail",
        "認証コードを送れませんでした。{issuer}（{tel}）へご連絡ください。",
        "We could not send the code. Call {issuer} on {tel}.",
    ),
    Entry {
        key: "trust",
        limit: 64,
        ja: "次回からこのお店での確認を省く",
        en: "Skip this check at this merchant from now on",
    },
    Entry {
        key: "bind",
        limit: 64,
        ja: "この端末を登録し、次回からの確認を減らす",
        en: "Remember this device and ask me less often",
    },
    label("sum.merchant", "ご利用店", "Merchant"),
    label("sum.amount", "金額", "Amount"),
    label("sum.card", "カード", "Card"),
    label("sum.ending", "末尾 {card}", "ending {card}"),
    label("why.label", "なぜ確認が必要ですか", "Why am I being asked?"),
    help(
        "why.text",
        "第三者による不正利用を防ぐため、{issuer}がご本人であることを確認しています。カード番号の全桁、暗証番号、セキュリティコードをお尋ねすることはありません。",
        "To stop fraud, {issuer} checks that the card holder is using the card. We never ask for the full card number, PIN or security code here.",
    ),
    label("help.label", "コードが届かないとき", "Code not arriving?"),
    help(
        "help.text",
        "1分ほどお待ちのうえ、電波状態と迷惑メッセージの設定をご確認ください。電話番号の変更や電話でのお問い合わせは、カード裏面の番号（{tel}）へお願いします。",
        "Wait a minute, then check your signal and spam folder. To change your number or talk to us, call the number on your card ({tel}).",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> BTreeMap<String, String> {
        let names = [("ja", "あ".repeat(20)), ("en", "W".repeat(30))];
        names.map(|(tag, name)| (tag.to_owned(), name)).into()
    }

    fn with(tag: &str, key: &str, text: &str) -> AppTexts {
        [((tag.to_owned(), key.to_owned()), text.to_owned())].into()
    }

    #[test]
    fn the_catalogue_itself_keeps_every_limit_with_the_longest_values() {
        let found = findings(&AppTexts::new(), &names(), "+81-3-0000-0000-1234");
        assert_eq!(found, Vec::<String>::new());
        for entry in CATALOGUE {
            let mut placeholders = [entry.ja, entry.en].map(|text| {
                let mut names: Vec<_> = names_in(text).collect();
                names.sort_unstable();
                names
            });
            let en = std::mem::take(&mut placeholders[1]);
            assert_eq!(placeholders[0], en, "{}", entry.key);
            assert!(names_in(entry.en).all(|name| {
                COMMON.contains(&name) || LONGEST.iter().any(|(known, _)| *known == name)
            }));
        }
    }

    #[test]
    fn own_words_are_judged_before_anybody_waits_for_them() {
        let finding = |tag: &str, key: &str, text: &str| {
            let found = findings(&with(tag, key, text), &names(), "");
            assert_eq!(found.len(), 1, "{found:?}");
            found.into_iter().next().unwrap()
        };
        assert!(finding("en", "code.submit", &"x".repeat(46)).contains("46 characters"));
        assert!(finding("en", "code.submit", "").contains("empty"));
        assert!(finding("en", "code.submt", "Go").contains("no such text"));
        assert!(finding("fr", "code.submit", "Allez").contains("language"));
        assert!(finding("ja", "code.submit", "{merchant}").contains("not known here"));
        let long = format!("{}{{merchant}}", "x".repeat(140));
        assert!(finding("en", "what.pay", &long).contains("180 characters"));
        let found = findings(&with("ja", "code.submit", "送信"), &names(), "");
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn what_is_filled_in_is_never_read_again() {
        let texts = AppTexts::new();
        let language = Language::English;
        let words = Words { texts: &texts, language, issuer: "Bank {card}", phone: "1" };
        let text =
            words.text("what.pay", &[("merchant", "{card}"), ("amount", "1"), ("card", "7")]);
        assert_eq!(text, "Confirm **1** to {card} with the card ending 7.");
        assert_eq!(words.text("what.pay", &[("merchant", &"m".repeat(400))]).chars().count(), PART);
    }
}
