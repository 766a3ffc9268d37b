-- A small store as schema 9 had it: with rows of the ledger within one second and the times of its parts, and what older ones had.

PRAGMA page_size=4096;
-- PRAGMA encoding='UTF-8';
-- PRAGMA auto_vacuum=NONE;
-- PRAGMA max_page_count=4294967294;

BEGIN TRANSACTION;

-- Table  account
DROP TABLE IF EXISTS account;
CREATE TABLE account(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  domain INTEGER NOT NULL,
  address TEXT NOT NULL UNIQUE,
  login TEXT NOT NULL DEFAULT '',
  password_hash TEXT NOT NULL DEFAULT '',
  enabled INTEGER NOT NULL DEFAULT 1,
  quota INTEGER NOT NULL DEFAULT 0,
  messages INTEGER NOT NULL DEFAULT 0,     -- counters are kept, never counted
  octets INTEGER NOT NULL DEFAULT 0, flags INTEGER NOT NULL DEFAULT 0, mailbox INTEGER NOT NULL DEFAULT 1);
INSERT INTO account VALUES(1,1,'postmaster@example.test','','',1,0,0,0,0,1);
INSERT INTO account VALUES(2,1,'alice@example.test','u1','$argon2id$v=19$x',1,0,2,70,0,1);
INSERT INTO account VALUES(3,1,'bob@example.test','','',1,100000,4,125,0,1);
-- Triggers and indices on  account
CREATE INDEX account_domain ON account(domain);
CREATE UNIQUE INDEX account_login ON account(domain, login) WHERE login <> '';

