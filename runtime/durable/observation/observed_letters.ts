import { messageOf } from "../../base/errors.ts";
import { guarded } from "../../base/guarded.ts";
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
import { decodeValue, fromText } from "../rows/value_codec.ts";
import { numberIn, textIn } from "./row_parts.ts";
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
      const letter = guarded(() => letterIn(row), undefined);
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
    for (const row of rows) {
      const letter = guarded(() => letterIn(row), undefined);
      if (letter === undefined) continue;
      const { protocol, reason } = letter.head;
      const name = `${protocol}\n${reason}`;
      groups.set(name, { protocol, reason, count: (groups.get(name)?.count ?? 0) + 1 });
    }
  });
  return { groups: [...groups.values()], more };
}

/** A dead letter without its payload, and that as text. */
interface Letter {
  readonly head: Omit<ObservedDeadLetter, "payload">;
  readonly text: string;
}

/** The dead letter in a row. Throws if the row cannot be read. */
function letterIn({ value }: Entry): Letter {
  const { head, text } = decodeValue<StoredDeadLetter>(value);
  const { id, protocol, key, operation, reason, message, attempts, atMs, head: mail } = head;
  const correlationId = mail?.correlationId;
  return {
    text,
    head: {
      id: textIn(id),
      protocol: textIn(protocol),
      key: textIn(key),
      operation: textIn(operation),
      reason: textIn(reason),
      message: textIn(message),
      attempts: numberIn(attempts),
      atMs: numberIn(atMs),
      ...correlationId !== undefined && { correlationId: textIn(correlationId) },
    },
  };
}

/** Whether a dead letter matches. */
function matches(letter: Letter["head"], { protocol, reason, operation }: DeadLetterFilter): boolean {
  return (protocol === undefined || letter.protocol === protocol) &&
    (reason === undefined || letter.reason === reason) &&
    (operation === undefined || letter.operation === operation);
}

function withPayload({ head, text }: Letter): ObservedDeadLetter {
  try {
    return { ...head, payload: fromText(text) };
  } catch (error) {
    const message = `${head.message}; its payload cannot be read: ${messageOf(error)}`;
    return { ...head, message, payload: undefined };
  }
}
