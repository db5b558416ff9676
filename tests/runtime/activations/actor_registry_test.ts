import assert from "node:assert/strict";
import {
  type Actor,
  actor,
  ask,
  protocol,
  System,
  type SystemOptions,
  tell,
  unchecked,
} from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import {
  ActorQuota,
  ActorRegistry,
  type RegisteredActor,
} from "../../../runtime/activations/actor_registry.ts";
import type { RuntimeServices } from "../../../runtime/activations/runtime_services.ts";
import { Timers } from "../../../runtime/scheduling/timers.ts";

const [One, Other] = [protocolOf("one"), protocolOf("other")];

function protocolOf<Name extends string>(name: Name) {
  return protocol(name, {
    note: tell(unchecked<string>()),
    notes: ask(unchecked<readonly string[]>()),
    wait: ask(unchecked<number>()),
    remind: tell(unchecked<number>()),
  });
}

interface Traits {
  readonly transient?: boolean;
  readonly idleMs?: number;
}

/** An actor of one protocol that keeps notes, waits until the test releases it, or has a schedule. */
function notesOf(its: typeof One | typeof Other, traits: Traits, gate?: Promise<void>): Actor {
  return actor(its as typeof One, {
    ...traits as { transient?: false },
    state: (): readonly string[] => [],
    on: {
      note: (ctx, text) => void (ctx.state = [...ctx.state, text]),
      notes: (ctx) => ctx.state,
      wait: async () => {
        await gate;
        return 1;
      },
      remind: (ctx, afterMs) => ctx.schedule("reminder", { afterMs }, ctx.self.at(One.note), "reminded"),
    },
  });
}

interface Crowd extends AsyncDisposable {
  readonly clock: VirtualClock;
  readonly system: System;
  /** Protocol and key of the passivated actors, in order. */
  readonly passivated: readonly string[];
}

function crowd(actors: readonly Actor[], actorsMax: number, options?: Partial<SystemOptions>): Crowd {
  const clock = new VirtualClock();
  const limits = { actors: actorsMax };
  const system = new System({ actors, clock, random: seededRandom(1), limits, log: false, ...options });
  const passivated: string[] = [];
  system.inspect((event) => {
    if (event.type === "passivated") passivated.push(`${event.actor.protocol}/${event.actor.key}`);
  });
  return {
    clock,
    system,
    passivated,
    [Symbol.asyncDispose]: () => system.stop({ drainMs: 0 }).then(() => {}),
  };
}

const full = { name: "LimitExceededError", code: "too-many-actors" };

const kinds: Readonly<Record<string, { readonly traits: Traits; readonly store: boolean }>> = {
  "in memory": { traits: {}, store: false },
  "transient, without a store": { traits: { transient: true }, store: false },
  "durable": { traits: {}, store: true },
  "transient, beside a store": { traits: { transient: true }, store: true },
};

for (const [resting, first] of Object.entries(kinds)) {
  for (const [wanting, second] of Object.entries(kinds)) {
    if (first.store !== second.store) continue;
    Deno.test(`an actor at rest (${resting}) leaves memory for one of another protocol (${wanting})`, async () => {
      const actors = [
        notesOf(One, { ...first.traits, idleMs: Infinity }),
        notesOf(Other, { ...second.traits, idleMs: Infinity }),
      ];
      const store = first.store ? memoryStore() : undefined;
      await using it = crowd(actors, 3, { store });
      for (const key of ["a", "b", "c"]) assert.deepEqual(await it.system.ref(One, key).ask(One.notes), []);
      await it.clock.settle();
      for (const key of ["d", "e"]) await it.system.ref(Other, key).tell(Other.note, key);
      assert.deepEqual(await it.system.ref(Other, "e").ask(Other.notes), ["e"]);
      assert.deepEqual(it.passivated, ["one/a", "one/b"]);
      assert.equal(it.system.stats().dead, 0);
    });

    Deno.test(`what a turn (${wanting}) sends finds room that an actor at rest has (${resting})`, async () => {
      const Sender = protocol("sender", { send: tell(unchecked<string>()) });
      const sender = actor(Sender, {
        ...second.traits as { transient?: false },
        state: () => null,
        on: { send: (ctx, key) => ctx.ref(Other, key).tell(Other.note, key) },
      });
      const actors = [notesOf(One, first.traits), notesOf(Other, second.traits), sender];
      const store = first.store ? memoryStore() : undefined;
      await using it = crowd(actors, 2, { store });
      assert.deepEqual(await it.system.ref(One, "a").ask(One.notes), []);
      await it.clock.settle();
      await it.system.ref(Sender, "s").tell(Sender.send, "d");
      await it.clock.settle();
      assert.deepEqual(it.passivated, ["one/a"]);
      assert.equal(it.system.stats().dead, 0);
      assert.equal(it.system.stats().protocols.other.done, 1);
    });
  }
}

