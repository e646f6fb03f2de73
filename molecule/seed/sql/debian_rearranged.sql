-- SPDX-License-Identifier: GPL-3.0-or-later
-- Tables that a correct restore gives back with the same content in another arrangement. A checksum
-- over the text of whole rows, or over single partitions, then differs although nothing is lost.

SET ROLE debian_owner;

-- The parent's new column comes last here, but before the child's own in the restored table.
CREATE TABLE debian.place (name text);
CREATE TABLE debian.city (inhabitants integer) INHERITS (debian.place);
ALTER TABLE debian.place ADD COLUMN country text DEFAULT 'nowhere';
INSERT INTO debian.city SELECT 'city ' || number, number FROM generate_series(1, 100) AS number;

-- An enumeration hashes by object number, which the restored one has anew.
CREATE TABLE debian.ranked (rank debian.priority, number integer) PARTITION BY HASH (rank);
CREATE TABLE debian.ranked_0 PARTITION OF debian.ranked FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE debian.ranked_1 PARTITION OF debian.ranked FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE debian.ranked_2 PARTITION OF debian.ranked FOR VALUES WITH (MODULUS 3, REMAINDER 2);
INSERT INTO debian.ranked
  SELECT (enum_range(NULL::debian.priority))[1 + number % 6], number
  FROM generate_series(1, 600) AS number;

RESET ROLE;
