-- Keyed hash of a card's security code, sealed.

ALTER TABLE cards ADD COLUMN security_code BLOB;
