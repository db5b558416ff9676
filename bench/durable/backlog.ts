import { type Store, systemClock } from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import type { AtomicPart } from "@posthorn/posthorn/store";
import type { Outcome } from "../contender.ts";
import { bytesOfHeap } from "../heap.ts";
import { inFolder, type StoreKind } from "./stores.ts";
import { Carts } from "./turns.ts";
import { Following, mailPrefix, Recording } from "./watched_store.ts";

/** The number of rows written together while the store is filled. */
const fillAtOnce = 10_000;
/** The length of the timestamp at the start of a message's position. */
const stampDigits = 11;

/**
 * An actor with very many messages in the store, after the end of its process: measures the time to handle
 * the first ones, and the heap at that time. The check is the number of handled messages.
 */
export async function backlog(kind: StoreKind, waiting: number, count: number): Promise<Outcome> {
  return await inFolder(async (folder) => {
    const store = kind.make(folder);
    await fill(store, waiting);
    const following = new Following();
    await using carts = new Carts(store, following, 1);
    const warming = Math.ceil(count / 5);
    await carts.drained(warming);
    const heapBefore = bytesOfHeap();
    const startMs = performance.now();
    await carts.drained(warming + count);
    const elapsedMs = performance.now() - startMs;
    const handled = following.done;
    const also = { heapBefore, heapAfter: bytesOfHeap(), resident: Deno.memoryUsage().rss };
    return {
      elapsedMs: elapsedMs * count / (handled - warming),
      check: Math.min(handled - warming, count),
      also,
    };
  });
}

/** Writes messages to one actor as the runtime would have. */
async function fill(store: Store, waiting: number): Promise<void> {
  const recording = new Recording();
  {
    await using carts = new Carts(memoryStore(), recording, 1);
    await carts.add(0);
  }
  const writes = recording.recorded.flat().flatMap(({ writes }) => writes);
  const mail = writes.find(({ key }) => key.startsWith(mailPrefix))!;
  const index = writes.find(({ key }) => key.startsWith("index"))!;
  const placeAt = mail.key.lastIndexOf("\u001f") + 1;
  const [head, tail] = [mail.key.slice(0, placeAt), mail.key.slice(placeAt + stampDigits)];
  const stamp = parseInt(mail.key.slice(placeAt, placeAt + stampDigits), 36) - waiting;
  const connection = await store.open({ clock: systemClock() });
  for (let from = 0; from < waiting; from += fillAtOnce) {
    const rows = Array.from({ length: Math.min(fillAtOnce, waiting - from) }, (_, at) => ({
      key: head + (stamp + from + at).toString(36).padStart(stampDigits, "0") + tail,
      value: mail.value,
    }));
    const part: AtomicPart = { checks: [], writes: from === 0 ? [index, ...rows] : rows, removals: [] };
    await connection.commit([part]);
  }
  await connection.close();
}
