-- SPDX-License-Identifier: GPL-3.0-or-later
-- Values that a careless copy, comparison or checksum gets wrong. One table per family, so that a
-- failure names its cause.

SET ROLE debian_owner;

CREATE TABLE debian.value_number (
  id integer PRIMARY KEY, n numeric, f float8, r real, i bigint, p numeric(30, 10), c money
);
INSERT INTO debian.value_number (id, n, f, r, i, p, c) VALUES
  (1, 'NaN', 'NaN', 'NaN', -9223372036854775808, 'NaN', '-92233720368547758.08'),
  (2, 'Infinity', 'Infinity', 'Infinity', 9223372036854775807, 0, '92233720368547758.07'),
  (3, '-Infinity', '-Infinity', '-Infinity', 0, '99999999999999999999.9999999999', '1.00'),
  (4, '1.0', '-0', '-0', -1, '1.0', '0.01'),
  (5, '1.00', '5e-324', '1e-45', 1, '-0.0000000001', '-0.01'),
  (6, '1', '2.2250738585072009e-308', '1.1754942e-38', 2, NULL, '1234567.89'),
  (7, '-0.000', '1.7976931348623157e308', '3.4028235e38', 3, 0.1, NULL),
  (8, '1e-1000', '0.1', '0.1', 4, 1, '0'),
  (9, '1e1000', '0.30000000000000004', '16777217', 5, 2, '10'),
  (10, repeat('1234567890', 200)::numeric, '9007199254740993', '0.3', 6, 3, '-1234.5'),
  (11, NULL, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE debian.value_time (
  id integer PRIMARY KEY, tz timestamptz, ts timestamp, d date, t time, ttz timetz, i interval
);
INSERT INTO debian.value_time VALUES
  (1, 'infinity', 'infinity', 'infinity', '24:00:00', '24:00:00-15:59', '0'),
  (2, '-infinity', '-infinity', '-infinity', '00:00:00', '00:00:00+15:59', '-178000000 years'),
  (3, '4713-01-01 00:00:00+00 BC', '4713-01-01 00:00:00 BC', '4713-01-01 BC', '23:59:59.999999',
   '12:00:00.5+05:45', '1 month -1 day 00:00:00.000001'),
  (4, '294276-12-31 23:59:59.999999+00', '294276-12-31 23:59:59.999999', '5874897-12-31',
   '12:34:56', '12:34:56+00', '-1 month 31 days -00:00:00.5'),
  (5, '0001-12-31 23:59:59.5+00 BC', '0001-01-01 00:00:00', '0001-01-01', '01:02:03.4',
   '01:02:03.4-00:30', '1 year 2 months 3 days 04:05:06.789'),
  (6, '2024-03-31 01:30:00+00', '2024-03-31 02:30:00', '2024-02-29', '02:30:00',
   '02:30:00+02', '2562047788 hours'),
  (7, '1883-11-18 12:03:58-04:56:02', '2016-12-31 23:59:59', '1582-10-10', '00:00:01', NULL,
   '30 days'),
  (8, NULL, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE debian.value_text (id integer PRIMARY KEY, t text, c char(8), v varchar(20), n name);
INSERT INTO debian.value_text VALUES
  (1, '', '', '', ''),
  (2, NULL, NULL, NULL, NULL),
  (3, '\N', '\N', 'NULL', 'null'),
  (4, E'\\.', E'a\tb', E'a\nb', 'x'),
  (5, E'line\n\\.\nline', 'pad', 'trailing   ', 'Name'),
  (6, E'\r\n\t\b\f\v\x01\x1f\x7f', ' lead', E'"quoted"', E'it''s'),
  (7, U&'caf\00e9', U&'caf\00e9', U&'\fefftext', U&'caf\00e9'),
  (8, U&'cafe\0301', U&'cafe\0301', U&'\200d\200b', U&'cafe\0301'),
  (9, U&'\+01F600\+01F468\200D\+01F469\200D\+01F467', U&'\+01F600', U&'\05e9\05dc\05d5\05dd',
   U&'\4e2d\6587'),
  (10, U&'\0130\0131\00df\1e9e\fb01', U&'\00df', U&'\ffff\+10ffff', 'i'),
  (11, '$1 %s {} ${HOME} `id` "; DROP TABLE x; --', '%', '$$', 'a;b'),
  (12, repeat('0123456789abcdef', 65536), 'long', 'one megabyte', 'n');

CREATE TABLE debian.value_json (id integer PRIMARY KEY, j json, b jsonb, p jsonpath, x xml);
INSERT INTO debian.value_json VALUES
  (1, '{"b": 1,  "a" : 2, "a":3 }', '{"b": 1, "a": 2, "a": 3}', '$.a[*] ? (@ > 1)',
   '<a  b="1"><!-- c --><d/>&amp;</a>'),
  (2, 'null', 'null', '$', 'plain, not a document'),
  (3, '[1.0, 1.00, 1e2, -0, 12345678901234567890.123]',
   '[1.0, 1.00, 1e2, -0, 12345678901234567890.123]', 'strict $."k k"', '<?xml version="1.0"?><r/>'),
  (4, E'{\n  "tab\\t": "\\u00e9\\ud83d\\ude00"\n}', '{"é": {"": [[], {}, "", null]}}', NULL, ''),
  (5, '""', '""', NULL, NULL),
  (6, NULL, NULL, NULL, NULL);

CREATE TABLE debian.value_bytes (id integer PRIMARY KEY, b bytea, v varbit, f bit(3), u uuid);
INSERT INTO debian.value_bytes VALUES
  (1, '', '', '000', '00000000-0000-0000-0000-000000000000'),
  (2, (SELECT string_agg(decode(lpad(to_hex(n), 2, '0'), 'hex'), '' ORDER BY n)
       FROM generate_series(0, 255) AS n),
   '1010101010101', '101', 'ffffffff-ffff-ffff-ffff-ffffffffffff'),
  (3, '\x5c2e0a5c4e09', '0', '111', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'),
  (4, (SELECT string_agg(sha256(convert_to(n::text, 'UTF8')), '' ORDER BY n)
       FROM generate_series(1, 32768) AS n),
   repeat('01', 5000)::varbit, '010', NULL),
  (5, NULL, NULL, NULL, NULL);

CREATE TYPE debian.part AS (label text, number numeric, bounds debian.version_bound);
CREATE DOMAIN debian.short_list AS integer[] CHECK (pg_catalog.cardinality(VALUE) < 5);
CREATE TABLE debian.value_nested (
  id integer PRIMARY KEY, a integer[], t text[], c debian.part, ca debian.part[],
  l debian.short_list, m debian.priority[], w tsvector, q tsquery
);
INSERT INTO debian.value_nested VALUES
  (1, '{}', '{}', ROW('', NULL, NULL), '{}', '{}', '{}', '', ''),
  (2, '[0:2]={1,NULL,3}', ARRAY['NULL', NULL, '', 'a,b', 'a"b', 'a\b', '{}', E'\n'],
   ROW('a,"b"\(c)', 'NaN', ROW('>=', '1:2.3-4')::debian.version_bound),
   ARRAY[ROW('x', 1.0, NULL)::debian.part, NULL], '{1,2}', '{required,unknown,extra}',
   $$'it''s':1A,3 'two words':2B$$, $$'it''s':* & !( 'x' <-> 'y' )$$),
  (3, '[-1:0][5:6]={{1,2},{3,4}}', '{{a,b},{c,d}}', NULL, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE debian.value_range (
  id integer PRIMARY KEY, i int4range, n numrange, t tstzrange, d daterange, s debian.size_range,
  m nummultirange, dm datemultirange
);
INSERT INTO debian.value_range VALUES
  (1, 'empty', 'empty', 'empty', 'empty', 'empty', '{}', '{}'),
  (2, '(,)', '(,)', '(,)', '(,)', '(,)', '{(,)}', '{(,)}'),
  (3, '(1,5]', '[1.0,1.00]', '[-infinity,infinity)', '[2024-02-29,infinity]', '(-0,5e-324]',
   '{[1,2),(3.50,4.0]}', '{[2024-01-01,2024-02-01),[2024-03-01,)}'),
  (4, NULL, NULL, '["2024-03-31 01:30:00+00","2024-03-31 01:30:00+00"]', NULL, '[NaN,NaN]', NULL,
   NULL);

CREATE TABLE debian.value_other (
  id integer PRIMARY KEY, n inet, c cidr, m macaddr, m8 macaddr8, p point, l line, b box, h path,
  y polygon, o circle, lsn pg_lsn, s pg_snapshot, k regclass, ty regtype, ch "char"
);
INSERT INTO debian.value_other VALUES
  (1, '192.0.2.1/24', '192.0.2.0/24', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05',
   '(NaN,-0)', '{1,-1,0}', '(1,1),(0,0)', '[(0,0),(1,1)]', '((0,0),(1,1),(1,0))', '<(0.1,0.2),0.3>',
   'FFFFFFFF/FFFFFFFF', '10:20:10,14,15', 'debian.package', 'debian.priority', 'x'),
  (2, '::ffff:192.0.2.1', '2001:db8::/32', NULL, NULL, '(Infinity,5e-324)', NULL, NULL,
   '((0,0),(1,1))', NULL, NULL, '0/0', NULL, '"Ünï côdé ""schema"""."Tàblé ""x"", spaces & ☃"',
   'double precision', ''),
  (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

RESET ROLE;
