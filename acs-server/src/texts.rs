//! Texts of the cardholder pages, Japanese and English, by key. A text may hold `{name}` for a
//! value and, in English, `{name|one|many}` for a number with its noun.

/// Languages the pages speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Japanese,
    English,
}

impl Language {
    /// Every language, in the order of the language form.
    pub const ALL: [Self; 2] = [Self::Japanese, Self::English];

    /// The language of a tag such as `ja` or `en-GB`; English when it is neither.
    #[must_use]
    pub fn from_tag(tag: &str) -> Self {
        let primary = tag.split(['-', '_']).next().unwrap_or_default();
        if primary.eq_ignore_ascii_case("ja") { Self::Japanese } else { Self::English }
    }

    /// The value of `lang` attributes.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Japanese => "ja",
            Self::English => "en",
        }
    }

    /// The language's own name for itself.
    #[must_use]
    pub const fn own_name(self) -> &'static str {
        match self {
            Self::Japanese => "日本語",
            Self::English => "English",
        }
    }
}

/// The text of `key` without filling; the key itself when the catalogue does not know it.
#[must_use]
pub fn raw(language: Language, key: &'static str) -> &'static str {
    CATALOGUE.iter().find(|(name, ..)| *name == key).map_or(key, |(_, ja, en)| match language {
        Language::Japanese => ja,
        Language::English => en,
    })
}

/// The text of `key` with its placeholders filled from `values`.
#[must_use]
pub fn text(language: Language, key: &'static str, values: &[(&str, &str)]) -> String {
    let mut rest = raw(language, key);
    let mut filled = String::with_capacity(rest.len() + 32);
    while let Some((before, after)) = rest.split_once('{') {
        let Some((placeholder, tail)) = after.split_once('}') else { break };
        filled.push_str(before);
        fill(&mut filled, placeholder, values);
        rest = tail;
    }
    filled.push_str(rest);
    filled
}

fn fill(out: &mut String, placeholder: &str, values: &[(&str, &str)]) {
    let mut parts = placeholder.split('|');
    let name = parts.next().unwrap_or_default();
    let value = values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| *value);
    out.push_str(value);
    if let (Some(one), Some(many)) = (parts.next(), parts.next()) {
        out.push(' ');
        out.push_str(if value == "1" { one } else { many });
    }
}

