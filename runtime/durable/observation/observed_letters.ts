import { messageOf } from "../../base/errors.ts";
import type { Found, Listing, Range } from "../../observation/listing.ts";
import type {
  DeadLetterFilter,
  DeadLetterGroup,
  DeadLetterGroups,
  ObservedDeadLetter,
} from "../../ports/observation.ts";
import type { Entry } from "../../ports/store.ts";
import type { StoredDeadLetter } from "../delivery/message_writer.ts";
import { deadPrefix } from "../rows/keys.ts";
import { readableHead } from "../rows/readable_head.ts";
import { decodeValue, fromText } from "../rows/value_codec.ts";
import type { RowReader } from "./row_reader.ts";

/** How many rows one question looks at: some of them may not match. */
const lookedMax = 10_000;

/** The dead letters that match, the latest first. */
export async function observedLetters(
  reader: RowReader,
  filter: DeadLetterFilter,
  { after, limit }: Range,
): Promise<Listing<ObservedDeadLetter>> {
  const found: Found<ObservedDeadLetter>[] = [];
  let unreadable = 0;
  let behind = after;
  const range = {
    prefix: deadPrefix,
    after: after === undefined ? undefined : deadPrefix + after,
    most: lookedMax,
    reverse: true,
  };
  const more = await reader.scan(range, (rows) => {
    for (const row of rows) {
      behind = row.key.slice(deadPrefix.length);
      const letter = letterIn(row);
      if (letter === undefined) unreadable++;
      else if (matches(letter.head, filter)) found.push({ at: behind, item: withPayload(letter) });
      if (found.length > limit) return true;
    }
  });
  return { found, upTo: more ? behind ?? "" : undefined, unreadable };
}

/** How many of the latest dead letters there are by protocol and reason. */
export async function letterGroups(reader: RowReader): Promise<DeadLetterGroups> {
  const groups = new Map<string, DeadLetterGroup>();
  const more = await reader.scan({ prefix: deadPrefix, most: lookedMax, reverse: true }, (rows) => {
    for (const { value } of rows) {
      const { protocol, reason } = readableHead<StoredDeadLetter>(value) ?? {};
      if (protocol === undefined || reason === undefined) continue;
      const name = `${protocol}\n${reason}`;
      groups.set(name, { protocol, reason, count: (groups.get(name)?.count ?? 0) + 1 });
    }
  });
  return { groups: [...groups.values()], more };
}

interface Letter {
  readonly head: StoredDeadLetter;
  readonly text: string;
}

function letterIn({ value }: Entry): Letter | undefined {
  try {
    const { head, text } = decodeValue<StoredDeadLetter>(value);
    return typeof head.id === "string" && typeof head.protocol === "string" ? { head, text } : undefined;
  } catch {
    return undefined; // the page says how many cannot be read
  }
}

/** Whether a dead letter matches. */
function matches(letter: StoredDeadLetter, { protocol, reason, operation }: DeadLetterFilter): boolean {
  return (protocol === undefined || letter.protocol === protocol) &&
    (reason === undefined || letter.reason === reason) &&
    (operation === undefined || letter.operation === operation);
}

function withPayload({ head, text }: Letter): ObservedDeadLetter {
  const { id, protocol, key, operation, reason, message, attempts, atMs, head: mail } = head;
  const letter = { id, protocol, key, operation, reason, attempts, atMs };
  const chain = mail?.correlationId === undefined ? {} : { correlationId: mail.correlationId };
  try {
    return { ...letter, message, payload: fromText(text), ...chain };
  } catch (error) {
    const why = `${message}; its payload cannot be read: ${messageOf(error)}`;
    return { ...letter, message: why, payload: undefined, ...chain };
  }
}
