import { plannerSettings } from "./planner_settings.ts";
import { lookedForMs, payloadOfPosted } from "./posted_watch.ts";

/**
 * What sending within transactions of users needs in the schema. `send` writes rows that are not there yet, and at most one
 * in place of another version: else it does nothing and returns false. It takes only texts, so any client can call it.
 * `announce` runs in such a transaction: it counts the send, and notifies who listens, unless somebody has looked for
 * messages just now. `look` is such a look; with `again` it says that another one will follow. The two sequences are outside
 * of transactions, so each sees what the other one has done. `held` counts entries, at most so many.
 */
export function postedFunctions(schema: string): string {
  const entries = `"${schema}".entries`;
  return `
CREATE FUNCTION "${schema}".send(
  token bigint, ks text[], bs text[], es bigint[], replaced text, was bigint, channel text
) RETURNS boolean LANGUAGE plpgsql ${plannerSettings} AS $function$
DECLARE found_rows int;
BEGIN
  INSERT INTO ${entries} SELECT k, decode(b, 'hex'), token, nullif(e, 0) FROM unnest(ks, bs, es) u(k, b, e)
    WHERE k IS DISTINCT FROM replaced ON CONFLICT (key) DO NOTHING;
  GET DIAGNOSTICS found_rows = ROW_COUNT;
  IF found_rows <> cardinality(ks) - (replaced IS NOT NULL)::int THEN RAISE SQLSTATE 'PH001'; END IF;
  IF replaced IS NOT NULL THEN
    UPDATE ${entries} x SET value = decode(b, 'hex'), version = token, expires = nullif(e, 0) FROM unnest(ks, bs, es) u(k, b, e)
      WHERE k = replaced AND x.key = k AND x.version = was;
    GET DIAGNOSTICS found_rows = ROW_COUNT;
    IF found_rows <> 1 THEN RAISE SQLSTATE 'PH001'; END IF;
  END IF;
  PERFORM "${schema}".announce(channel);
  RETURN true;
EXCEPTION WHEN SQLSTATE 'PH001' THEN
  RETURN false;
END $function$;
CREATE SEQUENCE "${schema}".announced;
CREATE SEQUENCE "${schema}".looked;
CREATE FUNCTION "${schema}".announce(channel text) RETURNS void LANGUAGE plpgsql AS $function$
DECLARE
  at bigint := floor(extract(epoch FROM clock_timestamp()) * 1000);
  seen bigint;
BEGIN
  PERFORM nextval('"${schema}".announced');
  SELECT last_value INTO seen FROM "${schema}".looked;
  IF abs(at - seen) <= ${lookedForMs} THEN RETURN; END IF; -- who looks may do so in between
  PERFORM nextval('"${schema}".bell'), pg_notify(channel, '${payloadOfPosted}');
END $function$;
CREATE FUNCTION "${schema}".look(prefix text, again boolean) RETURNS TABLE (messages bigint, sends bigint)
LANGUAGE plpgsql AS $function$
DECLARE at bigint := floor(extract(epoch FROM clock_timestamp()) * 1000);
BEGIN
  IF again AND at - (SELECT last_value FROM "${schema}".looked) NOT BETWEEN 0 AND ${lookedForMs / 4} THEN
    PERFORM setval('"${schema}".looked', at);
  END IF;
  RETURN QUERY SELECT n, last_value FROM "${schema}".announced, "${schema}".held(prefix, 1);
END $function$;
CREATE FUNCTION "${schema}".held(prefix text, most int) RETURNS TABLE (n bigint, b bigint)
LANGUAGE plpgsql STABLE ${plannerSettings} AS $function$
BEGIN
  RETURN QUERY SELECT count(*), coalesce(sum(octet_length(x.value)), 0)::bigint FROM (
    SELECT value FROM "${schema}".entries
      WHERE key >= prefix COLLATE "C" AND key < (prefix || chr(1114111)) COLLATE "C" ORDER BY key LIMIT most) x;
END $function$;
`;
}
