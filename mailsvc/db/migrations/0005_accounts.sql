-- compat: 5
-- What accounts may do, log-ins without a mailbox, names that nobody may have for a while.
-- An older release would not know what is forbidden to whom, so it cannot work with this.

ALTER TABLE account ADD COLUMN flags INTEGER NOT NULL DEFAULT 0;    -- bits of core.values.AccountFlag
ALTER TABLE account ADD COLUMN mailbox INTEGER NOT NULL DEFAULT 1;  -- 0: a login that has no mailbox (yet); address is login@domain then

CREATE TABLE profile(        -- what people tell about themselves
  account INTEGER PRIMARY KEY,
  name TEXT NOT NULL DEFAULT '',
  organisation TEXT NOT NULL DEFAULT '',
  telephone TEXT NOT NULL DEFAULT '',
  reply_to TEXT NOT NULL DEFAULT '');

CREATE TABLE freed(          -- addresses of removed mailboxes, in quarantine
  address TEXT PRIMARY KEY,
  domain INTEGER NOT NULL,
  until INTEGER NOT NULL) WITHOUT ROWID;
