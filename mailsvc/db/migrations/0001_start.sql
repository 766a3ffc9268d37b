-- compat: 1
-- Where people and their mail live. Ids are never reused (AUTOINCREMENT): others remember them.

CREATE TABLE meta(           -- 'compat': see schema.py; 'uidvalidity': the last one given; 'touched': the last proof of life
  name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;

-- Names of domains, accounts and aliases are stored in the form in which they are looked up (formats.address).
CREATE TABLE domain(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE);
CREATE TABLE domain_alias(
  name TEXT PRIMARY KEY,
  domain INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE account(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  domain INTEGER NOT NULL,
  address TEXT NOT NULL UNIQUE,
  login TEXT NOT NULL DEFAULT '',
  password_hash TEXT NOT NULL DEFAULT '',
  enabled INTEGER NOT NULL DEFAULT 1,
  quota INTEGER NOT NULL DEFAULT 0,
  messages INTEGER NOT NULL DEFAULT 0,     -- counters are kept, never counted
  octets INTEGER NOT NULL DEFAULT 0);
CREATE INDEX account_domain ON account(domain);
CREATE UNIQUE INDEX account_login ON account(domain, login) WHERE login <> '';
CREATE TABLE alias(
  address TEXT PRIMARY KEY,
  domain INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE alias_target(
  alias TEXT NOT NULL,
  position INTEGER NOT NULL,
  target TEXT NOT NULL,
  PRIMARY KEY(alias, position)) WITHOUT ROWID;

CREATE TABLE mailbox(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account INTEGER NOT NULL,
  name TEXT NOT NULL,
  uidvalidity INTEGER NOT NULL,
  uidnext INTEGER NOT NULL DEFAULT 1,
  modseq INTEGER NOT NULL DEFAULT 1,
  messages INTEGER NOT NULL DEFAULT 0,
  unseen INTEGER NOT NULL DEFAULT 0,
  octets INTEGER NOT NULL DEFAULT 0,
  keywords TEXT NOT NULL DEFAULT '',       -- names of the keyword bits of msg.flags, separated by spaces
  expunge_floor INTEGER NOT NULL DEFAULT 0,-- expunge records at or below this modseq were pruned
  UNIQUE(account, name));

-- The only table that changes per message: narrow, about 130 rows a page, and no index on modseq (measured: it costs more than it saves).
CREATE TABLE msg(
  mailbox INTEGER NOT NULL,
  uid INTEGER NOT NULL,
  modseq INTEGER NOT NULL,
  flags INTEGER NOT NULL,
  size INTEGER NOT NULL,                   -- prefix and body together: what is sent
  date INTEGER NOT NULL,
  content INTEGER NOT NULL,
  PRIMARY KEY(mailbox, uid)) WITHOUT ROWID;

-- Immutable, and shared by all recipients and copies.
CREATE TABLE content(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  refs INTEGER NOT NULL,                   -- rows of msg that point here
  size INTEGER NOT NULL,                   -- of the body without the prefix
  prefix BLOB NOT NULL,                    -- the header lines that we added
  location TEXT);                          -- NULL: the bytes are in body; else they are in this file
CREATE INDEX content_location ON content(location) WHERE location IS NOT NULL;
CREATE TABLE body(
  content INTEGER PRIMARY KEY,
  data BLOB NOT NULL);

CREATE TABLE expunged(
  mailbox INTEGER NOT NULL,
  modseq INTEGER NOT NULL,
  uid INTEGER NOT NULL,
  PRIMARY KEY(mailbox, modseq, uid)) WITHOUT ROWID;

-- Filled in the transaction that removes the last message; the files go after its commit.
CREATE TABLE unlink_later(
  location TEXT PRIMARY KEY) WITHOUT ROWID;

INSERT INTO meta(name, value) VALUES('uidvalidity', 0), ('touched', 0);
