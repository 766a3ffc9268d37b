-- compat: 1
-- What people log in with, beside account.password_hash.

CREATE TABLE secret(         -- 'salt': from which the salts of SCRAM are made, those of names that nobody has too
  name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
INSERT INTO secret(name, value) VALUES('salt', randomblob(32));

-- Verifiers of SCRAM (RFC 5802 3). Salt and iterations are the same in all rows of an account and hash: see formats/sasl/scram_keys.py.
CREATE TABLE scram(
  account INTEGER NOT NULL,
  credential INTEGER NOT NULL,             -- 0: the login password; else device.id
  hash TEXT NOT NULL,
  salt BLOB NOT NULL,
  iterations INTEGER NOT NULL,
  stored_key BLOB NOT NULL,
  server_key BLOB NOT NULL,
  PRIMARY KEY(account, hash, credential)) WITHOUT ROWID;

-- Device passwords. Ids are random: they are part of what a sealed password is bound to, and so known before the row is.
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
  sealed BLOB);                            -- the password itself, encrypted, for APOP and CRAM-MD5; NULL: not kept
CREATE UNIQUE INDEX device_name ON device(account, name);
