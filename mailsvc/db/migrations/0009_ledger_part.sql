-- compat: 6
-- From now on ledger.at has fractions of a second; a value that is whole stays an integer, so older rows are as they were.

-- What a part of the index covers, so that who asks for a time need not look into all parts; see store.sql_ledger.
CREATE TABLE ledger_part(
  part INTEGER PRIMARY KEY,
  last INTEGER NOT NULL,                   -- ledger.id: all rows of the part up to this one
  oldest REAL NOT NULL,                    -- ledger.at of these, whatever clock they were written by
  newest REAL NOT NULL);
