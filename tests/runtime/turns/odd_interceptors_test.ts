// Interceptors that fail while a handler runs, or try to change what they see.

import assert from "node:assert/strict";
import {
  actor,
  type InspectedMessage,
  type Interceptor,
  protocol,
  survey,
  tell,
  unchecked,
} from "@posthorn/posthorn";
import type { Store } from "@posthorn/posthorn/store";
import { memoryStore } from "@posthorn/posthorn/memory";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { note, notesOf, Stage, Walker, walker, Worker, worker } from "../memory_stage.ts";

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

Deno.test("if an interceptor refuses an ask of a turn, nothing waits for its answer any more", async () => {
  const refusing: Interceptor = {
    send(message, goOn) {
      if (message.key !== "wim") return goOn();
      if (message.operation === "call") throw new Error("refused");
    },
  };
  const clock = new VirtualClock();
  await using it = new Stage({ actors: [walker(), worker()], clock, intercept: [refusing] });
  const answer = it.walker("wil").ask(Walker.call, async (ctx) => {
    await assert.rejects(ctx.ref(Walker, "wim").ask(Walker.call, () => 1, { timeoutMs: 100 }), /refused/);
    await new Promise<void>((resolve) => clock.setTimer(1_000, resolve)); // longer than the ask would have waited
    return "went on";
  });
  await clock.advance(2_000);
  assert.equal(await answer, "went on");
});

const Opinion = protocol("opinion", { say: survey(unchecked<string>()) });
const Shelf = protocol("shelf", { put: tell(unchecked<string>()) });

for (const store of [undefined, memoryStore]) {
  const where = store === undefined ? "in memory" : "with a store";

  Deno.test(`if an interceptor throws when the system is made, what others began ends, and so does the system, ${where}`, async () => {
    const clock = new VirtualClock();
    const ended: string[] = [];
    let open = 0;
    const watched = (own: Store): Store => ({
      ...own,
      async open(services) {
        const connection = await own.open(services);
        open++;
        const close = () => (open--, connection.close());
        return {
          read: (keys) => connection.read(keys),
          list: (range) => connection.list(range),
          commit: (parts) => connection.commit(parts),
          watch: (onChange) => connection.watch(onChange),
          close,
        };
      },
    });
    const turn: Interceptor["turn"] = (_message, goOn) => goOn();
    const intercept: Interceptor[] = [
      { turn, observe: () => ({ [Symbol.dispose]: () => void ended.push("a") }) },
      {
        turn,
        observe() {
          throw new Error("cannot listen");
        },
      },
      { turn, observe: () => void ended.push("never called") },
    ];
    const options = { actors: [worker()], clock, intercept, store: store && watched(store()) };
    assert.throws(() => new Stage(options), /cannot listen/);
    await clock.settle();
    assert.deepEqual(ended, ["a"]);
    assert.equal(open, 0);
    assert.equal(clock.waiting, 0);
  });

  Deno.test(`what an interceptor began ends once, also if the system escalates or is stopped before it is ready, ${where}`, async () => {
    for (const escalates of [true, false]) {
      let ended = 0;
      const clock = new VirtualClock();
      const intercept: Interceptor[] = [{
        turn: (_message, goOn) => goOn(),
        observe: () => ({ [Symbol.dispose]: () => void ended++ }),
      }];
      const shelf = actor(Shelf, {
        state: () => 0,
        on: {
          put() {
            throw new Error("no");
          },
        },
        retry: { attempts: 1 },
        onFailure: "escalate",
      });
      await using it = new Stage({ actors: [shelf], clock, intercept, store: store?.() });
      if (escalates) {
        await it.system.ready();
        void it.system.ref(Shelf, "main").tell(Shelf.put, "x");
        await clock.settle();
        assert.equal(ended, 1);
      }
      await Promise.all([it.system.stop(), it.system.stop()]);
      assert.equal(ended, 1);
    }
  });

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

  Deno.test(`an interceptor knows of each attempt when its message was accepted, as events tell it, ${where}`, async () => {
    const told: Record<string, unknown[]> = { a: [], b: [] };
    const shelf = actor(Shelf, {
      state: () => 0,
      on: {
        put(ctx) {
          if (ctx.attempt === 1) throw new Error("again");
        },
      },
      retry: { attempts: 2, baseMs: 100, maxMs: 100 },
    });
    const intercept: Interceptor[] = [{
      turn: (message, goOn) => (told[message.key].push(message.acceptedMs), goOn()),
    }];
    await using it = new Stage({ actors: [shelf], intercept, store: store?.() });
    await it.system.ready();
    const listening = it.system.inspect(() => {}, { sampled: 1 });
    const nowMs = it.clock.now();
    for (const key of ["a", "b"]) void it.system.ref(Shelf, key).tell(Shelf.put, "x");
    await it.clock.advance(1_000);
    listening[Symbol.dispose]();
    const unknown = store === undefined ? undefined : nowMs; // in memory nobody has read the clock for the second one
    assert.deepEqual(told, { a: [nowMs, nowMs], b: [unknown, unknown] });
  });

  Deno.test(`an interceptor sees in which chain of messages a survey asks a function, ${where}`, async () => {
    const chains: string[] = [];
    const send: Interceptor["send"] = (message, goOn) => (chains.push(message.correlationId), goOn());
    const turn: Interceptor["turn"] = (message, goOn) => (chains.push(message.correlationId), goOn());
    const intercept: Interceptor[] = [{ send, turn }];
    await using it = new Stage({ actors: [walker()], intercept, store: store?.() });
    await it.system.ready();
    it.system.subscribe(Opinion.say, () => "yes");
    await it.clock.advance(100);
    const answer = it.walker("wil").ask(Walker.call, async (ctx) => {
      for await (const opinion of ctx.survey(Opinion.say, { max: 1 })) return opinion;
    });
    await it.clock.advance(1_000);
    assert.equal(await answer, "yes");
    assert.deepEqual([chains.length, new Set(chains).size], [4, 1]);
  });
}
