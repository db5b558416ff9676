import { plannerSettings } from "./planner_settings.ts";

/** What happens to a key in a commit. The numbers are part of the schema. */
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
 * The arguments of the function after the version of the commit, by what happens to their keys. `add` and `replace` are
 * writes whose key is checked, so the check is the statement that writes. A key that is checked to be absent is both
 * added, without a value, and removed.
 */
export const groups = [
  { name: "add", kinds: [kinds.add, kinds.checkNothing], has: ["keys", "bytes", "expires"] },
  { name: "replace", kinds: [kinds.replace], has: ["keys", "versions", "bytes", "expires"] },
  { name: "put", kinds: [kinds.put], has: ["keys", "bytes", "expires"] },
  { name: "check", kinds: [kinds.check], has: ["keys", "versions"] },
  { name: "remove_version", kinds: [kinds.removeVersion], has: ["keys", "versions"] },
  { name: "remove", kinds: [kinds.remove, kinds.checkNothing], has: ["keys"] },
] as const;

/** The types of the arrays. */
export const typesOf = {
  keys: "text[]",
  versions: "bigint[]",
  bytes: "bytea[]",
  expires: "bigint[]",
} as const;

/** The names of the arrays of all groups, in the order of the arguments. */
const arrays = groups.flatMap(({ name, kinds, has }) =>
  has.map((column) => ({ name: `${name}_${column}`, type: typesOf[column], column, kinds }))
);

/**
 * Who waits for a lock gives up, later than the server notices that two wait for each other: only a transaction of a user
 * holds one for long, which sends with an id that is used here at the same time, and the other parts of the commit need not
 * wait for it.
 */
const settings =
  `${plannerSettings} SET enable_hashjoin = off SET enable_mergejoin = off SET lock_timeout = 1500`;

/**
 * The functions that are a group commit. One call is one statement, so it is one transaction and one round trip.
 *
 * `commit` assumes that every check holds, and compares how many rows each statement has found. If that is not the number
 * of its keys, or a key is there that must not be, somebody was faster: it takes back what it did and returns false. Its
 * arguments are arrays for what happens to keys, which are null if that happens to none. Each has its keys in order, so
 * that two commits wait for each other and not in a circle.
 *
 * `commit_some` is for that case. It locks what is checked, finds the parts whose checks hold, and applies those. It has
 * one element for each key of each part, and returns a `1` for each part that was applied and a `0` for each other one.
 */
export function commitFunctions(schema: string): string {
  return `${commitAll(schema)}\n${commitSome(schema)}`;
}

function commitAll(schema: string): string {
  const entries = `"${schema}".entries`;
  return `CREATE FUNCTION "${schema}".commit(
  token bigint, ${arrays.map(({ name, type }) => `${name} ${type}`).join(", ")}
) RETURNS boolean LANGUAGE plpgsql ${settings}
AS $function$
DECLARE found_rows int;
BEGIN
${
    [
      when(
        "add",
        `INSERT INTO ${entries} SELECT k, b, token, e FROM unnest(add_keys, add_bytes, add_expires) u(k, b, e);`,
      ),
      counted(
        "replace",
        `UPDATE ${entries} x SET value = b, version = token, expires = e
      FROM unnest(replace_keys, replace_versions, replace_bytes, replace_expires) u(k, v, b, e)
      WHERE x.key = k AND x.version = v`,
      ),
      when(
        "put",
        `INSERT INTO ${entries} SELECT k, b, token, e FROM unnest(put_keys, put_bytes, put_expires) u(k, b, e)
      ON CONFLICT (key) DO UPDATE SET value = excluded.value, version = excluded.version, expires = excluded.expires;`,
      ),
      counted(
        "check",
        `PERFORM 1 FROM unnest(check_keys, check_versions) u(k, v) JOIN ${entries} x ON x.key = k AND x.version = v
      FOR SHARE OF x`,
      ),
      counted(
        "remove_version",
        `DELETE FROM ${entries} x USING unnest(remove_version_keys, remove_version_versions) u(k, v)
      WHERE x.key = k AND x.version = v`,
      ),
      when("remove", `DELETE FROM ${entries} x USING unnest(remove_keys) u(k) WHERE x.key = k;`),
    ].join("\n")
  }
  RETURN true;
EXCEPTION WHEN SQLSTATE 'PH001' OR unique_violation THEN
  RETURN false;
END $function$;`;
}

/** Statements for a group, if it has keys. */
function when(group: string, statements: string): string {
  return `  IF ${group}_keys IS NOT NULL THEN
    ${statements}
  END IF;`;
}

/** A statement that must find a row for each key of its group. */
function counted(group: string, statement: string): string {
  return when(
    group,
    `${statement};
    GET DIAGNOSTICS found_rows = ROW_COUNT;
    IF found_rows <> cardinality(${group}_keys) THEN RAISE SQLSTATE 'PH001'; END IF;`,
  );
}

const columnOf = { keys: "k", versions: "v", bytes: "b", expires: "e" } as const;

/** Of several parts that say something unconditional of a key, the last one counts. */
const unconditional = [kinds.put, kinds.remove, kinds.checkNothing].join(", ");

function commitSome(schema: string): string {
  const entries = `"${schema}".entries`;
  const gathered = arrays.map(({ column, kinds }) =>
    `array_agg(${columnOf[column]} ORDER BY i) FILTER (WHERE kind IN (${kinds.join(", ")}))`
  );
  return `CREATE FUNCTION "${schema}".commit_some(
  token bigint, ks text[], kinds int[], parts int[], vs bigint[], bs bytea[], es bigint[], n int
) RETURNS text LANGUAGE plpgsql ${settings}
AS $function$
DECLARE
  good boolean[];
  done boolean;
BEGIN
  PERFORM 1 FROM ${entries} WHERE key = ANY(ks) ORDER BY key FOR UPDATE;
  SELECT array_agg(ok ORDER BY p) INTO good FROM (
    SELECT g.p, coalesce(bool_and(CASE
        WHEN u.kind IN (${kinds.replace}, ${kinds.removeVersion}, ${kinds.check})
          THEN x.version IS NOT DISTINCT FROM u.v AND x.key IS NOT NULL
        WHEN u.kind IN (${kinds.add}, ${kinds.checkNothing}) THEN x.key IS NULL
        ELSE true END), true) AS ok
      FROM generate_series(1, n) g(p)
      LEFT JOIN unnest(ks, kinds, parts, vs) u(k, kind, p, v) ON u.p = g.p
      LEFT JOIN ${entries} x ON x.key = u.k
      GROUP BY g.p) s;
  IF NOT true = ANY(good) THEN RETURN repeat('0', n); END IF;
  SELECT "${schema}".commit(token, ${gathered.join(",\n      ")}) INTO done
    FROM (SELECT i, k, kind, p, v, b, e,
        max(i) FILTER (WHERE kind IN (${unconditional}) AND good[p]) OVER (PARTITION BY k COLLATE "C") AS last
      FROM unnest(ks, kinds, parts, vs, bs, es) WITH ORDINALITY u(k, kind, p, v, b, e, i)) s
    WHERE good[p] AND NOT (kind IN (${unconditional}) AND i < last);
  -- a row that is not to be seen yet was in the way, so the client begins again
  IF NOT done THEN RAISE SQLSTATE '40001'; END IF;
  RETURN (SELECT string_agg(CASE WHEN ok THEN '1' ELSE '0' END, '' ORDER BY p)
    FROM unnest(good) WITH ORDINALITY u(ok, p));
END $function$;`;
}
