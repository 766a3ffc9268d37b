-- compat: 1
-- What IMAP asks for. A release that knows only schema 2 leaves these columns empty, which is always right, only slower.

-- A message's answers, rendered at delivery; NULL until somebody asks for those of a message that came before there were any.
ALTER TABLE content ADD COLUMN header INTEGER;         -- octets before the body, prefix and empty line included
ALTER TABLE content ADD COLUMN envelope BLOB;          -- as IMAP writes it
ALTER TABLE content ADD COLUMN bodystructure BLOB;     -- as IMAP writes it

ALTER TABLE mailbox ADD COLUMN special_use TEXT NOT NULL DEFAULT ''; -- attributes such as \Sent, separated by spaces
ALTER TABLE mailbox ADD COLUMN recent INTEGER NOT NULL DEFAULT 1;    -- messages from this UID on were claimed by no session

CREATE TABLE subscription(   -- names, not mailboxes: they may outlive those
  account INTEGER NOT NULL,
  name TEXT NOT NULL,
  PRIMARY KEY(account, name)) WITHOUT ROWID;
