-- SPDX-License-Identifier: GPL-3.0-or-later
-- The roles of the seeded server, dropped beforehand. The passwords are test data.

CREATE ROLE debian_owner LOGIN PASSWORD 'seed-debian_owner' CREATEDB;
CREATE ROLE depot_owner LOGIN PASSWORD 'seed-depot_owner' CREATEROLE INHERIT;
CREATE ROLE debian_reader NOLOGIN;
CREATE ROLE debian_writer LOGIN PASSWORD 'seed-debian_writer'
  CONNECTION LIMIT 20 VALID UNTIL '2099-12-31 23:59:59+00';
CREATE ROLE debian_auditor LOGIN NOINHERIT BYPASSRLS PASSWORD 'seed-debian_auditor'
  VALID UNTIL 'infinity';
CREATE ROLE debian_former LOGIN PASSWORD 'seed-debian_former' VALID UNTIL '2001-01-01 00:00:00+00';
CREATE ROLE debian_shipper LOGIN REPLICATION PASSWORD NULL;
CREATE ROLE "Rôle ""mit"" Leer'zeichen" LOGIN PASSWORD 'sëed ''pässword''" \ $x';

-- A verifier of the old kind is carried over as it is, or the role can no longer log in.
SET password_encryption = 'md5';
CREATE ROLE debian_legacy LOGIN PASSWORD 'seed-debian_legacy';
RESET password_encryption;

COMMENT ON ROLE debian_owner IS 'owns the package database; it''s the application''s role';
COMMENT ON ROLE "Rôle ""mit"" Leer'zeichen" IS E'two\nlines';

GRANT debian_reader TO debian_writer;
GRANT debian_reader TO debian_owner WITH ADMIN OPTION;
GRANT debian_writer TO debian_auditor;
GRANT pg_monitor TO debian_auditor;
-- A membership whose grantor is not the superuser.
SET ROLE debian_owner;
GRANT debian_reader TO "Rôle ""mit"" Leer'zeichen";
RESET ROLE;

ALTER ROLE debian_writer SET search_path = debian, public;
ALTER ROLE debian_writer SET work_mem = '16MB';
ALTER ROLE debian_auditor SET log_statement = 'all';
ALTER ROLE "Rôle ""mit"" Leer'zeichen" SET search_path = "Ünï côdé ""schema""", public;
GRANT SET ON PARAMETER log_min_duration_statement TO debian_writer WITH GRANT OPTION;
