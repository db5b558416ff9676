import type { Clock } from "../base/clock.ts";
import { messageOf, PosthornError } from "../base/errors.ts";
import { StoreError } from "../base/store_errors.ts";
import { isSound } from "../base/thrown.ts";
import { within } from "../base/within.ts";
import type { Store } from "../ports/store.ts";
import { OtherClocks } from "./commits/other_clocks.ts";
import { requireStore } from "./require_store.ts";
import { TimelyConnection } from "./timely_connection.ts";

/** How long opening the store may take. */
const openMs = 15_000;

/** A connection to a store of somebody who is no instance, and the clocks of the instances, of which nothing is known yet. */
export interface ConnectedBeside {
  readonly connection: TimelyConnection;
  readonly otherClocks: OtherClocks;
}

/**
 * Connects to a store beside the instances on it. `verb` is what that is for: `observe`. Rejects with a `StoreError` if the
 * store cannot be used, or does not answer.
 */
export async function connectBeside(verb: string, store: Store, clock: Clock): Promise<ConnectedBeside> {
  requireStore(verb, store);
  const { name, processes } = store.traits;
  // It does not know the clocks of the instances yet: by a clock that is ahead, a store would delete what they keep.
  const otherClocks = new OtherClocks(clock, processes === "one");
  const opening = store.open({ clock: otherClocks.slowest });
  try {
    if (!await within(clock, openMs, opening)) {
      opening.then((late) => late.close()).catch(() => {}); // nobody waits for it any more
      const why = `it did not answer within ${openMs} ms`;
      throw new StoreError("store-unavailable", `Cannot ${verb} ${name}: ${why}`);
    }
    return { connection: new TimelyConnection(await opening, store.traits, clock), otherClocks };
  } catch (cause) {
    if (isSound(cause, PosthornError)) throw cause;
    throw new StoreError("store-unavailable", `Cannot ${verb} ${name}: ${messageOf(cause)}`, { cause });
  }
}