Deno.test("a durable actor that left memory for another has its state when it comes back", async () => {
  await using it = crowd([notesOf(One, {}), notesOf(Other, {})], 1, { store: memoryStore() });
  await it.system.ref(One, "a").tell(One.note, "kept");
  await it.clock.settle();
  await it.system.ref(Other, "b").tell(Other.note, "here");
  await it.clock.settle();
  assert.deepEqual(await it.system.ref(One, "a").ask(One.notes), ["kept"]);
  assert.deepEqual(it.passivated, ["one/a", "other/b"]);
});

Deno.test("an actor in memory that has a state, a schedule or something to do is not evicted", async () => {
  const gate = Promise.withResolvers<void>();
  await using it = crowd([notesOf(One, {}, gate.promise), notesOf(Other, { transient: true })], 4);
  await it.system.ref(One, "state").tell(One.note, "kept");
  await it.system.ref(One, "schedule").tell(One.remind, 60_000);
  const waiting = it.system.ref(One, "busy").ask(One.wait, { timeoutMs: 100_000 });
  await it.system.ref(Other, "transient").tell(Other.note, "kept");
  for (const its of [One, Other]) {
    await assert.rejects(it.system.ref(its, "late").tell((its as typeof One).note, ""), {
      ...full,
      message: `Cannot activate ${its === One ? "one" : "other"}/late: the system holds 4 of 4 actors`,
    });
  }
  gate.resolve();
  assert.equal(await waiting, 1);
  await it.clock.settle();
  assert.deepEqual(it.passivated, []);
  await it.system.ref(Other, "late").tell(Other.note, "in its place");
  assert.deepEqual(it.passivated, ["one/busy"]);
  assert.deepEqual(await it.system.ref(One, "state").ask(One.notes), ["kept"]);
  assert.deepEqual(await it.system.ref(Other, "transient").ask(Other.notes), ["kept"]);
});

Deno.test("an observer of an eviction may activate another actor: there are never more than the limit", async () => {
  await using it = crowd([notesOf(One, {}), notesOf(Other, {})], 2);
  let sent = 0;
  it.system.inspect((event) => {
    if (event.type === "passivated" && sent++ === 0) {
      void it.system.ref(Other, "observer").tell(Other.note, "");
    }
  });
  for (const key of ["a", "b"]) await it.system.ref(One, key).ask(One.notes);
  await it.clock.settle();
  await it.system.ref(Other, "late").tell(Other.note, "");
  const { protocols: { one, other } } = it.system.stats();
  assert.deepEqual([one.actors, other.actors], [0, 2]);
});

/**
 * A registry of actors whose idleness the test controls, and which counts how often they are asked for it.
 */
class Registry extends ActorRegistry<RegisteredActor> {
  looked = 0;
  atRest: ReadonlySet<string> = new Set();

  constructor(clock: VirtualClock, quota: ActorQuota) {
    const services = { timers: new Timers(clock), monotonicMs: () => clock.monotonicMs() };
    super(notesOf(One, { idleMs: Infinity }), services as unknown as RuntimeServices, quota);
  }

  fill(count: number): void {
    for (let key = 0; key < count; key++) this.get(`${key}`);
  }

  protected make(key: string): RegisteredActor {
    const isAtRest = () => {
      this.looked++;
      return this.atRest.has(key);
    };
    const member: RegisteredActor = {
      key,
      host: this,
      usedMs: 0,
      idle: true,
      get mayLeave() {
        return isAtRest();
      },
      passivate: () => this.remove(member),
      park: () => false,
      unpark: () => {},
      run: () => false,
      nextReady: undefined,
      idleBefore: undefined,
      idleAfter: undefined,
    };
    return member;
  }
}

Deno.test("a full system of many actors does not look through all of them for each that it refuses", async () => {
  const clock = new VirtualClock();
  const registry = new Registry(clock, new ActorQuota(5_000));
  registry.fill(5_000);
  for (let late = 0; late < 100; late++) assert.throws(() => registry.get(`late ${late}`), full);
  assert.equal(registry.looked, 5_000);
  registry.atRest = new Set(["4000", "4500"]);
  await clock.advance(5);
  registry.get("late");
  registry.get("later"); // and the search continues where it ended
  assert.equal(registry.looked, 5_000 + 4_501);
  assert.equal(registry.size, 5_000);
});
