-- compat: 1
-- Mailboxes that are gone for everybody, of which messages and records are still to be erased, a slice at a time. A release that knows
-- only schema 1 leaves them lying until the next upgrade.
CREATE TABLE erase_later(
  mailbox INTEGER PRIMARY KEY);
