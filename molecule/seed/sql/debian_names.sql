-- SPDX-License-Identifier: GPL-3.0-or-later
-- Names that break tools which build SQL, file names or lines out of them.

SET ROLE "Rôle ""mit"" Leer'zeichen";

CREATE TABLE "Ünï côdé ""schema"""."Tàblé ""x"", spaces & ☃" (
  "colonne ""é""" integer PRIMARY KEY,
  "select" text NOT NULL DEFAULT 'it''s',
  "UPPER lower" timestamptz DEFAULT '2023-06-10 12:00:00+00',
  "a.b/c\d" jsonb,
  "%s $1 {}" text GENERATED ALWAYS AS ("select" || '%') STORED
);
INSERT INTO "Ünï côdé ""schema"""."Tàblé ""x"", spaces & ☃"
  SELECT number, 'ligne ' || number, NULL, jsonb_build_object('ñ', number)
  FROM generate_series(1, 500) AS number;

CREATE TABLE "Ünï côdé ""schema""".U&"two\000Alines; DROP TABLE x; --" (U&"tab\0009" integer, " " text);
INSERT INTO "Ünï côdé ""schema""".U&"two\000Alines; DROP TABLE x; --" VALUES (1, ' '), (NULL, NULL);

CREATE TABLE "Ünï côdé ""schema"""."../../etc/passwd" (name text PRIMARY KEY);
INSERT INTO "Ünï côdé ""schema"""."../../etc/passwd" VALUES ('-rf'), ('*');

-- 63 bytes, the longest there is.
CREATE TABLE "Ünï côdé ""schema"""."ööööööööööööööööööööööööööööööx" (id integer);

CREATE SEQUENCE "Ünï côdé ""schema"""."séquence ""s""" START 5;
CREATE INDEX "index ""ï"" on it" ON "Ünï côdé ""schema"""."Tàblé ""x"", spaces & ☃"
  (lower("select") DESC NULLS LAST) WHERE "colonne ""é""" % 2 = 0;
COMMENT ON TABLE "Ünï côdé ""schema"""."Tàblé ""x"", spaces & ☃" IS E'l''été\n-- "☃" \\ $$';
COMMENT ON COLUMN "Ünï côdé ""schema"""."Tàblé ""x"", spaces & ☃"."%s $1 {}" IS '%s';
GRANT USAGE ON SCHEMA "Ünï côdé ""schema""" TO debian_owner WITH GRANT OPTION;

RESET ROLE;
