-- The protected header of signed content, with its certificates, is most of an ARes to an app and
-- the same in all of them: one row for each, however many replies it stands in.

CREATE TABLE reply_texts (
    id   INTEGER PRIMARY KEY,
    text TEXT NOT NULL
);

ALTER TABLE openings ADD COLUMN text INTEGER;     -- reply_texts.id, of what `reply` is without
ALTER TABLE openings ADD COLUMN text_at INTEGER;  -- where it stands in the ARes
