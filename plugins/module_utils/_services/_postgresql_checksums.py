# Copyright: the janus.backup developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data checksums of one PostgreSQL session: what its transaction sees, whatever others write.

Rows are hashed and the hashes summed, so that their order does not matter and duplicates do not
cancel. A value is hashed as it is stored where equal means identical, else as it is printed; the
settings that shape this are pinned in `PINS`. hash_record_extended() (PostgreSQL 14) adds up what
it has of the columns, so that two rows could swap a value unseen: its result is hashed once more.
Earlier versions hashed whole rows as text, which took longer; digests of the present way begin with
`WAY`, and what is compared with one of the earlier is computed in that one's way. Definitions
that PostgreSQL may print otherwise after a restore (expressions of views, checks and defaults) are
recorded by name and kind, not by text. docs/services/postgresql.md says what is compared and why.
"""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.janus.backup.plugins.module_utils._checksum import Checksums, digest
from ansible_collections.janus.backup.plugins.module_utils._errors import BackupError

PINS = {
    "search_path": "pg_catalog",
    "row_security": "off",  # an error instead of rows silently missing
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "xmlbinary": "base64",
    "lc_monetary": "C",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "client_connection_check_interval": "1s",  # a query ends when its client was killed
}


def _ours(identity: str, catalogue: str = "'pg_class'") -> str:
    """Return the condition that an object is neither PostgreSQL's own nor an extension's."""
    return f"""n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND NOT EXISTS (
        SELECT FROM pg_depend e WHERE e.classid = ({catalogue})::regclass
        AND e.objid = {identity} AND e.deptype = 'e')"""


def _privileges(acl: str, kind: str, owner: str) -> str:
    """Return the expression of an object's privileges, the default ones spelled out, sorted."""
    return f"""(SELECT array_agg(p::text ORDER BY p::text)
        FROM unnest(coalesce({acl}, acldefault(({kind})::"char", {owner}))) p)"""


WAY = "2:"
# What is hashed as it is stored: where equal means identical, and no two values have one hash. The
# hash of eight bytes folds them to four: their wire format is hashed. Not identical are equal
# numeric (1.0 = 1.00), float (0 = -0), interval (1 day = 24 hours), JSON, arrays and domains of
# these: they are hashed as they are printed, which a cast to text is not (of xml it keeps the
# declared encoding, of char(n) it drops the blanks). A collation may call other letters equal.
_STORED = "{bool,int2,int4,oid,uuid,bytea,date}"
_EIGHT_BYTES = "{int8,time,timestamp,timestamptz}"
_TEXT = "{text,varchar,name}"

# Columns by name: after a restore, inherited and attached tables may have them in another order.
# A partitioned table as a whole: rows hashed by an enum come back in other partitions. Only one
# with a foreign partition, whose rows are not in the dump, is read partition by partition.
_TABLES = f"""WITH apart AS (SELECT DISTINCT pg_partition_root(oid) AS root FROM pg_class
        WHERE relkind = 'f' AND relispartition)
    SELECT n.nspname, c.relname, CASE c.relkind WHEN 'r' THEN 'ONLY ' ELSE '' END, coalesce((
        SELECT string_agg(format(CASE
            WHEN %(textual)s THEN '"janus row".%%I'
            WHEN a.atttypid = ANY ('{_STORED}'::regtype[]) THEN '"janus row".%%I'
            WHEN a.atttypid = ANY ('{_EIGHT_BYTES}'::regtype[])
              THEN y.typsend || '("janus row".%%I)'
            WHEN a.atttypid = ANY ('{_TEXT}'::regtype[]) THEN '"janus row".%%I::text COLLATE "C"'
            ELSE 'format(''%%%%L'', "janus row".%%I) COLLATE "C"' END, a.attname),
            ', ' ORDER BY a.attname)
        FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '')
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relpersistence <> 't' AND {_ours("c.oid")} AND (
        (c.relkind = 'r' AND (NOT c.relispartition
            OR pg_partition_root(c.oid) IN (SELECT root FROM apart)))
        OR (c.relkind = 'p' AND NOT c.relispartition AND c.oid NOT IN (SELECT root FROM apart)))
    ORDER BY c.relpages DESC, 1, 2"""

