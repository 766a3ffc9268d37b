-- compat: 6
-- Mail on its way to other servers. An older release would let it lie, and its repairs would take it for mail that nobody has, so it
-- cannot work with this.

CREATE TABLE queued(         -- a message of which at least one recipient waits or is held
  id INTEGER PRIMARY KEY AUTOINCREMENT,    -- in the order of arrival
  queue_id TEXT NOT NULL UNIQUE,
  content INTEGER NOT NULL,                -- counts as one of content.refs
  sender TEXT NOT NULL,                    -- '': the null sender
  account INTEGER NOT NULL,                -- who answers for it; 0: nobody; may be gone since
  arrived INTEGER NOT NULL,
  skip INTEGER NOT NULL,                   -- octets of content.prefix that are not sent
  body TEXT NOT NULL,
  utf8 INTEGER NOT NULL,
  ret TEXT NOT NULL,
  envid TEXT NOT NULL,
  open INTEGER NOT NULL);                  -- recipients that wait or are held: kept, never counted

CREATE TABLE queued_recipient(             -- finished ones stay until the message leaves
  id INTEGER PRIMARY KEY AUTOINCREMENT,    -- never reused: an outcome that comes late must not meet somebody else
  message INTEGER NOT NULL,
  address TEXT NOT NULL,
  destination TEXT NOT NULL,
  notify INTEGER NOT NULL,
  orcpt TEXT NOT NULL,
  state INTEGER NOT NULL DEFAULT 0,        -- core.queued.State; below 2: waits or is held
  due INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  warned INTEGER NOT NULL DEFAULT 0,
  status TEXT NOT NULL DEFAULT '',         -- this and the next three: the last word about it
  reply TEXT NOT NULL DEFAULT '',
  host TEXT NOT NULL DEFAULT '',
  at INTEGER NOT NULL DEFAULT 0);
CREATE INDEX queued_recipient_message ON queued_recipient(message);
CREATE INDEX queued_recipient_destination ON queued_recipient(destination) WHERE state<2;

CREATE TABLE queued_attempt(
  recipient INTEGER NOT NULL,
  number INTEGER NOT NULL,                 -- the first is 1
  at INTEGER NOT NULL,
  state INTEGER NOT NULL,
  status TEXT NOT NULL,
  host TEXT NOT NULL,
  tls TEXT NOT NULL,
  reply TEXT NOT NULL,
  PRIMARY KEY(recipient, number)) WITHOUT ROWID;
