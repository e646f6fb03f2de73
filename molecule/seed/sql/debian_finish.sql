-- SPDX-License-Identifier: GPL-3.0-or-later
-- What an application has around its data; after the data, since indexes are cheaper then.

SET ROLE debian_owner;

UPDATE debian.maintainer SET favourite_id = p.id
  FROM (SELECT maintainer_id, min(id) AS id FROM debian.package GROUP BY maintainer_id) AS p
  WHERE p.maintainer_id = maintainer.id AND p.id % 2 = 0;
INSERT INTO debian.no_columns DEFAULT VALUES;
INSERT INTO debian.no_columns DEFAULT VALUES;
INSERT INTO debian."Package" VALUES ('other case', NULL), (NULL, '');

-- Copied rows bring their own numbers.
SELECT setval('debian.package_id_seq', max(id)) FROM debian.package;
SELECT setval('debian.maintainer_id_seq', max(id)) FROM debian.maintainer;
SELECT setval('debian.build_id_seq', max(id)) FROM debian.build;
SELECT setval('debian.remark_id_seq', max(id)) FROM debian.remark;
-- The next value is this one, not the one after.
SELECT setval('debian.ticket', 20000, false);
SELECT nextval('debian.countdown'), nextval('debian.countdown');

-- A column added to rows that exist: its values are in the catalogue, not in the rows.
ALTER TABLE debian.package ADD COLUMN reviewed boolean NOT NULL DEFAULT false;

ALTER TABLE debian.section ADD PRIMARY KEY (name);
ALTER TABLE debian.maintainer ADD PRIMARY KEY (id);
ALTER TABLE debian.package ADD PRIMARY KEY (id);
ALTER TABLE debian.dependency ADD PRIMARY KEY (package_id, kind, position, choice);
ALTER TABLE debian.download ADD PRIMARY KEY (id, at, package_id);
ALTER TABLE debian.build ADD PRIMARY KEY (id);
ALTER TABLE debian.remark ADD PRIMARY KEY (id);
ALTER TABLE debian.stock ADD PRIMARY KEY (package_id);
ALTER TABLE debian.queue ADD PRIMARY KEY (id);
ALTER TABLE debian.attachment ADD PRIMARY KEY (name);

ALTER TABLE debian.package ADD CONSTRAINT package_identity UNIQUE (name, version, architecture);
ALTER TABLE debian.package REPLICA IDENTITY USING INDEX package_identity;
CREATE UNIQUE INDEX package_uuid ON debian.package (identity) INCLUDE (name);
CREATE INDEX package_section ON debian.package (section, name DESC NULLS FIRST);
CREATE INDEX package_large ON debian.package (archive_size) WHERE archive_size > 10000000;
CREATE INDEX package_upstream ON debian.package (debian.upstream(version));
CREATE INDEX package_words ON debian.package USING gin (words);
CREATE INDEX package_tags ON debian.package USING gin (tags);
CREATE INDEX dependency_target ON debian.dependency (target);
CREATE INDEX download_at ON debian.download USING brin (at);
CREATE INDEX build_during ON debian.build USING gist (during);
CREATE INDEX session_token ON debian.session USING hash (token);
CREATE STATISTICS debian.package_size (dependencies, mcv) ON section, priority FROM debian.package;
CLUSTER debian.stock USING stock_pkey;

-- Foreign keys in a circle, one of them to the table itself.
ALTER TABLE debian.package
  ADD CONSTRAINT package_section FOREIGN KEY (section) REFERENCES debian.section
    ON UPDATE CASCADE ON DELETE SET NULL,
  ADD CONSTRAINT package_maintainer FOREIGN KEY (maintainer_id) REFERENCES debian.maintainer,
  ADD CONSTRAINT package_sizes CHECK (archive_size >= 0 AND installed_size >= 0);
ALTER TABLE debian.maintainer
  ADD CONSTRAINT maintainer_mentor FOREIGN KEY (mentor_id) REFERENCES debian.maintainer
    DEFERRABLE INITIALLY DEFERRED,
  ADD CONSTRAINT maintainer_favourite FOREIGN KEY (favourite_id) REFERENCES debian.package
    DEFERRABLE;
ALTER TABLE debian.dependency
  ADD FOREIGN KEY (package_id) REFERENCES debian.package ON DELETE CASCADE;
ALTER TABLE debian.download ADD FOREIGN KEY (package_id) REFERENCES debian.package;
ALTER TABLE debian.build ADD FOREIGN KEY (package_id) REFERENCES debian.package;
ALTER TABLE debian.stock ADD FOREIGN KEY (package_id) REFERENCES debian.package;
ALTER TABLE debian.maintenance ADD CONSTRAINT maintenance_apart
  EXCLUDE USING gist (network inet_ops WITH &&, during WITH &&);
-- Rows break this one; it only binds new rows, and a restore must not check it.
ALTER TABLE debian.duplicate
  ADD CONSTRAINT duplicate_number CHECK (number IS DISTINCT FROM 13) NOT VALID;

CREATE FUNCTION debian.remember_stock() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.revision := OLD.revision + 1;
  NEW.changed := pg_catalog.clock_timestamp();
  INSERT INTO debian.stock_history VALUES (OLD.package_id, OLD.quantity, OLD.revision);
  RETURN NEW;
END $$;
CREATE TRIGGER remember_stock BEFORE UPDATE OF quantity ON debian.stock
  FOR EACH ROW WHEN (OLD.quantity IS DISTINCT FROM NEW.quantity)
  EXECUTE FUNCTION debian.remember_stock();
