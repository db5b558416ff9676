import type { ActorId } from "../../language/address.ts";
import type { Timer, Timers } from "../../scheduling/timers.ts";
import { SingleFlight } from "../../base/single_flight.ts";
import { WriteSet } from "../commits/write_set.ts";
import type { Membership } from "./membership.ts";
import {
  behindAll,
  indexed,
  indexKey,
  indexPrefix,
  leftKey,
  mailPrefix,
  nameOfActor,
  protocolPrefix,
  unassigned,
  wholeIndexPrefix,
} from "../rows/keys.ts";
import type { StoreSession } from "../commits/store_session.ts";
import { commitKnown, commitOne } from "../commits/commit_one.ts";

/** What the assignments need of the others. */
export interface AssignmentsServices {
  readonly timers: Timers;
  /** The protocols that are hosted here. */
  readonly protocols: readonly string[];
  /** Looks after an actor that is hosted here. Returns whether there was room for it. */
  look(actor: ActorId, crashed?: boolean): boolean;
  /** Whether nothing that this instance wrote for it still waits. */
  atRest(actor: ActorId): boolean;
  /** Done at each heartbeat, each by itself: one that takes long keeps neither the others waiting nor the heartbeat. */
  readonly onHeartbeat: readonly (() => Promise<unknown>)[];
}

const pageMax = 100;
/** How many times in a heartbeat it looks whether a process is gone, where that can be seen at once. */
const presenceChecksPerHeartbeat = 4;
const ownPageMax = 1_000;
/** How many instances that are no more are looked at in one heartbeat; the next goes on behind them. */
const instancesMax = 100;

/**
 * Which actors this instance looks after: at each heartbeat it says that it lives, claims what is unassigned, takes
 * what ended instances left, and removes the entries of what is done. All of it is a hint: safety lies in the checks of
 * each commit.
 */
export class Assignments {
  readonly #session: StoreSession;
  readonly #membership: Membership;
  readonly #services: AssignmentsServices;
  /** The protocols that are hosted here, in the order of keys. */
  readonly #protocols: readonly string[];
  /** Index entries that this instance has written, by actor: with the version of the last write. */
  readonly #entries = new Map<string, { readonly actor: ActorId; readonly version: string }>();
  /** Until when actors are not taken back, by this process's own clock. */
  readonly #releasedUntilMs = new Map<string, number>();
  /** What was last heard of unassigned actors, by protocol. */
  readonly #heard = new Map<string, string>();
  readonly #round = new SingleFlight(() => this.#goRound());
  readonly #claiming = new SingleFlight(() => this.#hear());
  readonly #others: readonly SingleFlight[];
  readonly #saying: SingleFlight;
  /** The entry of its own index at which it looked last. */
  #lookedAt: string;
  /** The instance that is no more and was looked at last. */
  #scannedTo = wholeIndexPrefix;
  #timer: Timer | undefined;
  #presenceTimer: Timer | undefined;
  #ended = false;

  constructor(session: StoreSession, membership: Membership, services: AssignmentsServices) {
    this.#session = session;
    this.#membership = membership;
    this.#services = services;
    this.#protocols = services.protocols.toSorted();
    this.#others = services.onHeartbeat.map((work) => new SingleFlight(work));
    this.#saying = new SingleFlight(() => membership.say().finally(() => this.#wait()));
    this.#lookedAt = indexPrefix(session.instance);
  }

