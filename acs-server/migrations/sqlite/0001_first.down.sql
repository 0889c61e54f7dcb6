DROP TABLE cards;
DROP TABLE card_batches;
DROP TABLE replay_keys;
DROP TABLE outgoing;
DROP TABLE events;
DROP TABLE transactions;
