//! Texts of the shop, Japanese and English, by key.

/// Languages the shop speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Japanese,
    English,
}

impl Language {
    /// Every language, in the order of the switch.
    pub(crate) const ALL: [Self; 2] = [Self::Japanese, Self::English];

    /// The language of a tag such as `ja` or `en-GB`, when the shop speaks it.
    pub(crate) fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.trim().split(['-', '_', ';']).next().unwrap_or_default();
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
    }

    /// What was asked for by `lang`, else the first known one of `Accept-Language`, else English.
    pub(crate) fn choose(asked: Option<&str>, accept_language: Option<&str>) -> Self {
        asked
            .and_then(Self::from_tag)
            .or_else(|| accept_language.unwrap_or_default().split(',').find_map(Self::from_tag))
            .unwrap_or(Self::English)
    }

    /// The value of `lang` attributes.
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::Japanese => "ja",
            Self::English => "en",
        }
    }

    /// The language's own name for itself.
    pub(crate) const fn own_name(self) -> &'static str {
        match self {
            Self::Japanese => "日本語",
            Self::English => "English",
        }
    }

    /// The text of `key`; the key itself when the catalogue does not know it.
    pub(crate) fn text(self, key: &'static str) -> &'static str {
        CATALOGUE.iter().find(|(name, ..)| *name == key).map_or(key, |(_, ja, en)| match self {
            Self::Japanese => ja,
            Self::English => en,
        })
    }

    /// What a final `transStatus` means to a buyer and a merchant.
    pub(crate) fn status(self, code: Option<&str>) -> &'static str {
        match (self, code) {
            (Self::English, code) => crate::words::status(code),
            (Self::Japanese, Some("Y")) => "本人認証に成功しました",
            (Self::Japanese, Some("A")) => "認証は未完了ですが、試行の証明があります",
            (Self::Japanese, Some("N")) => "本人認証に失敗しました",
            (Self::Japanese, Some("U")) => "本人認証を実施できませんでした",
            (Self::Japanese, Some("R")) => "拒否されました。オーソリに進めません",
            (Self::Japanese, Some("C")) => "追加の本人確認中です",
            (Self::Japanese, Some("D")) => "別経路での本人確認中です",
            (Self::Japanese, Some("I")) => "情報提供のみ",
            (Self::Japanese, Some(_)) => "不明な結果です",
            (Self::Japanese, None) => "結果がまだありません",
        }
    }

    /// What a `transStatusReason` means.
    pub(crate) fn reason(self, code: &str) -> &'static str {
        if self == Self::English {
            return crate::words::reason(code);
        }
        match code {
            "01" => "カード認証失敗",
            "02" => "未知のデバイス",
            "03" => "非対応のデバイス",
            "04" => "認証回数の上限超過",
            "05" => "カードの有効期限切れ",
            "06" => "カード番号が不正",
            "07" => "取引が不正",
            "08" => "カードの登録なし",
            "09" => "セキュリティ上の失敗",
            "10" => "盗難カード",
            "11" => "不正利用の疑い",
            "12" => "カード会員に許可されない取引",
            "13" => "未登録の会員",
            "14" => "ACSでの時間切れ",
            "15" => "信頼度 低",
            "16" => "信頼度 中",
            "17" => "信頼度 高",
            "18" => "信頼度 非常に高い",
            "19" => "試行回数の上限超過",
            "20" => "非決済取引に非対応",
            "21" => "3RIに非対応",
            "22" => "ACSの技術的な問題",
            "26" => "認証を試みたが会員が実施しなかった",
            _ => "国際ブランドの理由コード一覧を参照",
        }
    }
}

