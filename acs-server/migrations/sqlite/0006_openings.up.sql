-- What never changes of a transaction that goes on after its ARes: every later step would write it
-- anew, as it stood beside the state. Rows of earlier programs keep theirs in `transactions`.

CREATE TABLE openings (
    number    INTEGER PRIMARY KEY,
    reply_key INTEGER,            -- as in transactions
    reply     BLOB,
    opening   BLOB
);
