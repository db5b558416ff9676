// What events tell of messages in a store: each is accepted once, whoever put it there, and each event has its times.

import assert from "node:assert/strict";
import {
  actor,
  type InspectedMessage,
  type Inspection,
  protocol,
  type System,
  tell,
} from "@posthorn/posthorn";
import { memoryBroker, memoryStore, memoryTransport } from "@posthorn/posthorn/memory";
import { seededRandom } from "@posthorn/posthorn/testing";
import * as z from "zod";
import { Transactions } from "../../../runtime/durable/transactions.ts";
import {
  inMemory,
  kinds,
  missedMs,
  note,
  onEach,
  ref,
  sharedKinds,
  Worker,
  worker,
} from "./durable_stage.ts";
import { UserTransaction } from "./user_transaction.ts";

/** The events of the messages of users, as their types by message. */
class Heard {
  readonly events: Inspection[] = [];
  readonly #types = new Map<string, string[]>();

  constructor(system: System) {
    system.inspect((event) => {
      this.events.push(event);
      if (!("message" in event) || event.message.protocol.startsWith("~")) return;
      const { operation, key, id } = event.message;
      const name = `${key} ${operation} ${id}`;
      this.#types.set(name, [...this.#types.get(name) ?? [], event.type]);
    });
  }

  /** The lives of all messages, each as `key operation: types`. */
  get lives(): string[] {
    return [...this.#types].map(([name, types]) =>
      `${name.split(" ").slice(0, 2).join(" ")}: ${types.join(" ")}`
    );
  }

  /** The events of one type. */
  of<Type extends Inspection["type"]>(type: Type): Extract<Inspection, { readonly type: Type }>[] {
    return this.events.filter((event) => event.type === type) as Extract<
      Inspection,
      { readonly type: Type }
    >[];
  }
}

onEach(kinds, "each message is told as accepted once, before it is done, however it came", async (stage) => {
  const system = await stage.start([worker({
    pass: (ctx, text) => ctx.ref(Worker, "bob").tell(Worker.note, text),
    alarm: (ctx) => ctx.schedule("alarm", { afterMs: 1_000 }, ctx.ref(Worker, "bob").at(Worker.note), "rang"),
    publish: (ctx) => ctx.publish(Worker.happened, "it"),
  })]);
  const ada = ref(system, "ada");
  system.subscribe(Worker.happened, ref(system, "cyd").at(Worker.note));
  await stage.settle();
  const heard = new Heard(system);
  const sent: Promise<unknown>[] = [];
  for (let n = 0; n < 5; n++) sent.push(ada.tell(Worker.note, `${n}`)); // some in batches, some with their turn
  sent.push(ada.tell(Worker.note, "named", { id: "named" }));
  sent.push(ada.tell(Worker.run, "pass on"));
  sent.push(ada.ask(Worker.call, "notes"));
  sent.push(ada.submit(Worker.job, "notes"));
  await stage.settle();
  sent.push(ada.tell(Worker.run, "alarm"));
  sent.push(ada.tell(Worker.run, "publish"));
  sent.push(ada.tell(Worker.note, "late", { afterMs: 500 }));
  await stage.pass(5_000);
  await Promise.all(sent);
  const lives = heard.lives;
  assert.equal(lives.length, 15, lives.join("\n"));
  for (const life of lives) {
    const [, , ...types] = life.split(" ");
    assert.deepEqual(types.toSorted(), ["accepted", "done", "started"], life);
    assert.equal(types.at(-1), "done", life);
  }
});

onEach(
  kinds,
  "events tell how long a message waited and how long its handler took, in a store",
  async (stage) => {
    const gate = Promise.withResolvers<void>();
    const system = await stage.start([worker({ wait: () => gate.promise })]);
    const heard = new Heard(system);
    const atMs = stage.clock.now();
    void ref(system, "ada").tell(Worker.run, "wait");
    await stage.settle();
    void ref(system, "ada").tell(Worker.note, "behind");
    await stage.settle();
    await stage.pass(300, 100);
    gate.resolve();
    await stage.settle();
    const shown = (message: InspectedMessage) => `${message.operation} ${message.acceptedMs! - atMs}`;
    assert.deepEqual(
      heard.of("started").map(({ message, waitedMs }) => `${shown(message)} ${waitedMs}`),
      ["run 0 0", "note 0 300"],
    );
    assert.deepEqual(
      heard.of("done").map(({ message, tookMs }) => `${shown(message)} ${tookMs}`),
      ["run 0 300", "note 0 0"],
    );
  },
);

for (const order of ["hold", "aside"] as const) {
  onEach(
    kinds,
    `a message that is tried again (${order}) keeps the time of its acceptance`,
    async (stage) => {
      const retry = { attempts: 2, baseMs: 1_000, maxMs: 1_000, order };
      const system = await stage.start([worker({
        fail(ctx) {
          if (ctx.attempt === 1) throw new Error("boom");
        },
      }, { retry })]);
      const heard = new Heard(system);
      const atMs = stage.clock.now();
      await ref(system, "ada").tell(Worker.run, "fail");
      // A store may take its time, which is none of the clock's.
      await stage.until("it fails", () => heard.lives[0].includes("retrying"));
      await stage.pass(2_000, 100);
      await stage.until("it is done", () => heard.lives[0].endsWith("done"));
      // A turn may find the message before its acceptance is answered.
      const [accepted, others] = [/ accepted/g, heard.lives.map((life) => life.replace(" accepted", ""))];
      assert.deepEqual(others, ["ada run: started failed retrying started done"]);
      assert.equal(heard.lives[0].match(accepted)?.length, 1);
      const times = heard.events.flatMap((event) =>
        "message" in event ? [event.message.acceptedMs! - atMs] : []
      );
      assert.deepEqual(times, [0, 0, 0, 0, 0, 0]);
      const [first, second] = heard.of("started");
      assert.equal(first.waitedMs, 0);
      assert(second.waitedMs! >= 500 && second.waitedMs! <= 3_000, `${second.waitedMs}`);
      for (const { tookMs } of [...heard.of("failed"), ...heard.of("retrying")]) assert.equal(tookMs, 0);
    },
  );
}

