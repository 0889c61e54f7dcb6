-- Transactions, events, outgoing messages, cards. Times are UTC milliseconds.

CREATE TABLE transactions (
    number    INTEGER PRIMARY KEY,
    issuer_id TEXT    NOT NULL,
    ds_id     TEXT    NOT NULL,
    created   INTEGER NOT NULL,
    revision  INTEGER NOT NULL,
    deadline  INTEGER,
    replay    BLOB,               -- keyed digests: 16 bytes of (DS, dsTransID), 16 of the AReq
    reply_key INTEGER,            -- replay_keys.id
    reply     BLOB,               -- ARes, sealed under reply_key
    secret    BLOB,               -- PAN and contacts of an open challenge, sealed
    state     BLOB    NOT NULL,   -- JSON, format inside
    opening   BLOB                -- events of the insert: lines of "at kind detail"
);

CREATE INDEX transactions_deadline ON transactions (deadline) WHERE deadline IS NOT NULL;

CREATE TABLE events (
    id                 INTEGER PRIMARY KEY,
    issuer_id          TEXT    NOT NULL,
    transaction_number INTEGER,
    at                 INTEGER NOT NULL,
    kind               TEXT    NOT NULL,
    detail             BLOB    NOT NULL
);

CREATE INDEX events_transaction ON events (transaction_number)
    WHERE transaction_number IS NOT NULL;

CREATE TABLE outgoing (
    transaction_number INTEGER NOT NULL,
    kind               INTEGER NOT NULL,   -- 1 RReq, 2 one-time password, 3 Erro
    issuer_id          TEXT    NOT NULL,
    ds_id              TEXT    NOT NULL,
    sealed             BLOB,               -- destination and payload; NULL once closed
    attempts           INTEGER NOT NULL,
    next_attempt       INTEGER NOT NULL,
    maybe_sent         INTEGER NOT NULL,
    expires            INTEGER NOT NULL,
    closed             TEXT,
    PRIMARY KEY (transaction_number, kind)
) WITHOUT ROWID;

CREATE INDEX outgoing_due ON outgoing (next_attempt) WHERE closed IS NULL;

CREATE TABLE replay_keys (
    id      INTEGER PRIMARY KEY,
    expires INTEGER NOT NULL,
    sealed  BLOB    NOT NULL
);

CREATE TABLE card_batches (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    issuer_id TEXT    NOT NULL,
    visible   INTEGER NOT NULL,            -- 0 while an import writes it, and after it crashed
    purged    INTEGER NOT NULL DEFAULT 0,  -- 1 once the rows this batch replaces are deleted
    cards     INTEGER NOT NULL
);

CREATE TABLE cards (
    issuer_id TEXT    NOT NULL,
    token     BLOB    NOT NULL,            -- keyed hash of the PAN
    batch     INTEGER NOT NULL,
    pan       BLOB    NOT NULL,            -- sealed
    expiry    TEXT,
    state     TEXT    NOT NULL,
    contacts  BLOB,                        -- sealed; NULL when there are none
    outcome   TEXT,                        -- JSON; development profile only
    PRIMARY KEY (issuer_id, token, batch)
) WITHOUT ROWID;

CREATE INDEX cards_batch ON cards (batch, issuer_id, token);