_RELATION_KIND = "CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END"
_CONSTRAINED = "CASE k.contypid WHEN 0 THEN k.conrelid ELSE k.contypid END"
_CONSTRAINED_CATALOGUE = "CASE k.contypid WHEN 0 THEN 'pg_class' ELSE 'pg_type' END"

# Each query yields (kind, identity, detail): one object that must be there again, looking the same.
_SCHEMA = [
    # tables, views, sequences with their columns
    f"""SELECT CASE c.relkind WHEN 'r' THEN 'columns of table' WHEN 'p' THEN 'partitioned table'
          WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table'
          ELSE 'definition of sequence' END,
        quote_ident(n.nspname) || '.' || quote_ident(c.relname),
        concat_ws(' ', c.relowner::regrole, c.relpersistence, c.reloptions, c.relrowsecurity,
          c.relforcerowsecurity, {_privileges("c.relacl", _RELATION_KIND, "c.relowner")},
          (SELECT string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod),
             a.attnotnull, a.attidentity, a.attgenerated, a.atthasdef, a.attcollation::regcollation,
             a.attacl), ', ' ORDER BY a.attname)
           FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
          (SELECT concat_ws(' ', s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmax,
             s.seqmin, s.seqcache, s.seqcycle) FROM pg_sequence s WHERE s.seqrelid = c.oid))
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relpersistence <> 't'
      AND {_ours("c.oid")}""",
    f"""SELECT 'index', quote_ident(n.nspname) || '.' || quote_ident(c.relname),
        concat_ws(' ', i.indrelid::regclass, i.indisunique, i.indisprimary, i.indnatts,
          i.indpred IS NULL, m.amname)
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
      JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_class t ON t.oid = i.indrelid
      WHERE i.indisvalid AND n.nspname <> 'pg_toast' AND t.relpersistence <> 't'
      AND {_ours("i.indrelid")}""",
    f"""SELECT 'constraint', quote_ident(k.conname) || ' on ' ||
          CASE k.contypid WHEN 0 THEN k.conrelid::regclass::text ELSE k.contypid::regtype::text END,
        concat_ws(' ', k.contype, k.convalidated, k.condeferrable, k.condeferred,
          k.confrelid::regclass, k.confupdtype, k.confdeltype)
      FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace
      WHERE k.contype <> 't'
      AND {_ours(_CONSTRAINED, _CONSTRAINED_CATALOGUE)}""",
    f"""SELECT 'function', p.oid::regprocedure::text,
        concat_ws(' ', p.proowner::regrole, l.lanname, p.prokind, p.prosecdef, p.proleakproof,
          p.provolatile, p.proparallel, p.proisstrict, p.proretset, p.prorettype::regtype,
          p.proconfig, md5(p.prosrc),
          {_privileges("p.proacl", "'f'", "p.proowner")})
      FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
      JOIN pg_language l ON l.oid = p.prolang
      WHERE {_ours("p.oid", "'pg_proc'")}""",
    f"""SELECT 'trigger', quote_ident(g.tgname) || ' on ' || g.tgrelid::regclass,
        concat_ws(' ', g.tgfoid::regproc, g.tgtype, g.tgenabled)
      FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE NOT g.tgisinternal AND {_ours("c.oid")}""",
    """SELECT 'policy', quote_ident(y.polname) || ' on ' || y.polrelid::regclass,
        concat_ws(' ', y.polcmd, y.polpermissive,
          (SELECT array_agg(r::regrole::text ORDER BY r::regrole::text) FROM unnest(y.polroles) r))
      FROM pg_policy y""",
    """SELECT 'rule', quote_ident(r.rulename) || ' on ' || r.ev_class::regclass,
        concat_ws(' ', r.ev_type, r.ev_enabled, r.is_instead)
      FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
      JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE r.rulename <> '_RETURN' AND n.nspname NOT IN ('pg_catalog', 'information_schema')""",
    f"""SELECT 'type', t.oid::regtype::text, concat_ws(' ', t.typowner::regrole, t.typtype,
          t.typbasetype::regtype, t.typnotnull,
          (SELECT string_agg(quote_literal(u.enumlabel), ', ' ORDER BY u.enumsortorder)
           FROM pg_enum u WHERE u.enumtypid = t.oid),
          (SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', '
             ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = t.typrelid
             AND a.attnum > 0 AND NOT a.attisdropped))
      FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
      LEFT JOIN pg_class c ON c.oid = t.typrelid
      WHERE (t.typtype IN ('d', 'e', 'r') OR (t.typtype = 'c' AND c.relkind = 'c'))
      AND {_ours("t.oid", "'pg_type'")}""",
    f"""SELECT 'schema', quote_ident(n.nspname), concat_ws(' ', n.nspowner::regrole,
          {_privileges("n.nspacl", "'n'", "n.nspowner")})
      FROM pg_namespace n WHERE {_ours("n.oid", "'pg_namespace'")}""",
    """SELECT 'extension', quote_ident(x.extname), x.extversion FROM pg_extension x""",
    """SELECT 'event trigger', quote_ident(evtname), concat_ws(' ', evtevent, evtenabled, evttags)
      FROM pg_event_trigger""",
    """SELECT 'publication', quote_ident(pubname), concat_ws(' ', puballtables, pubinsert,
          pubupdate, pubdelete, pubtruncate) FROM pg_publication""",
    """SELECT 'default privileges', concat_ws(' ', d.defaclrole::regrole, d.defaclobjtype,
          n.nspname), (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(d.defaclacl) a)::text
      FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace""",
    """SELECT 'comment on ' || o.type, o.identity, d.description
      FROM pg_description d, pg_identify_object(d.classoid, d.objoid, d.objsubid) o
      WHERE d.objoid >= 16384 AND NOT EXISTS (SELECT FROM pg_depend e
        WHERE e.classid = d.classoid AND e.objid = d.objoid AND e.deptype = 'e')""",
]

