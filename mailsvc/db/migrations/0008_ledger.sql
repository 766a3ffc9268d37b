-- compat: 6
-- What was decided and what happened to messages, for people to read; see core.ledger. An older release writes nothing here.

CREATE TABLE ledger(         -- see core.ledger.Row; ids ascend in time, and are never reused: ledger_term remembers them
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  what TEXT NOT NULL,
  queue_id TEXT NOT NULL,
  message_id TEXT NOT NULL,
  account TEXT NOT NULL,
  account_id INTEGER NOT NULL,
  listener TEXT NOT NULL,
  protocol TEXT NOT NULL,
  address TEXT NOT NULL,
  helo TEXT NOT NULL,
  sender TEXT NOT NULL,
  recipients TEXT NOT NULL,
  readers TEXT NOT NULL,
  size INTEGER NOT NULL,
  reason TEXT NOT NULL,
  reply TEXT NOT NULL,
  more TEXT NOT NULL);

-- The index, made by the chores from the rows up to meta 'ledger_indexed'; see store.sql_ledger.
CREATE TABLE ledger_term(
  part INTEGER NOT NULL,                   -- ledger.id / 4096: neighbours in time are neighbours here
  term INTEGER NOT NULL,                   -- core.ledger.terms, hashed
  id INTEGER NOT NULL,
  PRIMARY KEY(part, term, id)) WITHOUT ROWID;

INSERT INTO meta(name, value) VALUES('ledger_indexed', 0);
