// Interceptors around turns and sends of durable actors.

import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import {
  actor,
  type InspectedMessage,
  type Interceptor,
  protocol,
  submit,
  tell,
  unchecked,
} from "@posthorn/posthorn";
import { memoryBroker, memoryStore, memoryTransport } from "@posthorn/posthorn/memory";
import * as z from "zod";
import {
  deadOf,
  inMemory,
  kinds,
  missedMs,
  note,
  notesOf,
  onEach,
  ref,
  sharedKinds,
  Worker,
  worker,
} from "./durable_stage.ts";

const Shelf = protocol("shelf", { put: tell(unchecked<unknown>()) });
const shelf = actor(Shelf, { state: () => 0, on: { put() {} } });

/** Records what it is around, and gives all that a turn causes a header with the name of its operation. */
function recorder(lines: string[]): Interceptor {
  const named = ({ key, operation, headers = {} }: InspectedMessage) =>
    `${key} ${operation} ${headers.from ?? "-"}`;
  return {
    turn(message, goOn) {
      lines.push(`turn ${named(message)}`);
      return goOn({ from: message.operation });
    },
    send(message, goOn) {
      lines.push(`send ${named(message)}`);
      return goOn(message.headers?.from === undefined ? { from: "outside" } : undefined);
    },
  };
}

onEach(
  kinds,
  "interceptors are around the turns and the sends of durable actors, and what they add is stored",
  async (stage) => {
    const lines: string[] = [];
    const system = await stage.start([
      worker({
        pass: (ctx) => ctx.ref(Worker, "bob").tell(Worker.note, "told"),
        reply: () => "replied",
        publish: (ctx) => ctx.publish(Worker.happened, "it"),
      }),
      shelf,
    ], { intercept: [recorder(lines)] });
    const ada = ref(system, "ada");
    system.subscribe(Worker.happened, ref(system, "cyd").at(Worker.note));
    await stage.settle();
    await ada.tell(Worker.run, "pass");
    await ada.submit(Worker.job, "reply", { replyTo: system.ref(Shelf, "s").at(Shelf.put) });
    await stage.settle();
    assert.equal(await ada.ask(Worker.call, "reply"), "replied");
    await ada.tell(Worker.run, "publish");
    await stage.settle();
    assert.deepEqual(lines.toSorted(), [
      "send  happened run",
      "send ada call -",
      "send ada job -",
      "send ada run -",
      "send ada run -",
      "send bob note run",
      "turn ada call outside",
      "turn ada job outside",
      "turn ada run outside",
      "turn ada run outside",
      "turn bob note run",
      "turn cyd note run",
      "turn s put job",
    ]);
    assert.deepEqual(await notesOf(system, "bob"), ["told"]);
    assert.deepEqual(deadOf(system), []);
  },
);

onEach(sharedKinds, "what an interceptor adds is with the message in the next process", async (stage) => {
  const lines: string[] = [];
  const first = await stage.start([worker({ work: () => new Promise(() => {}) })], {
    intercept: [recorder([])],
  });
  void ref(first, "ada").tell(Worker.run, "work");
  await stage.settle();
  await stage.kill(first);
  await stage.start([worker({ work: (ctx) => note(ctx, "worked") })], { intercept: [recorder(lines)] });
  await stage.pass(missedMs + 5_000);
  assert.deepEqual(lines, ["turn ada run outside"]);
});

onEach(
  kinds,
  "a handler runs in the asynchronous context of its interceptor, one by one and in batches",
  async (stage) => {
    const storage = new AsyncLocalStorage<string>();
    const heard: string[] = [];
    const hear = (text: string) => heard.push(`${text} in ${storage.getStore()}`);
    const system = await stage.start([worker({
      soon: (_, text) => void hear(text),
      async late(_, text) {
        await null;
        hear(text);
      },
    })], { intercept: [{ turn: ({ id }, goOn) => storage.run(id, goOn) }] });
    const names = ["soon a", "soon b", "late c", "soon d"];
    await Promise.all(names.map((name) => ref(system, "ada").tell(Worker.run, name, { id: name.slice(-1) })));
    await stage.settle();
    assert.deepEqual(heard, ["a in a", "b in b", "c in c", "d in d"]);
  },
);

onEach(kinds, "a durable turn fails, and commits nothing, if its interceptor fails", async (stage) => {
  const attempts: string[] = [];
  const intercept: Interceptor[] = [{
    turn({ operation, attempts: attempt }, goOn) {
      if (operation !== "run") return goOn();
      attempts.push(`attempt ${attempt}`);
      if (attempt === 1) throw new Error("boom");
      if (attempt === 2) return goOn(), Promise.reject(new Error("boom"));
      return goOn();
    },
  }];
  const retry = { attempts: 3, baseMs: 10, maxMs: 10 };
  const system = await stage.start([worker({ add: (ctx) => note(ctx, "added") }, { retry })], { intercept });
  await ref(system, "ada").tell(Worker.run, "add");
  await ref(system, "ada").tell(Worker.note, "behind");
  await stage.pass(2_000, 50);
  assert.deepEqual(attempts, ["attempt 1", "attempt 2", "attempt 3"]);
  assert.deepEqual(await notesOf(system, "ada"), ["added", "behind"]);
});

onEach(kinds, "a refused send passes through its interceptor", async (stage) => {
  const system = await stage.start([worker()], {
    intercept: [{ send: async (_, goOn) => await goOn() }],
  });
  const failures: unknown[] = [];
  system.inspect((event) => event.type === "callback-failed" && failures.push(event.error));
  await assert.rejects(
    ref(system, "ada").tell(Worker.note, "x", { id: "one" }).then(() =>
      ref(system, "ada").tell(Worker.note, "another", { id: "one" })
    ),
    /one/,
  );
  await stage.settle();
  assert.deepEqual(failures, []);
});

inMemory("what interceptors add travels to other services, and back with the reply", async (stage) => {
  const Book = protocol("book", { record: submit(z.string(), z.string()) });
  const Desk = protocol("desk", { start: tell(z.string()), recorded: tell(z.string()) });
  const lines: string[] = [];
  const broker = memoryBroker();
  const desk = actor(Desk, {
    state: () => 0,
    on: {
      start(ctx, text) {
        const replyTo = ctx.self.at(Desk.recorded);
        ctx.ref(Book, "main").submit(Book.record, text, { replyTo });
      },
      recorded() {},
    },
  });
  const orders = await stage.start([desk], {
    name: "orders",
    remote: [Book],
    transport: memoryTransport({ broker }),
    intercept: [recorder(lines)],
  });
  await stage.start([actor(Book, { state: () => 0, on: { record: (_, text) => text } })], {
    name: "books",
    store: memoryStore(),
    transport: memoryTransport({ broker, expose: [Book.record] }),
    intercept: [recorder(lines)],
  });
  await orders.ref(Desk, "main").tell(Desk.start, "one");
  await stage.pass(5_000, 100);
  assert.deepEqual(lines, [
    "send main start -",
    "turn main start outside",
    "send main record start",
    "turn main record start",
    "turn main recorded record",
  ]);
});