# pg_dump fills the holes of sparse large objects with zeros, so zeros at a page's end do not count.
_LARGE_OBJECTS = [
    """SELECT count(*), coalesce(sum(hashtextextended(concat_ws(' ', m.oid, m.lomowner::regrole,
          (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(m.lomacl) a)), 0)), 0)
      FROM pg_largeobject_metadata m""",
    r"""SELECT count(*), coalesce(sum(hashtextextended(concat_ws(' ', loid, pageno,
          rtrim(data, '\x00'::bytea)), 0)), 0)
      FROM pg_largeobject WHERE length(rtrim(data, '\x00'::bytea)) > 0""",
    """SELECT count(*), coalesce(sum(hashtextextended(concat_ws(' ', p.loid, p.pageno * 2048
          + length(p.data)), 0)), 0) FROM pg_largeobject p
      WHERE p.pageno = (SELECT max(q.pageno) FROM pg_largeobject q WHERE q.loid = p.loid)""",
]

_CLUSTER = [
    """SELECT 'role', quote_ident(r.rolname), concat_ws(' ', r.rolsuper, r.rolinherit,
          r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication, r.rolbypassrls,
          r.rolconnlimit,
          r.rolpassword, r.rolvaliduntil,
          (SELECT array_agg(concat_ws(' ', m.roleid::regrole, m.admin_option)
             ORDER BY m.roleid::regrole::text) FROM pg_auth_members m WHERE m.member = r.oid))
      FROM pg_authid r WHERE r.rolname !~ '^pg_'""",
    """SELECT 'settings', concat_ws(' ', 'of role ' || nullif(s.setrole, 0)::regrole,
          'in database ' || quote_ident(d.datname)),
        (SELECT array_agg(c ORDER BY c) FROM unnest(s.setconfig) c)::text
      FROM pg_db_role_setting s LEFT JOIN pg_database d ON d.oid = s.setdatabase
      WHERE s.setdatabase = 0 OR d.datname = ANY (%(databases)s)""",
    """SELECT 'tablespace', quote_ident(spcname), spcowner::regrole::text
      FROM pg_tablespace WHERE spcname !~ '^pg_'""",
    f"""SELECT 'database', quote_ident(d.datname), concat_ws(' ', d.datdba::regrole,
          pg_encoding_to_char(d.encoding), d.datcollate, d.datctype, d.datlocprovider,
          d.datconnlimit, {_privileges("d.datacl", "'d'", "d.datdba")})
      FROM pg_database d WHERE d.datname = ANY (%(databases)s)""",
]