  /** Says that it lives, and from then on does so at each heartbeat. */
  async begin(): Promise<void> {
    await this.#membership.begin();
    this.heartbeat().catch(() => {}); // the next does what this one could not
    if (this.#session.connection.presence !== undefined) this.#checkPresenceLater();
  }

  /** An index entry was written for an actor. */
  wrote(actor: ActorId, version: string): void {
    this.#entries.set(nameOfActor(actor), { actor, version });
  }

  /** An index entry of an actor is nobody's work for now: it stays, and is looked at again. */
  left(actor: ActorId): void {
    this.#entries.delete(nameOfActor(actor));
  }

  /**
   * Others are to have an actor. It is not taken back for a while: two instances of an older revision of the program
   * would hand it to each other without end, each at once when it hears that it is nobody's.
   */
  released(actor: ActorId, forMs: number): void {
    this.left(actor);
    this.#releasedUntilMs.set(nameOfActor(actor), this.#session.clock.monotonicMs() + forMs);
  }

  /** Others look after what this instance did: it took too long to say that it lives. */
  forget(): void {
    this.#entries.clear();
    this.#lookedAt = indexPrefix(this.#session.instance);
  }

  /** One heartbeat: resolves when all that it found is on its way. Rejects where the store does not answer. */
  async heartbeat(): Promise<void> {
    if (this.#ended) return;
    await this.#saying.run();
    await Promise.all([this.#round, ...this.#others].map((chore) => chore.run()));
  }

  /** Others have committed something: what was left unassigned of late is claimed, where it is hosted here. */
  async claimUnassigned(): Promise<void> {
    await this.#claiming.wake();
  }

  /** Its last word: what it leaves, others need not suspect. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#presenceTimer?.cancel();
    await Promise.all([this.#saying, this.#round].map((chore) => chore.idle()));
    this.#timer?.cancel();
    await this.#tidy().catch(() => {}); // others find it without
    await this.#membership.end();
  }

  /** The next heartbeat is timed by the last one alone, whatever that has found to do. */
  #wait(): void {
    if (this.#ended) return;
    this.#timer?.cancel();
    const { heartbeatMs } = this.#session.traits;
    this.#timer = this.#services.timers.set(heartbeatMs, () => void this.heartbeat().catch(() => {}));
  }

  #checkPresenceLater(): void {
    if (this.#ended) return;
    const afterMs = this.#session.traits.heartbeatMs / presenceChecksPerHeartbeat;
    this.#presenceTimer = this.#services.timers.set(afterMs, () => void this.#checkNextPresence());
  }

  async #checkNextPresence(): Promise<void> {
    try {
      if (await this.#membership.nextIsGone()) await this.#round.run();
    } catch {
      // the next heartbeat does what this could not
    }
    this.#checkPresenceLater();
  }

  async #goRound(): Promise<void> {
    await this.#membership.look();
    await this.#membership.judge(() => this.#ended);
    await this.#reassignFromEnded();
    await this.#reassign(unassigned);
    if (this.#ended) return;
    await this.#lookAtOwn();
    await this.#tidy();
    const nowMs = this.#session.clock.monotonicMs();
    for (const [name, untilMs] of this.#releasedUntilMs) {
      if (untilMs <= nowMs) this.#releasedUntilMs.delete(name);
    }
  }

  /** Whoever has entries in the index and is no more. One read for each instance, however many entries it has. */
  async #reassignFromEnded(): Promise<void> {
    const { connection, instance: self } = this.#session;
    for (let count = 0; count < instancesMax && !this.#ended; count++) {
      const range = { prefix: wholeIndexPrefix, after: this.#scannedTo, limit: 1 };
      const [first] = await connection.list(range);
      if (first === undefined) {
        this.#scannedTo = wholeIndexPrefix;
        return;
      }
      const { instance } = indexed(first.key);
      this.#scannedTo = indexPrefix(instance) + behindAll;
      if (instance === self || instance === unassigned || this.#membership.lives(instance)) continue;
      const fate = await this.#membership.fateOf(instance);
      if (fate !== "lives") await this.#reassign(instance, fate === "ended");
    }
  }

  /**
   * What an instance that is no more had in its index becomes this one's, as far as it is hosted here. What is not is
   * passed by without being listed: one read for each protocol, however many actors wait.
   */
  async #reassign(instance: string, crashed = false): Promise<void> {
    const prefix = indexPrefix(instance);
    const all = this.#session.probes?.without("taken-by-hosts") === true;
    for (let after = prefix; !this.#ended;) {
      const [first] = await this.#session.connection.list({ prefix, after, limit: 1 });
      if (first === undefined) return;
      const { protocol } = indexed(first.key);
      if (all || this.#protocols.includes(protocol)) {
        await this.#reassignProtocol(instance, protocol, crashed);
        after = protocolPrefix(instance, protocol) + behindAll;
        continue;
      }
      const next = this.#protocols.find((hosted) => hosted > protocol);
      if (next === undefined) return;
      after = protocolPrefix(instance, next);
    }
  }

  async #reassignProtocol(instance: string, protocol: string, crashed: boolean): Promise<void> {
    const prefix = protocolPrefix(instance, protocol);
    for (let after = prefix; !this.#ended;) {
      const rows = await this.#session.connection.list({ prefix, after, limit: pageMax });
      await Promise.all(rows.map(async ({ key, version }) => {
        const actor = indexed(key);
        if (instance === unassigned && this.#isReleased(actor)) return;
        const committed = await this.#move(actor, { key, version }, this.#session.instance);
        if (committed === undefined) return;
        this.#session.probes?.reach("an actor is taken over");
        if (this.#services.look(actor, crashed)) this.wrote(actor, committed);
        else this.left(actor);
      }));
      if (rows.length < pageMax) return;
      after = rows.at(-1)!.key;
    }
  }

  /** An index entry becomes another instance's. Returns its version there; nothing where it has changed. */
  #move(
    actor: ActorId,
    entry: { readonly key: string; readonly version: string },
    to: string,
  ): Promise<string | undefined> {
    const writeSet = new WriteSet();
    writeSet.removeIfUnchanged(entry);
    writeSet.write(indexKey(to, actor), new Uint8Array());
    return commitKnown(this.#session, writeSet);
  }

  /** What a notification told: only of protocols that are hosted here, and only where it told of them. */
  async #hear(): Promise<void> {
    const rows = await this.#session.connection.read(this.#protocols.map(leftKey));
    for (const [index, row] of rows.entries()) {
      const protocol = this.#protocols[index];
      if (row === undefined || this.#heard.get(protocol) === row.version) continue;
      this.#heard.set(protocol, row.version);
      await this.#reassignProtocol(unassigned, protocol, false);
    }
  }

  #isReleased(actor: ActorId): boolean {
    const untilMs = this.#releasedUntilMs.get(nameOfActor(actor)) ?? -Infinity;
    return untilMs > this.#session.clock.monotonicMs() && !this.#session.probes?.without("left-for-a-while");
  }

  /**
   * Some entries of its own index, and at the next heartbeat those behind them. Of which it has not heard is looked
   * after: a commit landed that seemed to have failed, or there was no room for its actor.
   */
  async #lookAtOwn(): Promise<void> {
    const prefix = indexPrefix(this.#session.instance);
    const range = { prefix, after: this.#lookedAt, limit: ownPageMax };
    const rows = await this.#session.connection.list(range);
    this.#lookedAt = rows.length < ownPageMax ? prefix : rows.at(-1)!.key;
    for (const { key, version } of rows) {
      const actor = indexed(key);
      if (this.#entries.get(nameOfActor(actor))?.version === version) continue;
      this.#session.probes?.reach("an index entry was not known");
      if (this.#protocols.includes(actor.protocol) && this.#services.look(actor)) this.wrote(actor, version);
    }
  }

  /** Entries of actors for which nothing waits any more go; the check sees what came in between. */
  async #tidy(): Promise<void> {
    const done = [...this.#entries.values()].filter(({ actor }) => this.#services.atRest(actor));
    for (let first = 0; first < done.length; first += pageMax) {
      await Promise.all(done.slice(first, first + pageMax).map((entry) => this.#remove(entry)));
    }
  }

  async #remove({ actor, version }: { readonly actor: ActorId; readonly version: string }): Promise<void> {
    const { committer, instance, traits } = this.#session;
    const key = indexKey(instance, actor);
    const name = nameOfActor(actor);
    // A commit of which nothing was heard yet may have written a message, and the entry before its last version.
    if ((traits.unknownOutcomes || traits.fullCommitsAtOnce > 1) && await this.#waits(actor)) {
      if (!this.#services.atRest(actor)) return; // it has come by now
      this.#session.probes?.reach("a message waits of which nothing was heard");
      if (!this.#services.look(actor)) this.left(actor);
      return;
    }
    const writeSet = new WriteSet();
    writeSet.removeIfUnchanged({ key, version });
    const removed = await commitOne(committer, writeSet);
    if (removed === undefined) this.#session.probes?.reach("an index entry changed before it went");
    if (this.#entries.get(name)?.version === version) this.#entries.delete(name);
  }

  async #waits(actor: ActorId): Promise<boolean> {
    return (await this.#session.connection.list({ prefix: mailPrefix(actor), limit: 1 })).length > 0;
  }
}
