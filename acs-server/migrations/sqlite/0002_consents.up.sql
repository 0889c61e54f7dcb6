-- What cardholders agreed to on challenge pages: the newest answer per card, kind and party.

CREATE TABLE consents (
    issuer_id          TEXT    NOT NULL,
    card               TEXT    NOT NULL,   -- card token
    kind               INTEGER NOT NULL,   -- 1 trust list, 2 device binding
    party              TEXT    NOT NULL,   -- merchant or device
    name               TEXT    NOT NULL,   -- merchant as it was shown
    given              INTEGER NOT NULL,
    at                 INTEGER NOT NULL,
    transaction_number INTEGER NOT NULL,
    PRIMARY KEY (issuer_id, card, kind, party)
) WITHOUT ROWID;