def quoted(*names: str) -> str:
    """Given identifiers, return them quoted and joined by dots, the same way on every server."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def _rows_digest(cursor: Any, query: str, way: str = "") -> dict[str, Any]:
    cursor.execute(query)
    rows, total = cursor.fetchone()
    return {"rows": rows, "digest": f"{way}{total}"}


def of_tables(connection: Any, database: str, recorded: Checksums | None = None) -> Checksums:
    """Given a session in a transaction, return rows and digest of each of its tables, in the way in
    which those were computed that they are to be compared with.
    """
    found: Checksums = {}
    place = f"database {quoted(database)}"
    tables = [value for value in (recorded or {}).values() if "rows" in value]
    textual = any(not value["digest"].startswith(WAY) for value in tables)
    way, hashed = (
        ("", "hashtextextended(ROW({})::text, 0)")
        if textual
        else (WAY, "hashtextextended(hash_record_extended(ROW({}), 0)::text, 0)")
    )
    with connection.cursor() as cursor:
        cursor.execute(_TABLES, {"textual": textual})
        for schema, table, only, columns in cursor.fetchall():
            name = quoted(schema, table)
            found[f"{place} table {name}"] = _rows_digest(
                cursor,
                f"SELECT count(*), coalesce(sum({hashed.format(columns)}), 0)"
                f' FROM {only}{name} AS "janus row"',
                way,
            )
        pages = [_rows_digest(cursor, query) for query in _LARGE_OBJECTS]
        found[f"{place} large objects"] = {
            "count": pages[0]["rows"],
            "digest": " ".join(page["digest"] for page in pages),
        }
    return found


def _described(cursor: Any, queries: list[str], place: str, parameters: Any = None) -> Checksums:
    found: Checksums = {}
    for query in queries:
        cursor.execute(query, parameters)
        for kind, identity, detail in cursor.fetchall():
            found[f"{place}{kind} {identity}"] = {"digest": digest(detail)[:32]}
    return found


def of_schema(connection: Any, database: str) -> Checksums:
    """Given a session in a transaction, return every schema object with a digest of its nature."""
    with connection.cursor() as cursor:
        return _described(cursor, _SCHEMA, f"database {quoted(database)} ")


def of_cluster(connection: Any, databases: list[str]) -> Checksums:
    """Given a session and database names, return roles, settings, tablespaces and databases."""
    with connection.cursor() as cursor:
        return _described(cursor, _CLUSTER, "", {"databases": databases})


def of_sequences(connection: Any, database: str) -> Checksums:
    """Given a session, return where each sequence stands now: sequences know no snapshot."""
    found: Checksums = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n"
            " ON n.oid = c.relnamespace WHERE c.relkind = 'S' AND c.relpersistence <> 't'"
            f" AND {_ours('c.oid')}"
        )
        for schema, sequence in cursor.fetchall():
            name = quoted(schema, sequence)
            cursor.execute(f"SELECT last_value, is_called FROM {name}")
            value, called = cursor.fetchone()
            found[f"database {quoted(database)} sequence {name}"] = _standing(value, called)
    return found


def of_dumped_sequences(statements: str, database: str) -> Checksums:
    """Given the setval() statements that pg_restore prints for a dump, return where its sequences
    stand. Raise BackupError if one cannot be understood.
    """
    found: Checksums = {}
    for line in statements.splitlines():
        if "pg_catalog.setval(" not in line:
            continue
        match = re.search(r"setval\('((?:[^']|'')*)', (-?\d+), (true|false)\)", line)
        parts = (
            re.findall(r'"((?:[^"]|"")*)"|([^".]+)', match[1].replace("''", "'")) if match else []
        )
        if not match or len(parts) != 2:
            raise BackupError(f"cannot read where a sequence stands in the dump: {line.strip()}")
        name = quoted(*(quote.replace('""', '"') or plain for quote, plain in parts))
        found[f"database {quoted(database)} sequence {name}"] = _standing(
            int(match[2]), match[3] == "true"
        )
    return found


def _standing(value: int, called: bool) -> dict[str, Any]:
    return {"value": value, "called": called}
