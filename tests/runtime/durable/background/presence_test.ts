// How soon an instance takes over from one whose process has ended, and what asking costs, in simulated time.

import assert from "node:assert/strict";
import { actor, protocol, type Store, System, tell, unchecked } from "@posthorn/posthorn";
import { Simulation } from "@posthorn/posthorn/testing/simulation";
import type { StorePresence } from "../../../../runtime/ports/store.ts";

/** For how long a lock must be free in the simulated store, and the heartbeats of its instances. */
const graceMs = 250;
const heartbeatMs = 2_000;
/** More than the calls of a take-over take together. */
const callsMs = 100;
/** How often a running instance asks for the next one. */
const askedMs = 400;

const Cart = protocol("cart", { add: tell(unchecked<string>()) });

/** Processes whose handler of "hang" does not end in those that are killed. */
class Fleet {
  readonly simulation: Simulation<System>;
  /** When each process started, and when its first handler began. */
  readonly startedMs = new Map<string, number>();
  readonly begunMs = new Map<string, number>();
  questions = 0;

  constructor(
    processes: number,
    gone: (ask: StorePresence["gone"]) => StorePresence["gone"] = (same) => same,
  ) {
    this.simulation = new Simulation<System>({
      seed: 1,
      processes,
      store: { presence: true },
      start: (host) => {
        this.startedMs.set(host.name, this.nowMs);
        const add = async () => {
          if (!this.begunMs.has(host.name)) this.begunMs.set(host.name, this.nowMs);
          if (host.name.endsWith("1")) await new Promise(() => {});
        };
        const counted = gone((names) => this.#count(names, presence!));
        let presence: StorePresence | undefined;
        const store = withPresence(host.store, (own) => {
          presence = own;
          return counted;
        });
        return new System({
          ...host,
          store,
          actors: [actor(Cart, { state: () => 0, on: { add } })],
          log: false,
        });
      },
    });
    this.simulation.calm(); // whoever has ended is started again after a second
  }

  get nowMs(): number {
    return this.simulation === undefined ? 0 : this.simulation.clock.monotonicMs();
  }

  /** Kills the first process while it handles a message, and lets time pass. Returns when it was killed. */
  async killAt(atMs: number, forMs: number): Promise<number> {
    await this.simulation.advance(atMs);
    const { host, system } = this.simulation.running[0];
    void system.ref(Cart, "ada").tell(Cart.add, "hang", { id: "1" });
    await this.simulation.advance(500);
    assert.equal(this.begunMs.has(host.name), true);
    const killedMs = this.nowMs;
    host.crash();
    await this.simulation.advance(forMs);
    return killedMs;
  }

  #count(names: readonly string[], presence: StorePresence): Promise<ReadonlySet<string>> {
    this.questions++;
    return presence.gone(names);
  }
}

/** A store that asks its presence another way. */
function withPresence(store: Store, gone: (presence: StorePresence) => StorePresence["gone"]): Store {
  return {
    engine: store.engine,
    traits: store.traits,
    async open(services) {
      const connection = await store.open(services);
      const { presence } = connection;
      const own: StorePresence = {
        hold: (name) => presence!.hold(name),
        gone: gone(presence!),
        release: (name) => presence!.release(name),
        retain: (names) => presence!.retain(names),
      };
      return {
        read: (keys) => connection.read(keys),
        list: (range) => connection.list(range),
        commit: (parts) => connection.commit(parts),
        watch: (onChange) => connection.watch(onChange),
        close: () => connection.close(),
        presence: own,
      };
    },
  };
}

Deno.test("whoever starts goes on with what a killed process left as soon as it can be sure", async () => {
  const fleet = new Fleet(1);
  await fleet.killAt(1_000, 3_000);
  const tookMs = fleet.begunMs.get("a2")! - fleet.startedMs.get("a2")!;
  assert.ok(tookMs >= graceMs && tookMs <= graceMs + callsMs, `after ${tookMs} ms`);
});

Deno.test("whoever runs goes on with it after the next question, and the time to be sure", async () => {
  for (const offsetMs of [0, 90, 180, 270, 360]) {
    const fleet = new Fleet(2);
    const killedMs = await fleet.killAt(10_000 + offsetMs, 990);
    const tookMs = (fleet.begunMs.get("b1") ?? Infinity) - killedMs;
    assert.ok(tookMs <= askedMs + graceMs + callsMs, `after ${tookMs} ms`);
  }
});

Deno.test("at rest an instance asks once for each heartbeat, and for the next one in between", async () => {
  const fleet = new Fleet(3);
  await fleet.simulation.advance(10_000);
  fleet.questions = 0;
  const forMs = 60_000;
  await fleet.simulation.advance(forMs);
  const mostOfOne = forMs / askedMs + forMs / heartbeatMs + 2;
  assert.ok(fleet.questions <= 3 * mostOfOne, `${fleet.questions} questions`);
});

Deno.test("a presence that does not answer delays neither heartbeats nor what they tell", async () => {
  const fleet = new Fleet(2, () => () => new Promise(() => {}));
  const killedMs = await fleet.killAt(10_000, 20_000);
  const tookMs = (fleet.begunMs.get("b1") ?? Infinity) - killedMs;
  assert.ok(tookMs <= 4 * heartbeatMs + callsMs, `after ${tookMs} ms`);
});

Deno.test("an answer counts until the next one: who was said to be gone, and beats, is not judged by it", async () => {
  let lies = true;
  const fleet = new Fleet(2, (ask) => (names) => lies ? Promise.resolve(new Set(names)) : ask(names));
  await fleet.simulation.advance(5_000);
  lies = false;
  const ended = () =>
    fleet.simulation.store.log.filter(({ parts }) =>
      parts.some(({ writes }) => writes.some((key) => key.startsWith("ended\u001f")))
    ).length;
  await fleet.simulation.advance(5_000);
  const before = ended();
  assert.ok(before > 0);
  await fleet.simulation.advance(30_000);
  assert.equal(ended(), before);
  assert.equal(
    fleet.simulation.store.snapshot().filter(({ key }) => key.startsWith("instance\u001f")).length,
    2,
  );
});
