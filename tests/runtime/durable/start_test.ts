// A store that cannot be opened: `ready()`, every send and the health report it.

import assert from "node:assert/strict";
import { actor, protocol, type Store, StoreError, submit, System, unchecked } from "@posthorn/posthorn";
import { ingress } from "@posthorn/posthorn/http";
import { memoryStore } from "@posthorn/posthorn/memory";
import { sqlite } from "@posthorn/posthorn/sqlite";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { Simulation } from "@posthorn/posthorn/testing/simulation";
import { notesOf, ref, Worker, worker } from "./durable_stage.ts";
import { asIngress } from "../../as_ingress.ts";

const Walker = protocol("walker", { walk: submit(unchecked<null>(), unchecked<string>()) });

// A timer that is set in the first turn of the event loop and cancelled soon is not always released.
Deno.test.beforeAll(() => new Promise((resolve) => void setTimeout(resolve, 1)));

async function folder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir({ prefix: "posthorn-start-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** Every operation of a system whose store cannot be used gives the same error. */
async function requireUnavailable(store: Store, message: RegExp, clock?: VirtualClock): Promise<void> {
  await using system = new System({ actors: [worker()], store, clock });
  assert.equal(system.health.store?.status, "opening");
  const unavailable = { name: "StoreError", code: "store-unavailable", message };
  const ada = ref(system, "ada");
  await Promise.all([
    assert.rejects(ada.tell(Worker.note, "one"), unavailable), // before it is known
    assert.rejects(system.ready(), unavailable),
    clock?.advance(15_000),
  ]);
  await assert.rejects(ada.tell(Worker.note, "one"), unavailable);
  await assert.rejects(ada.tell(Worker.note, "one", { id: "1" }), unavailable);
  await assert.rejects(ada.ask(Worker.call, "notes"), unavailable);
  await assert.rejects(ada.ask(Worker.call, "notes", { id: "1" }), unavailable);
  await assert.rejects(ada.submit(Worker.job, "notes"), unavailable);
  await assert.rejects(system.publish(Worker.happened, "de one"), unavailable);
  await assert.rejects(system.ticket("1").reply(), unavailable);
  await assert.rejects(system.sweep(), unavailable);
  const signal = async () => await system.signal({ protocol: "worker", key: "ada" }, "erase");
  await assert.rejects(signal, unavailable);
  await assert.rejects(async () => {
    for await (const _ of system.survey(Worker.quote, "notes", { timeoutMs: 5_000 }));
  }, unavailable);
  assert.equal(system.stats().protocols["~collector"].actors, 0); // no one waits for its replies any more
  system.subscribe(Worker.happened, ada.at(Worker.note))[Symbol.dispose]();
  system.subscribe(Worker.happened, () => {})[Symbol.dispose]();
  const { status, store: health } = system.health;
  assert.deepEqual([status, health?.status], ["running", "unavailable"]);
  assert.match(health?.reason ?? "", message);
  const response = await ingress(system, { expose: [] }).request("/healthz");
  assert.deepEqual([response.status, (await response.json()).store.status], [503, "unavailable"]);
}

Deno.test("a store without the durable engine is refused, with what it lacks", () => {
  const { traits, open } = memoryStore();
  for (const engine of [undefined, null, {}, "engine"]) {
    const store = { engine, traits, open } as unknown as Store;
    assert.throws(() => new System({ actors: [worker()], store }), {
      name: "TypeError",
      message:
        "Cannot use the store memory: it has no engine: a store has `engine: storeEngine`, of @posthorn/posthorn/store",
    });
  }
});

Deno.test("messages that are sent before the store is open come before later ones", async () => {
  await using system = new System({ actors: [worker()], store: memoryStore() });
  const ada = ref(system, "ada");
  const early = ["one", "two"].map((text) => ada.tell(Worker.note, text));
  await system.ready();
  await Promise.all([...early, ada.tell(Worker.note, "three")]);
  assert.deepEqual(await notesOf(system, "ada"), ["one", "two", "three"]);
});

Deno.test("before the store is open stats() has every protocol, and an actor that is not hosted is refused", async () => {
  await using system = new System({ actors: [worker()], store: memoryStore() });
  const { protocols } = system.stats();
  assert.deepEqual(protocols.worker, { actors: 0, waiting: 0, done: 0 });
  assert.deepEqual(protocols["~topic"], { actors: 0, waiting: 0, done: 0 });
  const walk = async () => await system.ref(Walker, "ada").submit(Walker.walk, null);
  await assert.rejects(walk, { code: "unknown-protocol" });
  assert.equal(system.health.store?.status, "opening");
});

Deno.test("before the store is open 10,000 sends wait for it: the next is refused, and none of those is lost", async () => {
  const clock = new VirtualClock();
  const memory = memoryStore();
  const gate = Promise.withResolvers<void>();
  const store: Store = {
    engine: memory.engine,
    traits: memory.traits,
    async open(services) {
      await gate.promise;
      return await memory.open(services);
    },
  };
  const actors = [
    worker(),
    actor(Walker, { transient: true, state: () => null, on: { walk: () => "done" } }),
  ];
  await using system = new System({ actors, store, clock, drainMs: 0 });
  const heard: string[] = [];
  const following = system.subscribe(Worker.happened, (text) => void heard.push(text)); // one
  const early: Promise<unknown>[] = [];
  for (let count = 0; count < 9_995; count++) {
    early.push(ref(system, `k${count % 100}`).tell(Worker.note, `${count}`));
  }
  early.push(system.publish(Worker.happened, "de one"));
  early.push(ref(system, "k0").submit(Worker.job, "notes"));
  early.push(system.ref(Walker, "w").submit(Walker.walk, null));
  early.push(ref(system, "k0").ask(Worker.call, "notes"));
  await clock.settle();
  const crowded = {
    name: "StoreError",
    code: "store-unavailable",
    message: "Cannot use the store: it is not open yet, and 10000 of 10000 calls wait for it",
  };
  await assert.rejects(ref(system, "k0").tell(Worker.note, "late"), crowded);
  await assert.rejects(system.publish(Worker.happened, "de late"), crowded);
  await assert.rejects(ref(system, "k0").submit(Worker.job, "notes"), crowded);
  gate.resolve();
  await clock.advance(2_000);
  await Promise.all(early);
  assert.equal((await notesOf(system, "k0") as string[]).length, 100);
  assert.deepEqual(heard, ["de one"]);
  await ref(system, "k0").tell(Worker.note, "after");
  assert.equal((await notesOf(system, "k0") as string[]).at(-1), "after");
  following[Symbol.dispose]();
});

Deno.test("before the store is open 64 MiB wait for it, where their size is known, and none of those is lost", async () => {
  const clock = new VirtualClock();
  const memory = memoryStore();
  const gate = Promise.withResolvers<void>();
  const store: Store = {
    engine: memory.engine,
    traits: memory.traits,
    async open(services) {
      await gate.promise;
      return await memory.open(services);
    },
  };
  await using system = new System({ actors: [worker()], store, clock, drainMs: 0 });
  const bytes = 1_048_576; // as for messages over HTTP
  const early: Promise<unknown>[] = [system.publish(Worker.happened, "de one", asIngress({ bytes }))];
  for (let count = 1; count < 64; count++) {
    early.push(ref(system, `k${count % 16}`).tell(Worker.note, `${count}`, asIngress({ bytes })));
  }
  await clock.settle();
  const crowded = {
    name: "StoreError",
    code: "store-unavailable",
    message: "Cannot use the store: it is not open yet, and 67108864 of 67108864 bytes wait for it",
  };
  await assert.rejects(ref(system, "k0").tell(Worker.note, "late", asIngress({ bytes })), crowded);
  await assert.rejects(system.publish(Worker.happened, "de late", asIngress({ bytes })), crowded);
  gate.resolve();
  await clock.advance(2_000);
  await Promise.all(early);
  assert.deepEqual(await notesOf(system, "k0"), ["16", "32", "48"]);
  await ref(system, "k0").tell(Worker.note, "after", asIngress({ bytes }));
});

Deno.test("a function that subscribes before the store is open gets what is published before it is", async () => {
  const heard: string[] = [];
  const simulation = new Simulation({
    seed: 2, // reading the latest event takes long here
    processes: 1,
    store: { faults: { slow: 0.3 } },
    start: (host) => {
      const system = new System({ ...host, actors: [worker()] });
      system.subscribe(Worker.happened, (text) => void heard.push(text));
      for (const text of ["de one", "de two"]) void system.publish(Worker.happened, text);
      void system.ready().then(() => system.publish(Worker.happened, "de three"));
      return system;
    },
  });
  await simulation.advance(120_000);
  assert.deepEqual(heard, ["de one", "de two", "de three"]);
});

Deno.test("a function that cannot begin to follow at once gets what is published meanwhile", async () => {
  const simulation = new Simulation({
    seed: 1,
    processes: 1,
    start: (host) => new System({ ...host, actors: [worker()] }),
  });
  await simulation.advance(5_000);
  const [{ host, system }] = simulation.running;
  const heard: string[] = [];
  const accepted: string[] = [];
  simulation.store.faults = { unreadable: 1 };
  host.clock.macrotask(() => void system.subscribe(Worker.happened, (text) => void heard.push(text)));
  await simulation.advance(200);
  simulation.store.faults = {};
  host.clock.macrotask(() => {
    for (const text of ["de one", "de two"]) {
      void system.publish(Worker.happened, text).then(() => accepted.push(text));
    }
  });
  await simulation.advance(5_000);
  assert.deepEqual([accepted, heard], [["de one", "de two"], ["de one", "de two"]]);
});

Deno.test("a store that cannot be opened at first is opened later, and all goes on", async () => {
  const clock = new VirtualClock();
  const memory = memoryStore();
  let opens = 0;
  const store: Store = {
    engine: memory.engine,
    traits: memory.traits,
    open(services) {
      if (++opens < 3) return Promise.reject(new Error("connection refused"));
      return memory.open(services);
    },
  };
  const system = new System({ actors: [worker()], store, clock, drainMs: 0 });
  const heard: string[] = [];
  system.subscribe(Worker.happened, (text) => void heard.push(text));
  const refused = { code: "store-unavailable", message: /^Cannot open memory: connection refused$/ };
  const early = assert.rejects(ref(system, "ada").tell(Worker.note, "early"), refused);
  await assert.rejects(system.ready(), refused);
  await early;
  await clock.advance(250); // the second attempt has failed as well
  assert.equal(opens, 2);
  await assert.rejects(ref(system, "ada").tell(Worker.note, "soon"), refused);
  const { status, reason } = system.health.store!;
  assert.deepEqual([status, reason], ["unavailable", "Cannot open memory: connection refused"]);
  await clock.advance(2_000);
  await system.ready();
  assert.equal(system.health.store?.status, "volatile");
  await ref(system, "ada").tell(Worker.note, "late");
  await system.publish(Worker.happened, "de late");
  await clock.settle();
  assert.deepEqual([await notesOf(system, "ada"), heard], [["late"], ["de late"]]);
  await system.stop();
  assert.equal(opens, 3);
});

Deno.test("while a server starts, what is sent waits for it, and is handled in order", async () => {
  const clock = new VirtualClock();
  const memory = memoryStore();
  let opens = 0;
  const starting = new StoreError("store-unavailable", "Cannot open memory: it starts", { temporary: true });
  const store: Store = {
    engine: memory.engine,
    traits: memory.traits,
    open(services) {
      opens++;
      return clock.monotonicMs() < 18_000 ? Promise.reject(starting) : memory.open(services);
    },
  };
  const system = new System({ actors: [worker()], store, clock, drainMs: 0 });
  const ready = system.ready();
  const early = ref(system, "ada").tell(Worker.note, "early");
  await clock.advance(10_000);
  assert.ok(opens > 4 && opens < 20, `${opens} attempts`);
  assert.equal(system.health.store?.reason, "Cannot open memory: it starts");
  const later = ref(system, "ada").tell(Worker.note, "later");
  await clock.advance(13_000);
  await Promise.all([ready, early, later]);
  assert.deepEqual(await notesOf(system, "ada"), ["early", "later"]);
  await system.stop();
});

Deno.test("after 20 s what waits for a server rejects, and when it is there all goes on", async () => {
  const clock = new VirtualClock();
  const memory = memoryStore();
  const starting = new StoreError("store-unavailable", "Cannot open memory: it starts", { temporary: true });
  let up = false;
  const store: Store = {
    engine: memory.engine,
    traits: memory.traits,
    open: (services) => up ? memory.open(services) : Promise.reject(starting),
  };
  const system = new System({ actors: [worker()], store, clock, drainMs: 0 });
  const told: unknown[] = [];
  const early = ref(system, "ada").tell(Worker.note, "early").catch((error) => void told.push(error));
  const ready = system.ready().catch((error) => void told.push(error));
  await clock.advance(19_999);
  assert.deepEqual(told, []);
  await clock.advance(1);
  await Promise.all([early, ready]);
  assert.deepEqual(told, [starting, starting]);
  await assert.rejects(ref(system, "ada").tell(Worker.note, "soon"), starting);
  up = true;
  await clock.advance(memory.traits.heartbeatMs);
  await system.ready();
  await ref(system, "ada").tell(Worker.note, "late");
  assert.deepEqual(await notesOf(system, "ada"), ["late"]);
  await system.stop();
});

Deno.test("a store whose first commit fails is opened again, and what was sent waits for it", async () => {
  const clock = new VirtualClock();
  const memory = memoryStore();
  let opens = 0;
  const store: Store = {
    engine: memory.engine,
    traits: memory.traits,
    async open(services) {
      const connection = await memory.open(services);
      if (++opens > 1) return connection;
      return {
        read: (keys) => connection.read(keys),
        list: (range) => connection.list(range),
        commit: () => Promise.reject(new StoreError("store-unavailable", "Cannot commit: it is reset")),
        watch: (onChange) => connection.watch(onChange),
        close: () => connection.close(),
      };
    },
  };
  const system = new System({ actors: [worker()], store, clock, drainMs: 0 });
  const early = ref(system, "ada").tell(Worker.note, "early");
  await clock.advance(30_000);
  await early;
  assert.equal(opens, 2);
  await system.stop();
});

Deno.test("a store that never answers is opened again, and a connection that answers late is closed", async () => {
  const clock = new VirtualClock();
  const memory = memoryStore();
  const gates: PromiseWithResolvers<void>[] = [];
  let open = 0;
  const store: Store = {
    engine: memory.engine,
    traits: memory.traits,
    async open(services) {
      const gate = Promise.withResolvers<void>();
      gates.push(gate);
      await gate.promise;
      const connection = await memory.open(services);
      open++;
      return {
        read: (keys) => connection.read(keys),
        list: (range) => connection.list(range),
        commit: (parts) => connection.commit(parts),
        watch: (onChange) => connection.watch(onChange),
        close() {
          open--;
          return connection.close();
        },
      };
    },
  };
  const system = new System({ actors: [worker()], store, clock, drainMs: 0 });
  const unavailable = {
    code: "store-unavailable",
    message: "Cannot open memory: it did not answer within 15000 ms",
  };
  const early = assert.rejects(ref(system, "ada").tell(Worker.note, "early"), unavailable);
  await clock.advance(15_000);
  await early;
  await clock.advance(45_000);
  assert.equal(gates.length, 4);
  await assert.rejects(system.ready(), unavailable);
  gates[2].resolve();
  await clock.settle();
  await system.ready();
  await ref(system, "ada").tell(Worker.note, "one");
  gates[0].resolve();
  await clock.advance(5_000);
  assert.equal(open, 1);
  await ref(system, "ada").tell(Worker.note, "two");
  assert.deepEqual(await notesOf(system, "ada"), ["one", "two"]);
  await system.stop();
  gates[1].resolve(); // after the system has ended
  await clock.advance(60_000);
  assert.deepEqual([open, gates.length], [0, 4]);
});

Deno.test("a store that can be opened but not used is closed, and opened again", async () => {
  const clock = new VirtualClock();
  const memory = memoryStore();
  let open = 0;
  let opens = 0;
  const store: Store = {
    engine: memory.engine,
    traits: memory.traits,
    async open(services) {
      const connection = await memory.open(services);
      const broken = ++opens === 1;
      open++;
      return {
        read: (keys) => broken ? Promise.reject(new Error("reset")) : connection.read(keys),
        list: (range) => connection.list(range),
        commit: (parts) => connection.commit(parts),
        watch: (onChange) => connection.watch(onChange),
        close() {
          open--;
          return connection.close();
        },
      };
    },
  };
  const system = new System({ actors: [worker()], store, clock, drainMs: 0 });
  await assert.rejects(system.ready(), { code: "store-unavailable", message: "Cannot open memory: reset" });
  assert.equal(open, 0);
  await clock.advance(1_000);
  await ref(system, "ada").tell(Worker.note, "one");
  assert.equal(open, 1);
  await system.stop();
  assert.equal(open, 0);
});

Deno.test("a folder that is not there: the error names the path, and what is missing", async () => {
  const message =
    /^Cannot open \/nowhere\/posthorn\.db: unable to open database file.*: its folder must exist$/;
  await requireUnavailable(sqlite("/nowhere/posthorn.db"), message);
});

Deno.test("a file that is not a database: the error says so, and the file is unchanged", async () => {
  await using home = await folder();
  const path = `${home.path}/letter.txt`;
  const letter = "Dear store, ".repeat(1_000);
  await Deno.writeTextFile(path, letter);
  await requireUnavailable(sqlite(path), /^Cannot open .*letter\.txt: file is not a database$/);
  assert.equal(await Deno.readTextFile(path), letter);
});

Deno.test("a folder in place of a file", async () => {
  await using home = await folder();
  await requireUnavailable(sqlite(home.path), /^Cannot open .*: unable to open database file/);
});

Deno.test("a file that another process keeps locked is an error after 10 s", async () => {
  await using home = await folder();
  const path = `${home.path}/posthorn.db`;
  const { DatabaseSync } = await import("node:sqlite");
  const other = new DatabaseSync(path);
  other.exec("PRAGMA locking_mode = EXCLUSIVE; CREATE TABLE mine (a); BEGIN EXCLUSIVE");
  await requireUnavailable(
    sqlite(path),
    /^Cannot open .*posthorn\.db: database is locked$/,
    new VirtualClock(),
  );
  other.close();
});

Deno.test("a file that is locked for a while: sends wait for it, and are taken", async () => {
  await using home = await folder();
  const path = `${home.path}/posthorn.db`;
  const { DatabaseSync } = await import("node:sqlite");
  const other = new DatabaseSync(path);
  other.exec("BEGIN EXCLUSIVE");
  await using system = new System({ actors: [worker()], store: sqlite(path) });
  const told = ref(system, "ada").tell(Worker.note, "one");
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(system.health.store?.status, "opening");
  other.exec("COMMIT");
  other.close();
  await told;
  assert.deepEqual(await ref(system, "ada").ask(Worker.call, "notes"), ["one"]);
});

Deno.test("a file that breaks while it is used: reads and sends say so, and nothing is taken for accepted", async () => {
  await using home = await folder();
  const path = `${home.path}/posthorn.db`;
  {
    await using system = new System({ actors: [worker()], store: sqlite(path) });
    for (let index = 0; index < 50; index++) {
      await ref(system, `k${index}`).tell(Worker.note, "x".repeat(5_000));
      await ref(system, `k${index}`).ask(Worker.call, "notes");
    }
  }
  const file = await Deno.open(path, { write: true });
  const { size } = await file.stat();
  await file.seek(8_192, Deno.SeekMode.Start);
  await file.write(new Uint8Array(size - 8_192).fill(0x5a));
  file.close();
  await using system = new System({ actors: [worker()], store: sqlite(path), askTimeoutMs: 3_000 });
  const outcome = await system.ready().then(() => "opened", (error) => error.code);
  assert.ok(["opened", "store-unavailable"].includes(outcome), outcome);
  const told = await ref(system, "k7").tell(Worker.note, "one").then(() => "accepted", (error) => error.code);
  assert.equal(told, "store-unavailable");
});

Deno.test("a store that is opened the first time is unverified, and the second time it has kept data", async () => {
  await using home = await folder();
  const path = `${home.path}/posthorn.db`;
  for (const status of ["unverified", "durable"]) {
    await using system = new System({ actors: [worker()], store: sqlite(path) });
    await system.ready();
    assert.equal(system.health.store?.status, status);
  }
});
