// Whatever a handler throws or returns: its caller gets an error, there is one dead letter, and the next
// message is handled.

import assert from "node:assert/strict";
import {
  actor,
  ask,
  type Failure,
  protocol,
  type Random,
  type Schema,
  submit,
  tell,
  TerminalError,
  unchecked,
} from "@posthorn/posthorn";
import { seededRandom } from "@posthorn/posthorn/testing";
import { oddThings } from "../odd_things.ts";
import { collect, deadOf, Worker, worker } from "./durable_stage.ts";
import { inEach } from "./worlds.ts";

const Odd = protocol("odd", {
  tell: tell(unchecked<number>()),
  ask: ask(unchecked<number>(), unchecked<unknown>()),
  submit: submit(unchecked<number>(), unchecked<unknown>()),
  fine: ask(unchecked<string>()),
});

/** An actor whose handlers run the script in the message. */
function odd(act: () => unknown) {
  return actor(Odd, {
    state: () => 0,
    on: { tell: act as () => void, ask: act, submit: act, fine: () => "fine" },
    retry: { attempts: 2, baseMs: 1, maxMs: 1 },
  });
}

for (const [name, make] of oddThings) {
  for (const rejects of [false, true]) {
    const how = rejects ? "whose promise rejects with" : "that throws";
    inEach(`a handler ${how} ${name} fails like any other`, async (world) => {
      const act = () => {
        if (rejects) return Promise.reject(make());
        throw make();
      };
      const system = await world.start([odd(act)]);
      const ada = system.ref(Odd, "ada");
      const told = ada.tell(Odd.tell, 1);
      await world.pass(50, 10);
      await told;
      const asked = ada.ask(Odd.ask, 2).then(() => "answered", () => "failed");
      await world.pass(50, 10);
      assert.equal(await asked, "failed");
      const submitting = ada.submit(Odd.submit, 3);
      await world.pass(50, 10);
      const { id } = await submitting;
      const replied = system.ticket(id).reply({ timeoutMs: 1_000 }).then(() => "answered", () => "failed");
      await world.pass(50, 10);
      assert.equal(await replied, "failed");
      const fine = ada.ask(Odd.fine);
      await world.settle();
      assert.equal(await fine, "fine");
      assert.deepEqual(deadOf(system).map((line) => line.split(":")[0]), [
        "ada tell",
        "ada ask",
        "ada submit",
      ]);
      for (const { reason, message } of system.deadLetters.list()) {
        assert.deepEqual([typeof reason, typeof message], ["string", "string"]);
      }
    });
  }
}

/** Unusual return values, by name. */
const oddResults: readonly (readonly [name: string, make: () => unknown])[] = [
  ...oddThings.filter(([name]) => /Proxy|then cannot be read/.test(name)),
  [
    "a promise that does not let itself be awaited",
    () =>
      Object.defineProperty(Promise.resolve(), "constructor", {
        get() {
          throw new Error("boom");
        },
      }),
  ],
  ["a thenable that throws", () => ({
    then() {
      throw null;
    },
  })],
];

for (const [name, make] of oddResults) {
  inEach(`a handler that returns ${name} does not stop others`, async (world) => {
    const system = await world.start([odd(make)]);
    const ada = system.ref(Odd, "ada");
    const told = ada.tell(Odd.tell, 1);
    await world.pass(50, 10);
    await told;
    const fine = ada.ask(Odd.fine);
    await world.settle();
    assert.equal(await fine, "fine");
    assert.equal(system.stats().running, 0);
  });
}