onEach(
  sharedKinds,
  "who takes over the mail of a process that was killed tells that it was accepted",
  async (stage) => {
    const stuck = await stage.start([worker({ work: () => new Promise(() => {}) })]);
    void ref(stuck, "ada").tell(Worker.run, "work");
    await stage.settle();
    void ref(stuck, "ada").tell(Worker.note, "behind").catch(() => {});
    await stage.settle();
    const atMs = stage.clock.now();
    await stage.kill(stuck);
    await stage.pass(3_000);
    const next = stage.begin([worker({ work: (ctx) => note(ctx, "worked") })]);
    const heard = new Heard(next);
    await stage.pass(missedMs + 5_000, 500);
    assert.deepEqual(heard.lives.toSorted(), [
      "ada note: accepted started done",
      "ada run: accepted started done",
    ]);
    for (const { message, waitedMs } of heard.of("started")) {
      assert(Math.abs(message.acceptedMs! - atMs) <= 1, `${message.acceptedMs} and ${atMs}`);
      assert(waitedMs! >= 1_000, `${waitedMs}`);
    }
  },
);

inMemory("what a transaction of a user sent is told as accepted once, by who finds it", async (stage) => {
  const random = seededRandom(7);
  const sends = new Transactions({ traits: stage.store.traits, clock: stage.clock, random });
  const connection = await stage.store.open({ clock: stage.clock });
  const transaction = new UserTransaction(connection);
  let tries = 0;
  const system = await stage.start([worker({
    fail() {
      if (tries++ === 0) throw new Error("boom");
    },
  }, { retry: { attempts: 2, baseMs: 100, maxMs: 100 } })]);
  const heard = new Heard(system);
  const tx = sends.on(transaction);
  await tx.ref(Worker, "ada").tell(Worker.note, "one");
  await tx.ref(Worker, "ada").tell(Worker.run, "fail");
  await tx.ref(Worker, "ada").submit(Worker.job, "notes");
  await transaction.end();
  await stage.pass(10_000);
  system.signal({ protocol: "worker", key: "ada" }, "restart");
  await stage.pass(10_000);
  assert.deepEqual(heard.lives.toSorted(), [
    "ada job: accepted started done",
    "ada note: accepted started done",
    "ada run: accepted started failed retrying started done",
  ]);
  await connection.close();
});

onEach(
  sharedKinds,
  "a front tells that it accepted a message, and the process that hosts its actor does not",
  async (stage) => {
    const host = await stage.start([worker()]);
    const front = await stage.start([], { peers: [Worker] });
    const [atFront, atHost] = [new Heard(front), new Heard(host)];
    const sent = [ref(front, "ada").tell(Worker.note, "one"), ref(front, "ada").ask(Worker.call, "notes")];
    await stage.pass(5_000, 100);
    await Promise.all(sent);
    assert.deepEqual(atFront.lives, ["ada note: accepted", "ada call: accepted"]);
    assert.deepEqual(atHost.lives, ["ada note: started done", "ada call: started done"]);
  },
);

inMemory(
  "a process that samples draws the messages that another one accepted when they begin",
  async (stage) => {
    const host = await stage.start([worker()]);
    const front = await stage.start([], { peers: [Worker] });
    const events: Inspection[] = [];
    host.inspect((event) => events.push(event), { sampled: true });
    const sent = Array.from({ length: 50 }, (_, n) => ref(front, "ada").tell(Worker.note, `${n}`));
    await stage.pass(5_000, 100);
    await Promise.all(sent);
    const stands = (type: string) =>
      events.flatMap((event) => event.type === type && "message" in event ? [event.message.stands] : []);
    assert(stands("started").length >= 1 && stands("started").length < 50);
    assert.deepEqual(stands("done"), stands("started"));
  },
);

inMemory("a message of another service is told as accepted by the service that took it", async (stage) => {
  const Book = protocol("book", { record: tell(z.string()) });
  const book = actor(Book, { state: () => 0, on: { record() {} } });
  const broker = memoryBroker();
  const orders = await stage.start([], {
    name: "orders",
    remote: [Book],
    transport: memoryTransport({ broker }),
  });
  const books = await stage.start([book], {
    name: "books",
    store: memoryStore(),
    transport: memoryTransport({ broker, expose: [Book.record] }),
  });
  const [sender, receiver] = [new Heard(orders), new Heard(books)];
  await orders.ref(Book, "main").tell(Book.record, "one");
  await stage.pass(3_000, 100);
  assert.deepEqual(sender.lives, []);
  assert.deepEqual(receiver.lives, ["main record: accepted started done"]);
});
