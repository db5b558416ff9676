// A system that stops while commits are in progress, and a store that never answers.

import assert from "node:assert/strict";
import { RetryableError, type Store, System } from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import { inMemory, note, ref, Worker, worker } from "./durable_stage.ts";
import { inEach } from "./worlds.ts";
import { replyName } from "../../../runtime/messages/reply_name.ts";

/** A store that delays the results of commits with a write of some kind, or all results. */
class HoldingStore implements Store {
  readonly engine: Store["engine"];
  readonly traits: Store["traits"];
  readonly #store: Store;
  /** The commits to delay, by the kind of a key. */
  kind: string | undefined;
  /** Whether to execute and answer no call at all. */
  silent = false;
  #gate = Promise.withResolvers<void>();
  held = 0;

  constructor(store: Store, traits: Partial<Store["traits"]> = {}) {
    this.#store = store;
    this.engine = store.engine;
    this.traits = { ...store.traits, ...traits };
  }

  release(): void {
    this.kind = undefined;
    this.#gate.resolve();
  }

  async open(services: Parameters<Store["open"]>[0]): ReturnType<Store["open"]> {
    const connection = await this.#store.open(services);
    const answer = <Result>(call: () => Promise<Result>) =>
      this.silent ? new Promise<Result>(() => {}) : call();
    return {
      read: (keys) => answer(() => connection.read(keys)),
      list: (range) => answer(() => connection.list(range)),
      commit: (parts) =>
        answer(async () => {
          const versions = await connection.commit(parts);
          const { kind } = this;
          const holds = parts.some(({ writes }) => writes.some(({ key }) => key.split("\u001f")[0] === kind));
          if (!holds) return versions;
          this.held++;
          await this.#gate.promise;
          return versions;
        }),
      watch: (onChange) => connection.watch(onChange),
      close: () => answer(() => connection.close()),
    };
  }
}

