import { PosthornError } from "../../../runtime/base/errors.ts";
import { isExpelled } from "./kafka_error.ts";
import type { Committed, KafkaLink } from "./link.ts";
import type { Names } from "./names.ts";
import type { Topics } from "./topics.ts";

const ownerMark = "posthorn-service=";
const storeMark = "posthorn-store=";

/** What the commits of a group carry that belongs to a service. */
export function markOf(owner: string | undefined): string {
  return owner === undefined ? "" : ownerMark + owner;
}

/** Throws if the group of an inbox belongs to another service. */
export function requireOwner(
  owner: string,
  topic: string,
  group: string,
  committed: Iterable<Committed>,
): void {
  for (const { metadata } of committed) {
    if (!metadata.startsWith(ownerMark) || metadata === ownerMark + owner) continue;
    throw new PosthornError(
      "another-service",
      `Cannot read ${topic}: the service ${
        metadata.slice(ownerMark.length)
      } does. To move it to ${owner}, stop that ` +
        `service, then free the group: kafka-consumer-groups --group ${group} --topic ${topic} --reset-offsets ` +
        "--to-current --execute",
    );
  }
}

/**
 * Writes the name of a service's store where all its processes see it: Kafka keeps a text with each offset of a group, so
 * this is a group without members. Throws if another store is named there. The cluster forgets it a week
 * (`offsets.retention.minutes`) after it was written last.
 */
export async function claimStore(
  link: KafkaLink,
  topics: Topics,
  names: Names,
  store: string,
): Promise<void> {
  const { storeGroup: group, replies: topic, service } = names;
  await topics.declare(topic);
  const read = async () => (await link.committed(group, topic, [0])).get(0)?.metadata ?? "";
  let found = await read();
  if (found === "" || found === storeMark + store) {
    try {
      await link.commit({ group }, topic, [{ partition: 0, offset: 0 }], storeMark + store);
    } catch (error) {
      if (!isExpelled(error)) throw error; // somebody else's group has this name, and members
    }
    found = await read(); // the last of those who wrote at once has it
  }
  if (found === "" || found === storeMark + store) return;
  throw new PosthornError(
    "another-store",
    `Cannot start ${service}: its other processes have another store, and all of them need the same one. If that store ` +
      `is gone for good: kafka-consumer-groups --group ${group} --delete`,
  );
}
