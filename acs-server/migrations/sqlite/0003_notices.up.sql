-- Operational notices (OReq) of directory servers, one row per part that came.

CREATE TABLE notices (
    id       INTEGER PRIMARY KEY,
    ds_id    TEXT    NOT NULL,
    sequence TEXT    NOT NULL,   -- seqId
    place    INTEGER NOT NULL,   -- counts what came of the sequence, from 0
    part     INTEGER NOT NULL,   -- seqNum
    parts    INTEGER NOT NULL,   -- seqTotal
    received INTEGER NOT NULL,
    broken   INTEGER NOT NULL,   -- 1 from the first part on that was out of place
    digest   BLOB    NOT NULL,   -- keyed, of the message
    answered TEXT,               -- opStatus; NULL where more parts are to come
    reply    BLOB,               -- ORes
    detail   BLOB    NOT NULL,   -- JSON
    UNIQUE (ds_id, sequence, place)
);
