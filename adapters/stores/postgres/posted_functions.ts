import { lookedForMs, payloadOfPosted } from "./posted_watch.ts";

/**
 * What sending within transactions of users needs in the schema. `announce` runs in such a transaction: it counts the send,
 * and notifies who listens, unless somebody has looked for messages just now. `look` is such a look; with `again` it says
 * that another one will follow. The two sequences are outside of transactions, so each sees what the other one has done.
 * `held` counts entries, at most so many.
 */
export function postedFunctions(schema: string): string {
  return `
CREATE SEQUENCE "${schema}".announced;
CREATE SEQUENCE "${schema}".looked;
CREATE FUNCTION "${schema}".announce(channel text) RETURNS void LANGUAGE plpgsql AS $function$
DECLARE
  at bigint := floor(extract(epoch FROM clock_timestamp()) * 1000);
  seen bigint;
BEGIN
  PERFORM nextval('"${schema}".announced');
  SELECT last_value INTO seen FROM "${schema}".looked;
  IF at - seen BETWEEN 0 AND ${lookedForMs} THEN RETURN; END IF;
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
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $function$
BEGIN
  RETURN QUERY SELECT count(*), coalesce(sum(octet_length(x.value)), 0)::bigint FROM (
    SELECT value FROM "${schema}".entries
      WHERE key >= prefix COLLATE "C" AND key < (prefix || chr(1114111)) COLLATE "C" ORDER BY key LIMIT most) x;
END $function$;
`;
}
