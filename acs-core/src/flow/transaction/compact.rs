//! Short serialisations: lists in place of named members, nothing for what is absent.

use serde::de::{Deserialize, Deserializer, Error};

use crate::message::Merchant;

/// Refuses states of a format this program does not know.
pub(super) fn known_format<'de, D: Deserializer<'de>>(from: D) -> Result<u16, D::Error> {
    let format = u16::deserialize(from)?;
    if format == super::FORMAT {
        Ok(format)
    } else {
        Err(D::Error::custom(format_args!(
            "state format {format} is not {}: a newer program wrote it",
            super::FORMAT
        )))
    }
}

/// Whether a merchant has nothing to write.
pub(super) fn nothing(merchant: &Merchant) -> bool {
    *merchant == Merchant::default()
}

pub(super) mod purchase {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::message::Purchase;

    type Parts<T> = (T, T, u8, Option<T>);

    pub(in super::super) fn serialize<S: Serializer>(
        purchase: &Option<Purchase>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let parts: Option<Parts<&str>> =
            purchase.as_ref().map(|p| (&*p.amount, &*p.currency, p.exponent, p.date.as_deref()));
        parts.serialize(to)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Purchase>, D::Error> {
        let parts = Option::<Parts<String>>::deserialize(from)?;
        Ok(parts.map(|(amount, currency, exponent, date)| Purchase {
            amount,
            currency,
            exponent,
            date,
        }))
    }
}

pub(super) mod merchant {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::message::Merchant;

    pub(in super::super) fn serialize<S: Serializer>(
        merchant: &Merchant,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let Merchant { name, country, mcc, acquirer_bin, acquirer_merchant_id } = merchant;
        [name, country, mcc, acquirer_bin, acquirer_merchant_id].serialize(to)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Merchant, D::Error> {
        let [name, country, mcc, acquirer_bin, acquirer_merchant_id] =
            Deserialize::deserialize(from)?;
        Ok(Merchant { name, country, mcc, acquirer_bin, acquirer_merchant_id })
    }
}
