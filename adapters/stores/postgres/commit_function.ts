/**
 * What happens to a key in a commit, as the function knows it: the numbers are part of the schema. `add` and
 * `replace` are writes whose key is checked, so the check is the statement that writes.
 */
export const kinds = {
  /** Writes unconditionally. */
  put: 0,
  /** Writes where nothing is. */
  add: 1,
  /** Writes where a version is. */
  replace: 2,
  /** Removes unconditionally. */
  remove: 3,
  /** Removes a version. */
  removeVersion: 4,
  /** Checks a version. */
  check: 5,
  /** Checks that nothing is there. */
  checkNothing: 6,
} as const;

/**
 * The function that is a group commit: one call is one statement, so it is one transaction and one round trip. It
 * first assumes that every check holds, and compares how many rows each statement has found. If that is not the
 * number of its keys, somebody was faster: it takes back what it did, locks what is checked, finds the parts whose
 * checks hold, and applies those. Its result has a `1` for each part that was applied and a `0` for each other one,
 * or is null if all were.
 *
 * Its arguments have one element for each key of each part, in the order of keys, so that two commits wait for each
 * other and not in a circle. The settings of the planner are needed: a plan that was made while the table was
 * empty would read all of it, and would stay.
 */
export function commitFunction(schema: string): string {
  const entries = `"${schema}".entries`;
  return `
CREATE FUNCTION "${schema}".commit(
  token bigint, ks text[], kinds smallint[], parts int[], vs bigint[], lens int[], es bigint[], repeated boolean,
  n int, blob bytea
) RETURNS text LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
AS $function$
DECLARE
  good boolean[] := array_fill(true, ARRAY[n]);
  left_out boolean := false;
  found_rows int;
  want int;
  off int[];
  doing smallint[];
BEGIN
  SELECT array_agg(o ORDER BY i) INTO off
    FROM (SELECT i, 1 + sum(l) OVER (ORDER BY i) - l AS o FROM unnest(lens) WITH ORDINALITY u(l, i)) s;
  LOOP
    BEGIN
      IF left_out THEN
        PERFORM 1 FROM ${entries} WHERE key = ANY(ks) ORDER BY key FOR UPDATE;
        SELECT array_agg(ok ORDER BY p) INTO good FROM (
          SELECT g.p, coalesce(bool_and(CASE
              WHEN u.kind IN (2, 4, 5) THEN x.version IS NOT DISTINCT FROM u.v AND x.key IS NOT NULL
              WHEN u.kind IN (1, 6) THEN x.key IS NULL
              ELSE true END), true) AS ok
            FROM generate_series(1, n) g(p)
            LEFT JOIN unnest(ks, kinds, parts, vs) u(k, kind, p, v) ON u.p = g.p
            LEFT JOIN ${entries} x ON x.key = u.k
            GROUP BY g.p) s;
        IF NOT true = ANY(good) THEN RETURN repeat('0', n); END IF;
      END IF;
      -- what each part that is applied does; of several that say the same of a key, the last one counts
      doing := kinds;
      IF repeated OR left_out THEN
        SELECT array_agg(CASE WHEN NOT good[p] OR (repeated AND kind IN (0, 3, 6) AND i < last) THEN 9 ELSE kind END
            ORDER BY i) INTO doing
          FROM (SELECT i, p, kind, CASE WHEN repeated THEN
              max(i) FILTER (WHERE kind IN (0, 3, 6) AND good[p]) OVER (PARTITION BY k COLLATE "C") END AS last
            FROM unnest(ks, kinds, parts) WITH ORDINALITY u(k, kind, p, i)) s;
      END IF;
${changes(entries)}
      IF left_out THEN
        RETURN (SELECT string_agg(CASE WHEN ok THEN '1' ELSE '0' END, '' ORDER BY p)
          FROM unnest(good) WITH ORDINALITY u(ok, p));
      END IF;
      RETURN NULL;
    EXCEPTION WHEN SQLSTATE 'PH001' THEN
      -- after the second time: a row that is not to be seen yet was in the way, so the client begins again
      IF left_out THEN RAISE SQLSTATE '40001'; END IF;
      left_out := true;
    END;
  END LOOP;
END $function$;`;
}

/** The statements that change the rows, in PL/pgSQL. What is checked to be absent is a row until the last of them. */
function changes(entries: string): string {
  const values = "k, substring(blob FROM o FOR l), token, e";
  const rows = "unnest(ks, doing, off, lens, es) u(k, kind, o, l, e)";
  const versions = "unnest(ks, doing, vs) u(k, kind, v)";
  return [
    counted(
      "1, 6",
      `INSERT INTO ${entries} SELECT ${values} FROM ${rows} WHERE kind IN (1, 6) ON CONFLICT (key) DO NOTHING`,
    ),
    counted(
      "2",
      `UPDATE ${entries} x SET value = substring(blob FROM o FOR l), version = token, expires = e
        FROM unnest(ks, doing, vs, off, lens, es) u(k, kind, v, o, l, e)
        WHERE kind = 2 AND x.key = k AND x.version = v`,
    ),
    when(
      "0",
      `INSERT INTO ${entries} SELECT ${values} FROM ${rows} WHERE kind = 0 ON CONFLICT (key)
        DO UPDATE SET value = excluded.value, version = excluded.version, expires = excluded.expires;`,
    ),
    counted(
      "5",
      `PERFORM 1 FROM ${versions} JOIN ${entries} x ON x.key = k AND x.version = v WHERE kind = 5 FOR SHARE OF x`,
    ),
    counted("4", `DELETE FROM ${entries} x USING ${versions} WHERE kind = 4 AND x.key = k AND x.version = v`),
    when(
      "3, 6",
      `DELETE FROM ${entries} x USING unnest(ks, doing) u(k, kind) WHERE kind IN (3, 6) AND x.key = k;`,
    ),
  ].join("\n");
}

/** Statements for the keys of some kinds, if there are any. */
function when(kinds: string, statements: string): string {
  return `      IF doing && ARRAY[${kinds}]::smallint[] THEN
        ${statements}
      END IF;`;
}

/** A statement that must find a row for each key of these kinds. */
function counted(kinds: string, statement: string): string {
  return when(
    kinds,
    `SELECT count(*) INTO want FROM unnest(doing) u(kind) WHERE kind IN (${kinds});
        ${statement};
        GET DIAGNOSTICS found_rows = ROW_COUNT;
        IF found_rows <> want THEN RAISE SQLSTATE 'PH001'; END IF;`,
  );
}