inEach("a failure that its receiver's schema throws at is a dead letter", async (world) => {
  const throwing: Schema<Failure> = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate() {
        throw undefined;
      },
    },
  };
  const Book = protocol("book", {
    order: tell(unchecked<string>()),
    deliver: submit(unchecked<string>(), unchecked<string>()),
    lost: tell(throwing),
    lines: ask(unchecked<readonly string[]>()),
  });
  const book = actor(Book, {
    state: (): readonly string[] => [],
    on: {
      order(ctx, title) {
        ctx.state = [...ctx.state, title];
        ctx.self.submit(Book.deliver, title, { failTo: ctx.self.at(Book.lost) });
      },
      deliver() {
        throw new TerminalError("sold out", { code: "sold-out" });
      },
      lost() {},
      lines: (ctx) => ctx.state,
    },
  });
  const system = await world.start([book]);
  for (const title of ["one", "two"]) {
    const told = system.ref(Book, "a").tell(Book.order, title);
    await world.pass(50, 10);
    await told;
  }
  const lines = system.ref(Book, "a").ask(Book.lines);
  await world.settle();
  assert.deepEqual(await lines, ["one", "two"]);
  const letters = deadOf(system).toSorted();
  assert.deepEqual(letters, [
    "a deliver: sold-out",
    "a deliver: sold-out",
    "a lost: failed",
    "a lost: failed",
  ]);
});

inEach("a function that listens, or answers a survey, may throw whatever it likes", async (world) => {
  const system = await world.start([worker()]);
  const heard: string[] = [];
  for (const [, make] of oddThings) {
    system.subscribe(Worker.happened, () => {
      throw make();
    });
    system.subscribe(Worker.quote, () => Promise.reject(make()));
  }
  system.subscribe(Worker.happened, (text) => void heard.push(text));
  system.subscribe(Worker.quote, () => "a quote");
  await world.settle();
  for (const text of ["a", "b"]) {
    const published = system.publish(Worker.happened, text);
    await world.settle();
    await published;
  }
  const quotes = collect(system.survey(Worker.quote, "x", { timeoutMs: 100 }));
  await world.pass(200, 50);
  assert.deepEqual(await quotes, ["a quote"]);
  assert.deepEqual(heard, ["a", "b"]);
  assert.equal(system.deadLetters.total, 3 * oddThings.length);
});

for (const rejects of [false, true]) {
  const how = rejects ? "whose promise rejects" : "that throws";
  inEach(
    `a handler ${how} is given up where nothing can decide about it, and the others go on`,
    async (world) => {
      let breaks = false;
      const { next, ulid } = seededRandom(2);
      const random: Random = {
        next() {
          if (breaks) throw new Error("no randomness");
          return next();
        },
        ulid,
      };
      const act = () => {
        breaks = true;
        if (rejects) return Promise.reject(new Error("boom"));
        throw new Error("boom");
      };
      const system = await world.start([odd(act)], { random });
      const told = system.ref(Odd, "ada").tell(Odd.tell, 1);
      await world.pass(50, 10);
      breaks = false;
      await told;
      const fine = system.ref(Odd, "ada").ask(Odd.fine);
      await world.settle();
      assert.equal(await fine, "fine");
      assert.deepEqual(deadOf(system), ["ada tell: failed"]);
      assert.match(system.deadLetters.list()[0].message, /no randomness/);
    },
  );
}

inEach("a listener of a turn's signal may throw when the deadline passes", async (world) => {
  const lines: string[] = [];
  const listening = actor(Odd, {
    state: () => 0,
    on: {
      tell: () => {},
      ask(ctx) {
        ctx.signal.addEventListener("abort", () => {
          throw new Error("boom");
        });
        return new Promise((resolve) => ctx.signal.addEventListener("abort", resolve));
      },
      submit: () => {},
      fine: () => "fine",
    },
  });
  const system = await world.start([listening], { log: (line) => lines.push(line.replace(/ at .*/, "")) });
  const asked = system.ref(Odd, "ada").ask(Odd.ask, 1, { timeoutMs: 500 }).catch((error) => error.code);
  await world.pass(2_000, 500);
  assert.equal(await asked, "deadline");
  const fine = system.ref(Odd, "ada").ask(Odd.fine);
  await world.settle();
  assert.equal(await fine, "fine");
  assert.deepEqual(lines, ["posthorn: a function that was given to signal failed: Error: boom"]);
});

for (const [name, make] of oddThings) {
  inEach(`an asker gets a readable message if a handler throws ${name}`, async (world) => {
    const system = await world.start([odd(() => Promise.reject(make()))]);
    const asked = system.ref(Odd, "ada").ask(Odd.ask, 1).catch((
      error,
    ) => [typeof error.code, typeof error.message]);
    await world.settle();
    assert.deepEqual(await asked, ["string", "string"]);
  });
}
