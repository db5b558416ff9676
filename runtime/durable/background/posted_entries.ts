import type { ActorId } from "../../language/address.ts";
import { slicesOf } from "../../base/slices_of.ts";
import type { Check } from "../../ports/store.ts";
import { commitKnown } from "../commits/commit_one.ts";
import type { StoreSession } from "../commits/store_session.ts";
import { WriteSet } from "../commits/write_set.ts";
import {
  behindAll,
  indexed,
  indexKey,
  indexPrefix,
  nameOfActor,
  posted,
  protocolPrefix,
} from "../rows/keys.ts";
import { pages } from "../rows/pages.ts";
import type { Membership } from "./membership.ts";

/** What it needs of the assignments of this instance. */
export interface PostedEntriesServices {
  /** Whether actors of a protocol are hosted here. */
  hosts(protocol: string): boolean;
  /** Whether this instance has left an actor to others, for a while. */
  isReleased(actor: ActorId): boolean;
  isOver(): boolean;
  /** An actor is in the index of this instance now. */
  take(actor: ActorId, version: string): void;
}

const pageMax = 100;

/** The index entries that transactions of users have written, of which no instance knows. */
export class PostedEntries {
  readonly #session: StoreSession;
  readonly #membership: Membership;
  readonly #services: PostedEntriesServices;

  constructor(session: StoreSession, membership: Membership, services: PostedEntriesServices) {
    this.#session = session;
    this.#membership = membership;
    this.#services = services;
  }

  /** Takes them: one read if they are few, else one per protocol of others. */
  async take(): Promise<void> {
    const prefix = indexPrefix(posted);
    const { connection } = this.#session;
    const some = await connection.list({ prefix, limit: pageMax });
    if (some.length < pageMax) return await this.#takePage(some);
    for (let after = prefix; !this.#services.isOver();) {
      const [first] = await connection.list({ prefix, after, limit: 1 });
      if (first === undefined) return;
      const { protocol } = indexed(first.key);
      const range = { prefix: protocolPrefix(posted, protocol), limit: pageMax };
      if (this.#takes(protocol)) {
        for await (const rows of pages(connection, range)) await this.#takePage(rows);
      }
      after = behindAll(range.prefix);
    }
  }

  /** Whether its actors are hosted here, or by nobody. */
  #takes(protocol: string): boolean {
    return this.#services.hosts(protocol) || !this.#membership.hostedElsewhere(protocol);
  }

  async #takePage(rows: readonly Check[]): Promise<void> {
    const byActor = Map.groupBy(rows, ({ key }) => nameOfActor(indexed(key)));
    await Promise.all(byActor.values().map((some) => this.#takeFor(indexed(some[0].key), some)));
  }

  /** Puts an actor into the index of this instance, or of unassigned actors, in place of the entries of its messages. */
  async #takeFor(actor: ActorId, rows: readonly Check[]): Promise<void> {
    const { clock, instance, traits: { limits } } = this.#session;
    if (this.#services.isOver() || !this.#takes(actor.protocol)) return;
    for (const some of slicesOf(rows, Math.min(limits.checks, pageMax))) {
      const writeSet = new WriteSet();
      for (const row of some) writeSet.removeIfUnchanged(row);
      const isOwn = this.#services.hosts(actor.protocol) && !this.#services.isReleased(actor);
      if (isOwn) writeSet.write(indexKey(instance, actor), new Uint8Array());
      else writeSet.leave(actor, clock.now());
      const committed = await commitKnown(this.#session, writeSet);
      if (committed === undefined || !isOwn) continue;
      this.#session.probes?.reach("an actor has mail of a transaction");
      this.#services.take(actor, committed);
    }
  }
}
