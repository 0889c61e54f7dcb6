ALTER TABLE cards DROP COLUMN passkeys;