/// Key, Japanese, English. With one challenge method, texts name no other method.
const CATALOGUE: &[(&str, &str, &str)] = &[
    ("h.otp", "認証コードの入力", "Enter your code"),
    ("h.oob", "アプリで承認してください", "Approve in your app"),
    ("h.passkey", "パスキーで確認", "Confirm with your passkey"),
    ("h.ok", "ご本人を確認しました", "Identity confirmed"),
    ("h.fail", "確認できませんでした", "We could not confirm it is you"),
    ("h.info", "あとで確認します", "Confirm later"),
    ("h.later", "確認はこれからです", "Still to be confirmed"),
    ("h.cancel", "キャンセルしました", "Cancelled"),
    ("h.time", "時間切れになりました", "Time ran out"),
    ("h.err", "画面を表示できません", "This page cannot be shown"),
    ("title.error", "エラー：", "Error: "),
    ("sum.merchant", "ご利用店", "Merchant"),
    ("others.label", "ほかのご利用店", "Other merchants"),
    ("others.more", "ほか{n}店", "and {n} more"),
    ("sum.amount", "金額", "Amount"),
    ("sum.card", "カード", "Card"),
    ("sum.ending", "末尾 {card}", "ending {card}"),
    (
        "otp.sms",
        "末尾 {to} の電話へSMSで認証コードを送りました。{min}分以内に入力してください。",
        "We texted a code to the phone ending {to}. Enter it within {min|minute|minutes}.",
    ),
    (
        "otp.email",
        "{to} へメールで認証コードを送りました。{min}分以内に入力してください。",
        "We emailed a code to {to}. Enter it within {min|minute|minutes}.",
    ),
    (
        "otp.warn",
        "このコードは誰にも教えないでください。当社も尋ねません。",
        "Never share this code. We will never ask you for it.",
    ),
    (
        "otp.mismatch",
        "お店や金額に覚えがないときは、入力せずにキャンセルしてください。",
        "If you do not recognise the merchant or amount, do not enter the code. Cancel.",
    ),
    ("otp.label", "認証コード（数字{len}桁）", "{len}-digit code"),
    ("otp.label.alphanumeric", "認証コード（英数字{len}桁）", "{len}-character code"),
    ("otp.submit", "認証する", "Confirm"),
    (
        "err.wrong",
        "認証コードが違います。あと{n}回入力できます。",
        "That code is not right. You have {n|try|tries} left.",
    ),
    (
        "err.last",
        "認証コードが違います。入力できるのはあと1回です。メッセージをもう一度ご確認ください。",
        "That code is not right. You have 1 try left. Check the message again.",
    ),
    (
        "err.form",
        "数字{len}桁で入力してください。あと{n}回入力できます。",
        "Enter {len} digits. You have {n|try|tries} left.",
    ),
    (
        "err.form.alphanumeric",
        "英数字{len}桁で入力してください。あと{n}回入力できます。",
        "Enter {len} characters. You have {n|try|tries} left.",
    ),
    (
        "err.old",
        "古い認証コードです。最後に届いた認証コードを入力してください。",
        "That is an earlier code. Enter the newest one.",
    ),
    (
        "err.expired",
        "認証コードの有効期限が切れました。新しいコードを送ってください。",
        "That code has expired. Ask for a new one.",
    ),
    ("trust", "次回からこのお店での確認を省く", "Skip this check at this merchant from now on"),
    (
        "bind",
        "この端末を登録し、次回からの確認を減らす",
        "Remember this device and ask me less often",
    ),
    ("resend.do", "コードを再送する", "Send a new code"),
    (
        "resend.done",
        "新しい認証コードを送りました。前のコードは使えません。",
        "We sent a new code. Earlier codes no longer work.",
    ),
    (
        "resend.wait",
        "再送はあと{s}秒お待ちください。",
        "You can ask for a new code in {s|second|seconds}.",
    ),
    (
        "resend.limit",
        "これ以上は再送できません。最後に届いたコードを入力してください。",
        "No more codes can be sent. Enter the last one.",
    ),
    (
        "resend.fail",
        "認証コードを送れませんでした。{issuer}（{tel}）へご連絡ください。",
        "We could not send the code. Call {issuer} on {tel}.",
    ),
    (
        "oob.text",
        "{issuer}アプリを開き、同じお店と金額であることを確かめて、下の番号を選んでください。",
        "Open the {issuer} app, check that merchant and amount are the same and choose this number.",
    ),
    ("oob.number", "番号 {digits}", "Number {digits}"),
    ("oob.cont", "アプリで承認しました", "I have approved it"),
    ("oob.go", "次へ", "Continue"),
    ("oob.code", "認証コードを使う", "Use a code instead"),
    (
        "oob.answered",
        "アプリからの回答を受け取りました。下のボタンで進んでください。",
        "Your answer in the app has arrived. Go on with the button.",
    ),
    (
        "oob.early",
        "まだ承認を確認できません。アプリで承認してから、もう一度押してください（あと{n}回）。",
        "We cannot see your approval yet. Approve in the app, then press again ({n} left).",
    ),
    (
        "oob.lapsed",
        "アプリでの承認を確認できなかったため、認証コードをお使いください。",
        "We could not ask you in the app. Use a code instead.",
    ),
    ("oob.help.label", "通知が届かないとき", "No notification?"),
    (
        "oob.help.text",
        "通知がなくても、アプリを開くと確認のお願いが表示されます。お困りのときは{issuer}（{tel}）へご連絡ください。",
        "Open the app: the request waits there even without a notification. For help call {issuer} on {tel}.",
    ),
    (
        "oob.mismatch",
        "お店や金額、番号が違うときは、アプリで拒否し、キャンセルしてください。",
        "If merchant, amount or number differ, decline in the app and cancel.",
    ),
    (
        "passkey.text",
        "ボタンを押すと、ブラウザーがお店と金額を表示します。内容を確かめて、指紋や顔などで承認してください。",
        "Press the button and your browser shows the merchant and the amount. Check them, then approve with your fingerprint, face or screen lock.",
    ),
    ("passkey.do", "パスキーを使う", "Use my passkey"),
    ("passkey.code", "認証コードで確認する", "Use a code instead"),
    (
        "passkey.instead",
        "パスキーでは確認できませんでした。認証コードをお送りしました。",
        "Your passkey did not work. We sent you a code instead.",
    ),
    ("cancel", "キャンセル", "Cancel"),
    ("later.do", "あとで別の方法で確認する", "Confirm later in another way"),
    (
        "info.text",
        "コードの入力はここで終わります。このあと{issuer}から別の方法でご連絡し、ご本人であることを確認します。確認が終わるまで承認されません。",
        "You need no code now. {issuer} will contact you in another way to confirm it is you. Nothing is approved until then.",
    ),
    ("info.continue", "お店に進む", "Continue"),
    (
        "later.text",
        "まだ承認していません。お店の画面に戻ります。",
        "Nothing is approved yet. Returning to the merchant.",
    ),
    ("proc.name", "処理中です", "Processing"),
    ("ok.text", "お店の画面に戻ります。", "Returning to the merchant."),
    ("back", "お店に戻る", "Return to merchant"),
    (
        "fail.text",
        "ご本人を確認できなかったため、承認していません。別のお支払い方法をお試しください。",
        "We did not approve this, because we could not confirm it is you. Try another way to pay.",
    ),
    (
        "cancel.text",
        "今回は承認していません。お店の画面に戻ります。",
        "Nothing was approved. Returning to the merchant.",
    ),
    (
        "time.text",
        "10分間操作がなかったため終了しました。今回は承認していません。お店の画面からやり直してください。",
        "Nothing happened for 10 minutes, so we stopped. Nothing was approved. Start again at the merchant.",
    ),
    (
        "stale",
        "最新の画面を表示しました。今の操作は入力回数に数えていません。",
        "Here is the latest page. That did not use up a try.",
    ),
    (
        "err.page",
        "この画面は無効か、すでに終了しています。お店の画面からやり直してください。",
        "This page is not valid or has ended. Start again at the merchant.",
    ),
    ("err.reference", "受付番号 {ref}", "Reference {ref}"),
    (
        "err.busy",
        "ただいま処理できません。しばらくしてからもう一度お試しください。",
        "We cannot do this right now. Try again in a moment.",
    ),
    ("retry", "もう一度試す", "Try again"),
    ("why.label", "なぜ確認が必要ですか", "Why am I being asked?"),
    (
        "why.text",
        "第三者による不正利用を防ぐため、{issuer}がご本人であることを確認しています。カード番号の全桁、暗証番号、セキュリティコードをお尋ねすることはありません。",
        "To stop fraud, {issuer} checks that the card holder is using the card. We never ask for the full card number, PIN or security code here.",
    ),
    ("help.label", "コードが届かないとき", "Code not arriving?"),
    (
        "help.text",
        "1分ほどお待ちのうえ、電波状態と迷惑メッセージの設定をご確認ください。電話番号の変更や電話でのお問い合わせは、カード裏面の番号（{tel}）へお願いします。",
        "Wait a minute, then check your signal and spam folder. To change your number or talk to us, call the number on your card ({tel}).",
    ),
    ("contact", "お問い合わせ {issuer} {tel}", "Questions? Call {issuer} on {tel}"),
    ("language", "表示言語", "Language"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_their_noun() {
        let left = |n| text(Language::English, "err.wrong", &[("n", n)]);
        assert_eq!(left("2"), "That code is not right. You have 2 tries left.");
        assert_eq!(left("1"), "That code is not right. You have 1 try left.");
    }

    #[test]
    fn keys_are_unique_and_both_languages_hold_the_same_placeholders() {
        for (index, (key, ja, en)) in CATALOGUE.iter().enumerate() {
            assert!(CATALOGUE[..index].iter().all(|(other, ..)| other != key), "{key} twice");
            assert_eq!(placeholders(ja), placeholders(en), "{key}");
            assert!(!ja.is_empty() && !en.is_empty(), "{key}");
        }
    }

    #[test]
    fn worst_case_fillings_keep_the_protocol_limits() {
        let issuer_ja = "あ".repeat(20);
        let issuer_en = "W".repeat(30);
        for (key, ..) in CATALOGUE {
            let limit = if key.starts_with("h.") || *key == "back" { 45 } else { 350 };
            for (language, issuer) in
                [(Language::Japanese, &issuer_ja), (Language::English, &issuer_en)]
            {
                let filled = text(
                    language,
                    key,
                    &[("issuer", issuer), ("tel", "+81-3-0000-0000"), ("min", "10"), ("n", "10")],
                );
                assert!(filled.encode_utf16().count() <= limit, "{key}: {filled}");
            }
        }
    }

    fn placeholders(text: &str) -> Vec<String> {
        let mut names: Vec<_> = text
            .split('{')
            .skip(1)
            .filter_map(|rest| rest.split(['}', '|']).next())
            .map(str::to_owned)
            .collect();
        names.sort();
        names
    }
}