const CATALOGUE: &[(&str, &str, &str)] = &[
    ("shop.name", "箱根茶舗", "Hakone Tea House"),
    ("mark", "シミュレータ", "Simulator"),
    (
        "mark.note",
        "動作確認用の店です。請求も配送もありません。",
        "A test shop: nothing is charged or shipped.",
    ),
    ("skip", "本文へ", "Skip to content"),
    ("language", "言語", "Language"),
    ("checkout.title", "ご購入手続き", "Checkout"),
    ("order", "ご注文内容", "Your order"),
    ("product.name", "足柄煎茶 詰め合わせ", "Ashigara sencha gift set"),
    (
        "product.note",
        "新茶 100g × 3種、木箱入り",
        "Three first-flush teas, 100 g each, in a wooden box",
    ),
    ("card", "カード", "Card"),
    ("picker", "テストカード", "Test card"),
    ("picker.own", "別のカード番号を入力する", "Another card number"),
    (
        "picker.none",
        "テストカードの一覧がありません。カード番号を入力してください。",
        "There is no list of test cards: type a card number.",
    ),
    ("picker.all", "テストカード一覧", "All test cards"),
    ("scenario", "内容", "Scenario"),
    ("expected", "期待される結果", "Expected result"),
    ("expect.Y", "チャレンジなしで認証成功", "authenticated without a challenge"),
    ("expect.C", "チャレンジ（本人確認）", "a challenge"),
    ("expect.A", "試行の証明のみ", "an attempt is proved"),
    ("expect.N", "認証されない", "not authenticated"),
    ("expect.U", "認証を実施できない", "authentication not possible"),
    ("expect.R", "拒否", "rejected"),
    ("number", "カード番号", "Card number"),
    (
        "number.hint",
        "テスト用の番号だけを使ってください。空欄なら選んだテストカードを使います。",
        "Test numbers only. When left empty, the chosen test card is used.",
    ),
    ("expiry", "有効期限（月/年）", "Expiry (MM/YY)"),
    ("payment", "お支払い", "Payment"),
    ("amount", "金額", "Amount"),
    ("currency", "通貨", "Currency"),
    ("settings", "テスト設定", "Test settings"),
    ("settings.now", "規格の版、画面サイズなど", "Protocol version, window size and more"),
    ("version", "3-D Secureの版", "3-D Secure version"),
    ("version.highest", "共通の最新版", "Highest both sides know"),
    ("window", "チャレンジ画面の大きさ", "Challenge window"),
    ("window.full", "全画面", "full page"),
    ("indicator", "チャレンジの希望", "Challenge indicator"),
    ("indicator.absent", "送らない", "Not sent"),
    ("indicator.01", "希望なし", "no preference"),
    ("indicator.02", "チャレンジを希望しない", "no challenge wanted"),
    ("indicator.03", "チャレンジを希望", "challenge wanted"),
    ("indicator.04", "チャレンジ必須", "challenge required"),
    ("indicator.05", "リスク分析済みのため不要", "no challenge: risk analysis done"),
    ("indicator.06", "データ連携のみ", "no challenge: data only"),
    ("indicator.09", "ホワイトリスト登録を希望", "challenge wanted: trust list"),
    ("category", "種類", "Category"),
    ("category.01", "決済（PA）", "payment (PA)"),
    ("category.02", "非決済（NPA）", "non-payment (NPA)"),
    ("network", "ディレクトリサーバー", "Directory server"),
    ("pay", "支払う", "Pay"),
    (
        "pay.note",
        "次の画面で、カード発行会社がご本人を確認することがあります。",
        "On the next page your card issuer may ask you to confirm that it is you.",
    ),
    (
        "noscript.checkout",
        "JavaScriptが無効です。テストカードの選択とお支払いはそのまま使えます。",
        "JavaScript is off. Choosing a test card and paying still work.",
    ),
    ("errors", "入力内容をご確認ください", "Please check what you entered"),
    ("title.error", "エラー：", "Error: "),
    (
        "err.number",
        "カード番号は13〜19桁の数字で入力してください",
        "Enter a card number of 13 to 19 digits",
    ),
    ("err.expiry", "有効期限は 12/29 のように入力してください", "Enter the expiry like 12/29"),
    (
        "err.amount",
        "金額は 12800 や 120.50 のように、通貨に合わせて入力してください",
        "Enter an amount that fits the currency, like 12800 or 120.50",
    ),
    ("err.choice", "選択肢から選んでください", "Choose one of the options"),
    ("flow.title", "カードを確認しています", "Checking your card"),
    ("flow.lead", "この画面を閉じずにお待ちください。", "Please keep this page open."),
    ("step.method", "お使いのブラウザを確認", "Your browser is checked"),
    ("step.ask", "カード発行会社に照会", "Your card issuer is asked"),
    ("step.result", "結果の表示", "Result"),
    ("flow.method", "お使いのブラウザを確認しています", "Checking your browser"),
    ("flow.ask", "カード発行会社に照会しています", "Asking your card issuer"),
    ("flow.failed", "通信できませんでした。", "The connection failed."),
    ("flow.retry", "もう一度試す", "Try again"),
    (
        "flow.noscript",
        "JavaScriptが無効のため、ブラウザの確認を省いて続けます。",
        "JavaScript is off: the browser check is left out.",
    ),
    ("flow.continue", "続ける", "Continue"),
    ("challenge.title", "ご本人の確認", "Confirm it is you"),
    (
        "challenge.lead",
        "下の枠はカード発行会社の画面です。画面の案内に従ってください。",
        "The frame below is your card issuer's page. Follow its instructions.",
    ),
    ("challenge.frame", "カード発行会社の本人確認画面", "Card issuer's page to confirm it is you"),
    ("challenge.opening", "カード発行会社の画面を開いています", "Opening your card issuer's page"),
    ("challenge.open", "カード発行会社の画面が開きました", "Your card issuer's page is open"),
    ("challenge.open.do", "カード発行会社の画面を開く", "Open the card issuer's page"),
    ("challenge.ended", "結果を受け取りました", "The result has arrived"),
    (
        "challenge.noscript",
        "JavaScriptが無効です。ボタンで画面を開き、終わったら結果の画面へ進んでください。",
        "JavaScript is off. Open the page with the button and, when done, go on to the result.",
    ),
    ("challenge.result", "結果を見る", "Show the result"),
    ("challenge.size", "枠の大きさ", "Frame size"),
    ("returned.title", "お店に戻りました", "Back at the shop"),
    (
        "returned.text",
        "お店の画面が結果に切り替わります。",
        "The shop's page now goes on to the result.",
    ),
    ("receipt.title", "お支払い結果", "Result of your payment"),
    ("receipt.good", "ご注文を受け付けました", "Thank you for your order"),
    ("receipt.bad", "お支払いは完了していません", "The payment was not completed"),
    ("receipt.open", "結果を待っています", "Waiting for the result"),
    (
        "receipt.good.text",
        "本人認証の結果をもって、オーソリに進める状態です（この店では行いません）。",
        "With this result the payment could go on to authorisation (this shop does not).",
    ),
    (
        "receipt.bad.text",
        "オーソリは行いません。別のカードなどをお試しください。",
        "No authorisation follows. Try another card.",
    ),
    ("receipt.open.text", "まだ最終結果が届いていません。", "There is no final result yet."),
    ("receipt.refresh", "表示を更新する", "Refresh"),
    ("receipt.again", "もう一度買う", "Buy again"),
    ("receipt.details", "認証の内容", "Authentication"),
    ("receipt.how", "本人確認の方法", "How it was confirmed"),
    ("how.challenge", "チャレンジ", "challenge"),
    ("how.frictionless", "チャレンジなし", "without a challenge"),
    ("how.attempts", "試行回数", "attempts"),
    ("type.01", "固定の情報", "static"),
    ("type.02", "動的（ワンタイムパスワードなど）", "dynamic, such as a one-time code"),
    ("type.03", "別アプリなど（OOB）", "out of band"),
    ("type.04", "別経路（デカップルド）", "decoupled"),
    ("receipt.cardholder", "認証されたカード会員", "Cardholder"),
    ("receipt.of", "カードの名義人", "holder of card"),
    ("receipt.reason", "理由", "Reason"),
    ("receipt.av", "認証値（AV）", "Authentication value"),
    ("present", "あり", "present"),
    ("absent", "なし", "absent"),
    ("receipt.method", "3DSメソッド", "3DS Method"),
    ("comp.Y", "完了（Y）", "completed (Y)"),
    ("comp.N", "時間内に完了せず（N）", "not completed in time (N)"),
    ("comp.U", "対象外（U）", "not offered (U)"),
    ("receipt.problems", "つじつまの合わない点", "What does not fit together"),
    ("trace", "メッセージの記録", "Messages"),
    (
        "trace.lead",
        "時刻は開始からの経過です。行を開くと内容（カード番号と認証値は伏せ字）を表示します。",
        "Times count from the start. Open a row for the message; card numbers and authentication values are masked.",
    ),
    ("trace.raw", "JSONで見る", "As JSON"),
    ("trace.none", "記録はまだありません。", "Nothing recorded yet."),
    ("missing.title", "ページが見つかりません", "Page not found"),
    (
        "missing.text",
        "このお支払いは記録にありません。時間がたつと古い記録から消えます。",
        "This payment is not known here. The oldest ones are forgotten after a while.",
    ),
    ("down.title", "お支払いを始められません", "The payment cannot start"),
    (
        "down.text",
        "ディレクトリサーバーから応答がありません。動いているかご確認のうえ、もう一度お試しください。",
        "The directory server does not answer. Check that it runs and try again.",
    ),
    ("home", "お店の最初の画面へ", "Back to the shop"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_known_language_is_chosen() {
        assert_eq!(Language::choose(None, Some("fr, ja;q=0.5, en")), Language::Japanese);
        assert_eq!(Language::choose(Some("en"), Some("ja")), Language::English);
        assert_eq!(Language::choose(Some("xx"), None), Language::English);
    }

    #[test]
    fn every_text_of_a_template_is_in_the_catalogue() {
        let templates = [
            include_str!("../../templates/shell.html"),
            include_str!("../../templates/checkout.html"),
            include_str!("../../templates/method.html"),
            include_str!("../../templates/challenge.html"),
            include_str!("../../templates/returned.html"),
            include_str!("../../templates/receipt.html"),
            include_str!("../../templates/timeline.html"),
            include_str!("../../templates/notice.html"),
        ];
        for template in templates {
            for key in template.split("t(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
                assert!(CATALOGUE.iter().any(|(name, ..)| *name == key), "no text {key}");
            }
        }
    }

    #[test]
    fn each_key_stands_there_once_in_both_languages() {
        for (at, (key, ja, en)) in CATALOGUE.iter().enumerate() {
            assert!(!ja.is_empty() && !en.is_empty(), "{key}");
            assert!(CATALOGUE[at + 1..].iter().all(|(other, ..)| other != key), "{key} twice");
        }
    }
}