-- Would spoil every row if a restore fired it.
CREATE FUNCTION debian.spoil() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.word := NEW.word || '!';
  RETURN NEW;
END $$;
CREATE TRIGGER spoil BEFORE INSERT ON debian.duplicate
  FOR EACH ROW EXECUTE FUNCTION debian.spoil();
ALTER TABLE debian.duplicate DISABLE TRIGGER spoil;
CREATE TRIGGER spoil_always BEFORE INSERT ON debian.duplicate
  FOR EACH ROW EXECUTE FUNCTION debian.spoil();
ALTER TABLE debian.duplicate ENABLE ALWAYS TRIGGER spoil_always;

CREATE PROCEDURE debian.clean_queue(before bigint) LANGUAGE sql
  BEGIN ATOMIC DELETE FROM debian.queue WHERE id < before; END;
CREATE AGGREGATE debian.longest(text) (sfunc = pg_catalog.text_larger, stype = text);
CREATE OPERATOR debian.=== (
  leftarg = text, rightarg = text, function = pg_catalog.texteq, commutator = OPERATOR(debian.===)
);
CREATE TEXT SEARCH CONFIGURATION debian.package_search (COPY = pg_catalog.simple);
CREATE RULE keep AS ON DELETE TO debian.never_filled DO INSTEAD NOTHING;

CREATE VIEW debian.essential WITH (security_barrier) AS
  SELECT id, name, version FROM debian.package WHERE essential WITH LOCAL CHECK OPTION;
CREATE VIEW debian.essential_needs AS
  SELECT e.name, d.target, (d.bound).relation
  FROM debian.essential e JOIN debian.dependency d ON d.package_id = e.id;
CREATE RECURSIVE VIEW debian.mentors (id, depth) AS
  SELECT id, 0 FROM debian.maintainer WHERE mentor_id IS NULL
  UNION ALL SELECT m.id, depth + 1 FROM debian.maintainer m JOIN mentors ON m.mentor_id = mentors.id
  WHERE depth < 5;
CREATE MATERIALIZED VIEW debian.section_size AS
  SELECT section, count(*) AS packages, sum(archive_size) AS size
  FROM debian.package GROUP BY section;
CREATE UNIQUE INDEX section_size_section ON debian.section_size (section);
-- Reading this one is an error until somebody refreshes it.
CREATE MATERIALIZED VIEW debian.not_populated AS SELECT * FROM debian.section_size WITH NO DATA;

ALTER TABLE debian.embargo ENABLE ROW LEVEL SECURITY;
ALTER TABLE debian.embargo FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON debian.embargo AS PERMISSIVE FOR SELECT TO debian_reader
  USING (reader = CURRENT_USER);
CREATE POLICY no_deletes ON debian.embargo AS RESTRICTIVE FOR DELETE USING (false);

GRANT USAGE ON SCHEMA debian TO debian_reader;
GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA debian TO debian_writer;
REVOKE ALL ON debian.attachment FROM debian_reader;
GRANT SELECT (name), UPDATE (name) ON debian.attachment TO debian_auditor;
GRANT SELECT ON debian.package TO debian_writer WITH GRANT OPTION;
GRANT EXECUTE ON FUNCTION debian.upstream TO debian_reader;
GRANT USAGE ON TYPE debian.priority TO debian_reader;
REVOKE USAGE ON TYPE debian.part FROM PUBLIC;
SET ROLE debian_writer;
GRANT SELECT ON debian.package TO debian_auditor, PUBLIC;
RESET ROLE;

COMMENT ON SCHEMA debian IS 'what apt knows';
COMMENT ON TABLE debian.package IS 'one row per package; it''s "big" \ %';
COMMENT ON COLUMN debian.package.words IS 'generated';
COMMENT ON TYPE debian.priority IS 'ordered';
COMMENT ON INDEX debian.package_large IS 'partial';
COMMENT ON CONSTRAINT package_sizes ON debian.package IS 'checked';
COMMENT ON FUNCTION debian.upstream(text) IS 'drops the Debian revision';
COMMENT ON TRIGGER remember_stock ON debian.stock IS 'history';
COMMENT ON LARGE OBJECT 700001 IS 'the first of them';
GRANT SELECT ON LARGE OBJECT 700001 TO debian_reader WITH GRANT OPTION;
GRANT SELECT, UPDATE ON LARGE OBJECT 700002 TO debian_writer;

CREATE PUBLICATION "packages out" FOR TABLE debian.package (id, name, version, architecture)
  WHERE (name > 'm') WITH (publish = 'insert, delete');
CREATE PUBLICATION names FOR TABLES IN SCHEMA "Ünï côdé ""schema""" WITH (publish = 'insert');

-- No handler: a table that can be dumped but not read. The options hold a password.
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER nowhere OPTIONS (host 'elsewhere');
CREATE USER MAPPING FOR debian_owner SERVER elsewhere OPTIONS (password 'seed ''mapping''');
CREATE FOREIGN TABLE debian.remote_package (name text) SERVER elsewhere;

-- In the way of tools that clean a database table by table.
CREATE FUNCTION debian.refuse_drop() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'tables of the package database are not dropped';
END $$;
CREATE EVENT TRIGGER refuse_drop ON ddl_command_start WHEN TAG IN ('DROP TABLE')
  EXECUTE FUNCTION debian.refuse_drop();
