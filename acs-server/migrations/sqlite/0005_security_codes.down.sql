ALTER TABLE cards DROP COLUMN security_code;
