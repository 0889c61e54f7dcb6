-- Passkeys of a card for Secure Payment Confirmation: JSON list of public values.

ALTER TABLE cards ADD COLUMN passkeys TEXT;