-- Table  alias
DROP TABLE IF EXISTS alias;
CREATE TABLE alias(
  address TEXT PRIMARY KEY,
  domain INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO alias VALUES('info@example.test',1);

-- Table  alias_target
DROP TABLE IF EXISTS alias_target;
CREATE TABLE alias_target(
  alias TEXT NOT NULL,
  position INTEGER NOT NULL,
  target TEXT NOT NULL,
  PRIMARY KEY(alias, position)) WITHOUT ROWID;
INSERT INTO alias_target VALUES('info@example.test',0,'alice@example.test');
INSERT INTO alias_target VALUES('info@example.test',1,'x@elsewhere.test');

-- Table  body
DROP TABLE IF EXISTS body;
CREATE TABLE body(
  content INTEGER PRIMARY KEY,
  data BLOB NOT NULL);
INSERT INTO body VALUES(1,X'5375626A6563743A20300D0A0D0AE282AC0D0A');
INSERT INTO body VALUES(2,X'5375626A6563743A20310D0A0D0AE282AC0D0A');
INSERT INTO body VALUES(3,X'5375626A6563743A20320D0A0D0AE282AC0D0A');
INSERT INTO body VALUES(4,X'5375626A6563743A206B6570740D0A0D0A780D0A');
INSERT INTO body VALUES(5,X'5375626A6563743A206F75740D0A0D0A68690D0A2E');

-- Table  content
DROP TABLE IF EXISTS content;
CREATE TABLE content(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  refs INTEGER NOT NULL,                   -- rows of msg that point here
  size INTEGER NOT NULL,                   -- of the body without the prefix
  prefix BLOB NOT NULL,                    -- the header lines that we added
  location TEXT, header INTEGER, envelope BLOB, bodystructure BLOB);
INSERT INTO content VALUES(1,2,19,X'52656365697665643A20686572650D0A',NULL,30,X'284E494C20223022204E494C204E494C204E494C204E494C204E494C204E494C204E494C204E494C29',X'282274657874222022706C61696E222028226368617273657422202275732D61736369692229204E494C204E494C2022376269742220352031204E494C204E494C204E494C204E494C29');
INSERT INTO content VALUES(2,1,19,X'52656365697665643A20686572650D0A',NULL,NULL,NULL,NULL);
INSERT INTO content VALUES(3,2,19,X'52656365697665643A20686572650D0A',NULL,NULL,NULL,NULL);
INSERT INTO content VALUES(4,1,20,X'',NULL,17,X'284E494C20226B65707422204E494C204E494C204E494C204E494C204E494C204E494C204E494C204E494C29',X'282274657874222022706C61696E222028226368617273657422202275732D61736369692229204E494C204E494C2022376269742220332031204E494C204E494C204E494C204E494C29');
INSERT INTO content VALUES(5,1,21,X'52657475726E2D506174683A203C3E0D0A52656365697665643A20686572650D0A',NULL,NULL,NULL,NULL);
-- Triggers and indices on  content
CREATE INDEX content_location ON content(location) WHERE location IS NOT NULL;

-- Table  device
DROP TABLE IF EXISTS device;
CREATE TABLE device(
  id INTEGER PRIMARY KEY,
  account INTEGER NOT NULL,
  name TEXT NOT NULL,
  scopes INTEGER NOT NULL,                 -- bits of core.secrets.Scope
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL DEFAULT 0,      -- 0: never
  used INTEGER NOT NULL DEFAULT 0,         -- seconds since the epoch, some minutes late; 0: never
  address TEXT NOT NULL DEFAULT '',        -- from where it was used last
  key TEXT NOT NULL,                       -- id of the key in the key file under which mac and sealed were made
  mac BLOB NOT NULL,
  sealed BLOB);
INSERT INTO device VALUES(77,2,'phone',15,1700000000,0,0,'','k1',X'0C',NULL);
-- Triggers and indices on  device
CREATE UNIQUE INDEX device_name ON device(account, name);

-- Table  domain
DROP TABLE IF EXISTS domain;
CREATE TABLE domain(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE);
INSERT INTO domain VALUES(1,'example.test');

-- Table  domain_alias
DROP TABLE IF EXISTS domain_alias;
CREATE TABLE domain_alias(
  name TEXT PRIMARY KEY,
  domain INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO domain_alias VALUES('mail.example.test',1);

-- Table  erase_later
DROP TABLE IF EXISTS erase_later;
CREATE TABLE erase_later(
  mailbox INTEGER PRIMARY KEY);

-- Table  expunged
DROP TABLE IF EXISTS expunged;
CREATE TABLE expunged(
  mailbox INTEGER NOT NULL,
  modseq INTEGER NOT NULL,
  uid INTEGER NOT NULL,
  PRIMARY KEY(mailbox, modseq, uid)) WITHOUT ROWID;
INSERT INTO expunged VALUES(2,6,2);

-- Table  freed
DROP TABLE IF EXISTS freed;
CREATE TABLE freed(          -- addresses of removed mailboxes, in quarantine
  address TEXT PRIMARY KEY,
  domain INTEGER NOT NULL,
  until INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO freed VALUES('gone@example.test',1,4000000000);

-- Table  ledger
DROP TABLE IF EXISTS ledger;
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
INSERT INTO ledger VALUES(1,1790000000,'accepted','Q1','m1@example.com','',0,'smtp','ESMTP','203.0.113.9','client.example','a@example.com','alice@example.test','2',40,'local','','');
INSERT INTO ledger VALUES(2,1790000000.75,'accepted','Q2','m2@example.com','',0,'smtp','ESMTP','203.0.113.9','client.example','a@example.com','alice@example.test','2',40,'local','','');
INSERT INTO ledger VALUES(3,1790000000.25,'refused','','','',0,'smtp','ESMTP','203.0.113.9','client.example','a@example.com','nobody@example.test','',0,'unknown-recipient','No such user here','');

-- Table  ledger_part
DROP TABLE IF EXISTS ledger_part;
CREATE TABLE ledger_part(
  part INTEGER PRIMARY KEY,
  last INTEGER NOT NULL,                   -- ledger.id: all rows of the part up to this one
  oldest REAL NOT NULL,                    -- ledger.at of these, whatever clock they were written by
  newest REAL NOT NULL);
INSERT INTO ledger_part VALUES(0,3,1790000000.0,1790000000.75);

-- Table  ledger_term
DROP TABLE IF EXISTS ledger_term;
CREATE TABLE ledger_term(
  part INTEGER NOT NULL,                   -- ledger.id / 4096: neighbours in time are neighbours here
  term INTEGER NOT NULL,                   -- core.ledger.terms, hashed
  id INTEGER NOT NULL,
  PRIMARY KEY(part, term, id)) WITHOUT ROWID;
INSERT INTO ledger_term VALUES(0,-7794431758760608342,2);
INSERT INTO ledger_term VALUES(0,-6860857987981098136,1);
INSERT INTO ledger_term VALUES(0,-6860857987981098136,2);
INSERT INTO ledger_term VALUES(0,-6860857987981098136,3);
INSERT INTO ledger_term VALUES(0,-5334269305578361380,1);
INSERT INTO ledger_term VALUES(0,-5334269305578361380,2);
INSERT INTO ledger_term VALUES(0,-1764431779661184920,1);
INSERT INTO ledger_term VALUES(0,-1317537449595002877,1);
INSERT INTO ledger_term VALUES(0,-1317537449595002877,2);
INSERT INTO ledger_term VALUES(0,-1317537449595002877,3);
INSERT INTO ledger_term VALUES(0,3888153932926494723,1);
INSERT INTO ledger_term VALUES(0,7436375493749720604,3);
INSERT INTO ledger_term VALUES(0,7646424874958988394,2);
INSERT INTO ledger_term VALUES(0,7801211357719505925,1);
INSERT INTO ledger_term VALUES(0,7801211357719505925,2);

-- Table  mailbox
DROP TABLE IF EXISTS mailbox;
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
  expunge_floor INTEGER NOT NULL DEFAULT 0, special_use TEXT NOT NULL DEFAULT '', recent INTEGER NOT NULL DEFAULT 1,-- expunge records at or below this modseq were pruned
  UNIQUE(account, name));
INSERT INTO mailbox VALUES(1,1,'INBOX',1795298275,1,1,0,0,0,'',0,'',1);
INSERT INTO mailbox VALUES(2,2,'INBOX',1795298276,4,6,2,1,70,'',0,'',1);
INSERT INTO mailbox VALUES(3,3,'INBOX',1795298277,5,5,4,4,125,'$Junk Work',0,'',5);
INSERT INTO mailbox VALUES(4,2,'Sent',1795299834,1,1,0,0,0,'',0,'\Sent',1);

-- Table  meta
DROP TABLE IF EXISTS meta;
CREATE TABLE meta(           -- 'compat': see schema.py; 'uidvalidity': the last one given; 'touched': the last proof of life
  name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES('compat',6);
INSERT INTO meta VALUES('ledger_indexed',3);
INSERT INTO meta VALUES('ledger_keep',7776000);
INSERT INTO meta VALUES('touched',0);
INSERT INTO meta VALUES('uidvalidity',1795299834);

-- Table  msg
DROP TABLE IF EXISTS msg;
CREATE TABLE msg(
  mailbox INTEGER NOT NULL,
  uid INTEGER NOT NULL,
  modseq INTEGER NOT NULL,
  flags INTEGER NOT NULL,
  size INTEGER NOT NULL,                   -- prefix and body together: what is sent
  date INTEGER NOT NULL,
  content INTEGER NOT NULL,
  PRIMARY KEY(mailbox, uid)) WITHOUT ROWID;
INSERT INTO msg VALUES(2,1,5,1,35,1700000000,1);
INSERT INTO msg VALUES(2,3,4,0,35,1700000002,3);
INSERT INTO msg VALUES(3,1,2,0,35,1700000000,1);
INSERT INTO msg VALUES(3,2,3,0,35,1700000001,2);
INSERT INTO msg VALUES(3,3,4,0,35,1700000002,3);
INSERT INTO msg VALUES(3,4,5,192,20,1700000009,4);

-- Table  profile
DROP TABLE IF EXISTS profile;
CREATE TABLE profile(        -- what people tell about themselves
  account INTEGER PRIMARY KEY,
  name TEXT NOT NULL DEFAULT '',
  organisation TEXT NOT NULL DEFAULT '',
  telephone TEXT NOT NULL DEFAULT '',
  reply_to TEXT NOT NULL DEFAULT '');

-- Table  queued
DROP TABLE IF EXISTS queued;
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
  open INTEGER NOT NULL);
INSERT INTO queued VALUES(1,'q6',5,'alice@example.test',2,1700000000,17,'7BIT',0,'HDRS','e 1',2);

-- Table  queued_attempt
DROP TABLE IF EXISTS queued_attempt;
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
INSERT INTO queued_attempt VALUES(1,1,1700000000,0,'4.4.1','mx.far.example [192.0.2.1]','','connection refused');
INSERT INTO queued_attempt VALUES(3,1,1700000000,2,'2.0.0','mx.far.example [192.0.2.1]','TLSv1.3','250 ok');

-- Table  queued_recipient
DROP TABLE IF EXISTS queued_recipient;
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
INSERT INTO queued_recipient VALUES(1,1,'a@far.example','far.example',0,'',0,1700000900,1,0,'4.4.1','connection refused','mx.far.example [192.0.2.1]',1700000000);
INSERT INTO queued_recipient VALUES(2,1,'b@far.example','far.example',3,'rfc822;b@far.example',1,1700000900,0,0,'','','',0);
INSERT INTO queued_recipient VALUES(3,1,'c@far.example','far.example',0,'',2,0,1,0,'2.0.0','250 ok','mx.far.example [192.0.2.1]',1700000000);
-- Triggers and indices on  queued_recipient
CREATE INDEX queued_recipient_destination ON queued_recipient(destination) WHERE state<2;
CREATE INDEX queued_recipient_message ON queued_recipient(message);

-- Table  relay_account
DROP TABLE IF EXISTS relay_account;
CREATE TABLE relay_account(
  account INTEGER PRIMARY KEY,
  epoch INTEGER NOT NULL DEFAULT 0,        -- grows whenever something is taken from the account
  told INTEGER NOT NULL DEFAULT 0);
INSERT INTO relay_account VALUES(2,1,1);

-- Table  relay_grant
DROP TABLE IF EXISTS relay_grant;
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
INSERT INTO relay_grant VALUES('g1','203.0.113.9/32',2,'pop-before-smtp',0,'pop3','USER','TLSv1.3',1790000000,1790000060,1790000360,0,'','boot',5000);
-- Triggers and indices on  relay_grant
CREATE INDEX relay_grant_account ON relay_grant(account, last);
CREATE INDEX relay_grant_expiry ON relay_grant(expiry);
CREATE INDEX relay_grant_network ON relay_grant(network, last);

-- Table  relay_spent
DROP TABLE IF EXISTS relay_spent;
CREATE TABLE relay_spent(    -- in slots of some minutes; see store.sql_grants
  subject TEXT NOT NULL,
  slot INTEGER NOT NULL,
  messages INTEGER NOT NULL,
  recipients INTEGER NOT NULL,
  PRIMARY KEY(subject, slot)) WITHOUT ROWID;
INSERT INTO relay_spent VALUES('account:2',1790000040,1,2);
-- Triggers and indices on  relay_spent
CREATE INDEX relay_spent_slot ON relay_spent(slot);

-- Table  scram
DROP TABLE IF EXISTS scram;
CREATE TABLE scram(
  account INTEGER NOT NULL,
  credential INTEGER NOT NULL,             -- 0: the login password; else device.id
  hash TEXT NOT NULL,
  salt BLOB NOT NULL,
  iterations INTEGER NOT NULL,
  stored_key BLOB NOT NULL,
  server_key BLOB NOT NULL,
  PRIMARY KEY(account, hash, credential)) WITHOUT ROWID;
INSERT INTO scram VALUES(2,0,'SHA-256',X'0102',4096,X'0A',X'0B');

-- Table  secret
DROP TABLE IF EXISTS secret;
CREATE TABLE secret(         -- 'salt': from which the salts of SCRAM are made, those of names that nobody has too
  name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
INSERT INTO secret VALUES('salt',X'5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A');

-- Table  subscription
DROP TABLE IF EXISTS subscription;
CREATE TABLE subscription(   -- names, not mailboxes: they may outlive those
  account INTEGER NOT NULL,
  name TEXT NOT NULL,
  PRIMARY KEY(account, name)) WITHOUT ROWID;
INSERT INTO subscription VALUES(2,'Sent');
INSERT INTO subscription VALUES(2,'gone/away');

-- Table  unlink_later
DROP TABLE IF EXISTS unlink_later;
CREATE TABLE unlink_later(
  location TEXT PRIMARY KEY) WITHOUT ROWID;

-- For primary key autoincrements the next id to use is stored in
-- sqlite_sequence
DELETE FROM main.sqlite_sequence WHERE name='account';
INSERT INTO main.sqlite_sequence VALUES ('account', 3);
DELETE FROM main.sqlite_sequence WHERE name='content';
INSERT INTO main.sqlite_sequence VALUES ('content', 5);
DELETE FROM main.sqlite_sequence WHERE name='domain';
INSERT INTO main.sqlite_sequence VALUES ('domain', 1);
DELETE FROM main.sqlite_sequence WHERE name='ledger';
INSERT INTO main.sqlite_sequence VALUES ('ledger', 3);
DELETE FROM main.sqlite_sequence WHERE name='mailbox';
INSERT INTO main.sqlite_sequence VALUES ('mailbox', 4);
DELETE FROM main.sqlite_sequence WHERE name='queued';
INSERT INTO main.sqlite_sequence VALUES ('queued', 1);
DELETE FROM main.sqlite_sequence WHERE name='queued_recipient';
INSERT INTO main.sqlite_sequence VALUES ('queued_recipient', 3);

-- Database header
pragma user_version=9;
pragma application_id=1836283491;

COMMIT TRANSACTION;
