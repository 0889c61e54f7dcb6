-- An earlier program could not put such a reply together: a repeat gets an Erro instead.
UPDATE openings SET reply = NULL, reply_key = NULL WHERE text IS NOT NULL;
ALTER TABLE openings DROP COLUMN text;
ALTER TABLE openings DROP COLUMN text_at;
DROP TABLE reply_texts;
