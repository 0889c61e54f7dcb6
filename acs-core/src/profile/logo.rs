//! Pictures that stand inside pages.

/// A logo on pages, of browsers and of apps: the picture itself, for pages load nothing, and what it
/// says to who does not see it [Req 161, Req 162, Req 180].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logo {
    image: String,
    words: String,
}

impl Logo {
    /// `image` is a `data:` address in base64, `words` its text alternative; `None` for any other
    /// address: nothing that a page would load, or that could end its attribute.
    #[must_use]
    pub fn new(image: String, words: String) -> Option<Self> {
        let data = image.strip_prefix("data:image/")?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"/+=;,".contains(&b);
        data.bytes().all(plain).then_some(Self { image, words })
    }

    /// The `data:` address.
    #[must_use]
    pub fn image(&self) -> &str {
        &self.image
    }

    /// The text alternative.
    #[must_use]
    pub fn words(&self) -> &str {
        &self.words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logo_loads_nothing_and_stays_in_its_attribute() {
        let logo = |image: &str| Logo::new(image.to_owned(), "Bank".to_owned());
        assert_eq!(logo("data:image/png;base64,AA+/==").unwrap().words(), "Bank");
        for other in
            ["https://bank.example/logo.png", "data:text/html,x", "data:image/png;base64,\"><b>"]
        {
            assert_eq!(logo(other), None, "{other}");
        }
    }
}
