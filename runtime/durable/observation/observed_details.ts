import { shorten } from "../../base/shorten.ts";
import type { ActorId } from "../../language/address.ts";
import type { ObservedActorDetails } from "../../ports/observation.ts";
import { countMost } from "../../observation/arguments.ts";
import { ActorRecord } from "../rows/actor_record.ts";
import { lastPart, recordKey, subscribedPrefix, timerPrefix } from "../rows/keys.ts";
import { mailboxOf, observedMessage } from "./observed_message.ts";
import { observedSchedule } from "./observed_schedules.ts";
import { pausedIn } from "./paused.ts";
import type { RowReader } from "./row_reader.ts";

const stateUnitsMax = 64_000;
/** How many messages, schedules and subscriptions are shown. */
const shownMax = 100;

/** All that the store has of one actor. */
export async function observedDetails(
  reader: RowReader,
  actor: ActorId,
): Promise<ObservedActorDetails | undefined> {
  const row = await reader.one(recordKey(actor));
  const { head, text, fault } = ActorRecord.of(row);
  const timers = await reader.list({ prefix: timerPrefix(actor), most: shownMax });
  const topics = await reader.list({ prefix: subscribedPrefix(actor), most: shownMax });
  const { waiting, first } = await mailboxOf(reader, actor, countMost, shownMax);
  const rows = timers.rows.length + topics.rows.length + waiting.count;
  if (row === undefined && rows === 0) return undefined;
  return {
    protocol: actor.protocol,
    key: actor.key,
    ...text !== undefined && { state: shorten(text, stateUnitsMax) },
    ...typeof head.schema === "number" && { stateVersion: head.schema },
    waiting,
    messages: first.map((mail) => observedMessage(mail, head.retry)),
    schedules: timers.rows.map((timer) => observedSchedule(actor, lastPart(timer.key), 0, timer)),
    subscriptions: topics.rows.map((topic) => lastPart(topic.key)),
    paused: (await pausedIn(reader)).has(actor.protocol),
    ...fault !== undefined && { fault },
  };
}
