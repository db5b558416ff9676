// Interceptors that fail while a handler runs, or try to change what they see.

import assert from "node:assert/strict";
import {
  actor,
  type InspectedMessage,
  type Interceptor,
  protocol,
  tell,
  unchecked,
} from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import { note, notesOf, Stage, Worker, worker } from "../memory_stage.ts";

Deno.test("an interceptor that throws while the handler runs fails the turn when that has settled", async () => {
  const gate = Promise.withResolvers<void>();
  const lines: string[] = [];
  const impatient: Interceptor = {
    turn(message, goOn) {
      goOn();
      if (message.operation === "run") throw new Error("impatient");
    },
  };
  await using it = new Stage({ actors: [worker({ retry: { attempts: 1 } })], intercept: [impatient] });
  void it.ref("ada").tell(Worker.run, async (ctx) => {
    note(ctx, "changed");
    await gate.promise;
    lines.push("first");
  });
  void it.ref("ada").tell(Worker.run, () => void lines.push("second"));
  await it.clock.settle();
  assert.deepEqual([lines, it.dead], [[], []]); // an actor handles one message at a time
  gate.resolve();
  await it.clock.settle();
  assert.deepEqual(lines, ["first", "second"]);
  assert.deepEqual(it.dead, ["ada run: failed", "ada run: failed"]);
  assert.match(it.system.deadLetters.list()[0].message, /impatient/);
  assert.deepEqual(await notesOf(it.ref("ada")), []);
});

for (const store of [undefined, memoryStore]) {
  const where = store === undefined ? "in memory" : "with a store";

  Deno.test(`neither an interceptor nor a listener changes the headers of a message, ${where}`, async () => {
    const seen: unknown[] = [];
    const changes: unknown[] = [];
    const change = (headers: InspectedMessage["headers"]) => {
      if (headers !== undefined) changes.push(Reflect.set(headers, "mine", "2"));
    };
    const intercept: Interceptor[] = [{
      turn: (message, goOn) => (change(message.headers), goOn()),
      send: (message, goOn) => (change(message.headers), goOn()),
    }];
    const Shelf = protocol("shelf", { put: tell(unchecked<string>()) });
    const shelf = actor(Shelf, { state: () => 0, on: { put: (ctx) => void seen.push({ ...ctx.headers }) } });
    await using it = new Stage({ actors: [shelf], intercept, store: store?.() });
    it.system.inspect((event) => "message" in event && change(event.message.headers));
    await it.system.ready();
    const put = it.system.ref(Shelf, "main").tell(Shelf.put, "x", { headers: { mine: "1" } });
    await it.clock.settle();
    await put;
    assert.deepEqual(seen, [{ mine: "1" }]);
    assert(changes.length >= 5 && !changes.includes(true), `${changes}`);
  });
}