function systemOn(store: Store, clock = new VirtualClock()) {
  const actors = [worker({
    add(ctx, text) {
      note(ctx, text);
      return ctx.state.length;
    },
  })];
  const system = new System({ actors, store, clock, random: seededRandom(1), drainMs: 0 });
  return { system, clock };
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then((value) => `answered ${value}`, (error) => error.code as string);

inMemory("an ask whose commit is on its way when the system stops is answered", async (stage) => {
  const store = new HoldingStore(stage.store);
  const { system, clock } = systemOn(store, stage.clock);
  await ref(system, "ada").ask(Worker.call, "add one");
  store.kind = "actor";
  const asked = codeOf(ref(system, "ada").ask(Worker.call, "add two"));
  const behind = codeOf(ref(system, "ada").ask(Worker.call, "add three"));
  await clock.settle();
  assert.equal(store.held, 1);
  const stopping = system.stop();
  await clock.settle();
  store.release();
  await stopping;
  assert.deepEqual(await Promise.all([asked, behind]), ["answered 2", "answered 3"]); // of one batch
});

inMemory("an ask that had no turn when the system stops is told so", async (stage) => {
  const store = new HoldingStore(stage.store);
  const { system, clock } = systemOn(store, stage.clock);
  await ref(system, "ada").ask(Worker.call, "add one");
  store.kind = "actor";
  const asked = codeOf(ref(system, "ada").ask(Worker.call, "add two"));
  await clock.settle();
  const behind = codeOf(ref(system, "ada").ask(Worker.call, "add three"));
  await clock.settle();
  const stopping = system.stop();
  await clock.settle();
  store.release();
  await stopping;
  assert.deepEqual(await Promise.all([asked, behind]), ["answered 2", "stopping"]);
});

inMemory(
  "an ask that waited for the commit of a message before it is told that the system stops",
  async (stage) => {
    const store = new HoldingStore(stage.store);
    const { system, clock } = systemOn(store, stage.clock);
    await ref(system, "ada").ask(Worker.call, "add one");
    store.kind = "mail";
    const told = ref(system, "ada").tell(Worker.note, "two", { id: "two" }); // it is committed by itself
    const behind = codeOf(ref(system, "ada").ask(Worker.call, "add three"));
    await clock.settle();
    assert.equal(store.held, 1);
    const stopping = system.stop();
    await clock.settle();
    store.release();
    await stopping;
    await told;
    assert.equal(await behind, "stopping");
  },
);

for (const unknownOutcomes of [true, false]) {
  const kind = unknownOutcomes ? "over a network" : "on this machine";
  Deno.test(`stop() ends although the store, ${kind}, never answers, and claims nothing that is unknown`, async () => {
    const store = new HoldingStore(memoryStore(), { unknownOutcomes });
    const { system, clock } = systemOn(store);
    await ref(system, "ada").ask(Worker.call, "add one");
    await clock.settle();
    store.silent = true;
    const told = [
      codeOf(ref(system, "ada").ask(Worker.call, "add two")),
      codeOf(ref(system, "ada").tell(Worker.note, "three")),
    ];
    await clock.settle();
    const beganMs = clock.now();
    let report: unknown;
    void system.stop().then((stopped) => report = stopped);
    while (report === undefined && clock.now() - beganMs < 60_000) await clock.advance(100);
    assert.ok(report !== undefined && clock.now() - beganMs < 15_000, `${clock.now() - beganMs} ms`);
    assert.deepEqual(await Promise.all(told), ["outcome-unknown", "outcome-unknown"]);
    assert.equal(clock.waiting, 0);
  });
}

for (
  const [when, commits, code] of [
    ["that no commit took", false, "stopping"],
    ["whose commit is on its way", true, "outcome-unknown"],
  ] as const
) {
  Deno.test(`a signal to erase ${when} when the system stops fails aloud`, async () => {
    const store = new HoldingStore(memoryStore());
    const { system, clock } = systemOn(store);
    await ref(system, "ada").ask(Worker.call, "add one");
    await clock.settle();
    const failures: unknown[] = [];
    system.inspect((event) => void (event.type === "callback-failed" && failures.push(event)));
    if (!commits) store.silent = true; // its subscriptions cannot be read
    store.kind = "erased";
    await system.signal({ protocol: "worker", key: "ada" }, "erase");
    await clock.settle();
    assert.equal(store.held, commits ? 1 : 0);
    let over = false;
    void system.stop().then(() => over = true);
    while (!over) await clock.advance(100);
    assert.equal(failures.length, 1);
    const { callback, error } = failures[0] as { callback: string; error: { code: string } };
    assert.deepEqual([callback, error.code], ["erase", code]);
  });
}

inEach(
  "who waits for a reply when the system stops, or asks for it then, is told that it stops",
  async (world) => {
    const later = () => {
      throw new RetryableError("not yet", { afterMs: 600_000 });
    };
    const system = await world.start([worker({ later })]);
    const sent = ref(system, "ada").submit(Worker.job, "later");
    await world.settle();
    const ticket = await sent;
    const told = [ticket, system.ticket(ticket.id)].map((one) => codeOf(one.reply({ timeoutMs: 60_000 })));
    await world.settle();
    const stopped = system.stop();
    await world.settle();
    await stopped;
    assert.deepEqual(await Promise.all(told), ["stopping", "stopping"]);
    const refusal = {
      code: "stopping",
      message: `Cannot collect the reply ${ticket.id}: the system has stopped`,
    };
    for (const one of [ticket, system.ticket(ticket.id)]) await assert.rejects(one.reply(), refusal);
    await assert.rejects(ticket.reply({ peek: true }), refusal);
  },
);

Deno.test("a store that does not answer: each send is told within bounded time, and health says so", async () => {
  const store = new HoldingStore(memoryStore(), { unknownOutcomes: true });
  const { system, clock } = systemOn(store);
  await ref(system, "ada").ask(Worker.call, "add one");
  await clock.settle();
  store.silent = true;
  const told = Promise.all([
    codeOf(ref(system, "ada").tell(Worker.note, "two")),
    codeOf(ref(system, "ada").tell(Worker.note, "three", { id: "3" })),
    codeOf(ref(system, "ada").ask(Worker.call, "add four", { timeoutMs: 60_000 })),
    // the actor has to be loaded first
    codeOf(ref(system, "bob").ask(Worker.call, "add five", { timeoutMs: 60_000 })),
    codeOf(system.ticket(replyName(seededRandom(1).ulid(clock.now()))).reply({ timeoutMs: 60_000 })),
  ]);
  await clock.advance(11_000);
  const [first, second, ...rest] = await told;
  // the commit in progress; those waiting behind it were not
  assert.ok([first, second].includes("outcome-unknown"));
  assert.deepEqual(rest, ["store-unavailable", "store-unavailable", "store-unavailable"]);
  assert.equal(system.health.store?.status, "unavailable");
  store.silent = false;
  await clock.advance(20_000);
  assert.equal(await ref(system, "bob").ask(Worker.call, "add six"), 1);
  assert.notEqual(system.health.store?.status, "unavailable");
  await system.stop();
});
