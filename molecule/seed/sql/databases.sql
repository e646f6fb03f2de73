-- SPDX-License-Identifier: GPL-3.0-or-later
-- Properties of the databases, last, since they would also hold for the seeder.

COMMENT ON DATABASE debian IS 'the package database; "quoted"';
REVOKE CONNECT, TEMPORARY ON DATABASE debian FROM PUBLIC;
GRANT CONNECT ON DATABASE debian TO debian_reader WITH GRANT OPTION;
GRANT CONNECT, TEMPORARY ON DATABASE debian TO debian_auditor, debian_legacy;
ALTER DATABASE debian CONNECTION LIMIT 90;

-- Output that changes unless a session pins it.
ALTER DATABASE debian SET datestyle = 'German, DMY';
ALTER DATABASE debian SET timezone = 'Asia/Kathmandu';
ALTER DATABASE debian SET intervalstyle = 'sql_standard';
ALTER DATABASE debian SET bytea_output = 'escape';
ALTER DATABASE debian SET extra_float_digits = -5;
ALTER DATABASE debian SET xmloption = 'document';
ALTER DATABASE debian SET lc_monetary = 'C';
ALTER DATABASE debian SET search_path = "Ünï côdé ""schema""", debian, public;
-- A session that holds a snapshot meanwhile, or runs one long statement, ends early.
ALTER DATABASE debian SET idle_in_transaction_session_timeout = '3s';
ALTER DATABASE debian SET statement_timeout = '30s';
ALTER DATABASE debian SET lock_timeout = '2s';

ALTER ROLE debian_writer IN DATABASE debian SET datestyle = 'SQL, MDY';
ALTER ROLE debian_writer IN DATABASE debian SET application_name = 'wr''iter "x" \ y';
ALTER ROLE debian_reader IN DATABASE debian SET default_transaction_read_only = on;
ALTER ROLE debian_auditor IN DATABASE debian SET default_transaction_isolation = 'serializable';
