-- SPDX-License-Identifier: GPL-3.0-or-later
-- A second application's database: another owner, collation and settings.

SET ROLE depot_owner;
CREATE SCHEMA depot;
CREATE TABLE depot.article (
  id serial PRIMARY KEY,
  label text NOT NULL UNIQUE,
  label_icu text COLLATE "de-x-icu",
  price money NOT NULL,
  document xml,
  added timestamptz NOT NULL
);
CREATE TABLE depot.movement (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  article_id integer NOT NULL REFERENCES depot.article ON DELETE RESTRICT,
  amount integer NOT NULL CHECK (amount <> 0),
  booked timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
CREATE TABLE depot.balance (
  article_id integer PRIMARY KEY REFERENCES depot.article,
  amount bigint NOT NULL
);
CREATE FUNCTION depot.book() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO depot.balance AS balance VALUES (NEW.article_id, NEW.amount)
    ON CONFLICT (article_id) DO UPDATE SET amount = balance.amount + EXCLUDED.amount;
  RETURN NULL;
END $$;

INSERT INTO depot.article (label, label_icu, price, document, added)
  SELECT 'Artikel ' || number, chr(192 + number % 60) || number, (number / 100.0)::numeric::money,
    xmlelement(name article, xmlattributes(number AS id), 'Größe <' || number || '>'),
    timestamptz '2023-06-10 12:00:00+00' + make_interval(mins => number)
  FROM generate_series(1, 2000) AS number;
INSERT INTO depot.movement (article_id, amount, booked)
  SELECT 1 + (number * 7919) % 2000, CASE WHEN number % 3 = 0 THEN -1 ELSE 2 END,
    timestamptz '2023-06-10 12:00:00+00' + make_interval(secs => number)
  FROM generate_series(1, 20000) AS number;
INSERT INTO depot.balance
  SELECT article_id, sum(amount) FROM depot.movement GROUP BY article_id;
-- After the rows: a restore that fired it would book everything twice.
CREATE TRIGGER book AFTER INSERT ON depot.movement
  FOR EACH ROW EXECUTE FUNCTION depot.book();
CREATE INDEX movement_booked ON depot.movement (booked);

-- Same names as in the other database.
CREATE SCHEMA debian;
CREATE TABLE debian.package (id bigint PRIMARY KEY, name text);
INSERT INTO debian.package VALUES (1, 'not the one you mean');

GRANT USAGE ON SCHEMA depot TO debian_auditor;
GRANT SELECT ON ALL TABLES IN SCHEMA depot TO debian_auditor;
RESET ROLE;
COMMENT ON SCHEMA depot IS 'Lager';
