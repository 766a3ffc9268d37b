-- compat: 6
-- POP-before-SMTP: who has shown themselves where, until when that counts, and what went out within the last hour.
-- An older release knows nothing of these and lets nobody relay by them.

CREATE TABLE relay_grant(    -- see core.relay.Grant
  id TEXT PRIMARY KEY,
  network TEXT NOT NULL,
  account INTEGER NOT NULL,
  rule TEXT NOT NULL,
  credential INTEGER NOT NULL,
  protocol TEXT NOT NULL,
  mechanism TEXT NOT NULL,
  tls TEXT NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  expiry INTEGER NOT NULL,
  ended INTEGER NOT NULL DEFAULT 0,
  why TEXT NOT NULL DEFAULT '',
  boot TEXT NOT NULL,
  deadline INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX relay_grant_network ON relay_grant(network, last);
CREATE INDEX relay_grant_account ON relay_grant(account, last);
CREATE INDEX relay_grant_expiry ON relay_grant(expiry);

CREATE TABLE relay_account(
  account INTEGER PRIMARY KEY,
  epoch INTEGER NOT NULL DEFAULT 0,        -- grows whenever something is taken from the account
  told INTEGER NOT NULL DEFAULT 0);        -- 1: it knows that somebody has sent by its grants

CREATE TABLE relay_spent(    -- in slots of some minutes; see store.sql_grants
  subject TEXT NOT NULL,
  slot INTEGER NOT NULL,
  messages INTEGER NOT NULL,
  recipients INTEGER NOT NULL,
  PRIMARY KEY(subject, slot)) WITHOUT ROWID;
CREATE INDEX relay_spent_slot ON relay_spent(slot);
