// Large states and payloads: split if they exceed one value, and refused before anything is written if they
// exceed a commit. Values that are not plain data are refused in the same way.

import assert from "node:assert/strict";
import {
  deadOf,
  inMemory,
  kinds,
  missedMs,
  note,
  notesOf,
  onEach,
  ref,
  Worker,
  worker,
} from "./durable_stage.ts";
import { asIngress } from "../../as_ingress.ts";

const grow = worker({
  grow: (ctx, size) => void (ctx.state = ["x".repeat(Number(size))]),
  size: (ctx) => ctx.state.map((text) => text.length),
  big: (_ctx, size) => "y".repeat(Number(size)),
  send: (ctx, size) => ctx.ref(Worker, "bob").tell(Worker.note, "z".repeat(Number(size))),
}, { retry: { attempts: 2 } });

onEach(
  kinds,
  "a state larger than one value is kept whole, grows and shrinks, over restarts",
  async (stage) => {
    let system = await stage.start([grow]);
    for (const size of [10, 70_000, 300_000, 130_000, 600_000, 5, 200_000]) {
      await ref(system, "ada").tell(Worker.run, `grow ${size}`);
      assert.deepEqual(await ref(system, "ada").ask(Worker.call, "size"), [size]);
      await stage.kill(system);
      system = await stage.start([grow]);
      assert.deepEqual(await ref(system, "ada").ask(Worker.call, "size"), [size]);
    }
  },
);

onEach(kinds, "payloads and replies larger than one value arrive whole", async (stage) => {
  const first = await stage.start([grow]);
  const text = "é".repeat(150_000);
  await ref(first, "ada").tell(Worker.note, text);
  const { id } = await ref(first, "ada").submit(Worker.job, "big 300000");
  await ref(first, "ada").tell(Worker.run, "send 300000");
  await stage.settle();
  await stage.kill(first);
  const second = await stage.start([grow]);
  await stage.pass(missedMs);
  assert.equal((await second.ticket(id).reply({ timeoutMs: 0 }) as string).length, 300_000);
  const [kept] = await notesOf(second, "ada") as string[];
  assert.ok(kept === text);
  assert.deepEqual((await notesOf(second, "bob") as string[]).map((each) => each.length), [300_000]);
});

onEach(kinds, "many large messages wait, and are handled in order", async (stage) => {
  const gate = Promise.withResolvers<void>();
  const system = await stage.start([worker({ wait: () => gate.promise })]);
  await ref(system, "ada").tell(Worker.run, "wait");
  const texts = Array.from({ length: 12 }, (_, index) => `${index}${"x".repeat(50_000)}`);
  await Promise.all(texts.map((text) => ref(system, "bob").tell(Worker.note, text)));
  gate.resolve();
  await stage.settle();
  const notes = await notesOf(system, "bob") as string[];
  assert.deepEqual(notes.map((text) => text.slice(0, 3)), texts.map((text) => text.slice(0, 3)));
  assert.ok(notes.every((text, index) => text === texts[index]));
});

onEach(
  ["denoKv"],
  "what no commit can take is refused at once, with its size and the limit",
  async (stage) => {
    const system = await stage.start([grow]);
    const tooLarge = (error: Error & { code?: string }) => {
      assert.equal(error.code, "too-large");
      assert.match(error.message, /^Cannot commit worker\/ada \w+: it takes \d+ of \d+ bytes$/);
      return true;
    };
    const text = "x".repeat(2_000_000);
    await assert.rejects(ref(system, "ada").tell(Worker.note, text), tooLarge);
    await assert.rejects(ref(system, "ada").submit(Worker.job, text), tooLarge);
    await assert.rejects(ref(system, "ada").tell(Worker.note, text, { id: "1" }), tooLarge);
    await assert.rejects(system.publish(Worker.happened, `de ${text}`), { code: "too-large" });
    await ref(system, "ada").tell(Worker.note, "kept", { id: "1" }); // nothing was written under the id
    assert.deepEqual(await notesOf(system, "ada"), ["kept"]);
    assert.deepEqual(deadOf(system), []);
  },
);

onEach(
  ["denoKv"],
  "a turn whose effects no commit can take is a dead letter, and leaves nothing",
  async (stage) => {
    const system = await stage.start([grow]);
    await ref(system, "ada").tell(Worker.note, "before");
    await ref(system, "ada").tell(Worker.run, "grow 2000000");
    await ref(system, "ada").tell(Worker.run, "send 2000000");
    await ref(system, "ada").tell(Worker.note, "after");
    const { id } = await ref(system, "ada").submit(Worker.job, "big 2000000");
    await stage.pass(5_000);
    assert.deepEqual(await notesOf(system, "ada"), ["before", "after"]);
    assert.deepEqual(await notesOf(system, "bob"), []);
    assert.deepEqual(deadOf(system).filter((line) => line.startsWith("ada")), [
      "ada run: too-large",
      "ada run: too-large",
      "ada job: too-large",
    ]);
    await assert.rejects(system.ticket(id).reply({ timeoutMs: 0 }), { code: "too-large" });
    await assert.rejects(ref(system, "ada").ask(Worker.call, "grow 2000000"), { code: "too-large" });
    assert.deepEqual(await notesOf(system, "ada"), ["before", "after"]);
  },
);

onEach(kinds, "a state or a reply that is no data is a dead letter at its first attempt", async (stage) => {
  let runs = 0;
  const wild = worker({
    grow: (ctx) => {
      runs++;
      ctx.state = [(() => 1) as unknown as string];
    },
    answer: () => {
      runs++;
      return () => 1;
    },
  });
  const system = await stage.start([wild]);
  await ref(system, "ada").tell(Worker.run, "grow");
  const { id } = await ref(system, "ada").submit(Worker.job, "answer");
  await ref(system, "ada").tell(Worker.note, "behind them");
  await stage.settle();
  assert.equal(runs, 2);
  assert.deepEqual(deadOf(system), ["ada run: not-storable", "ada job: not-storable"]);
  assert.deepEqual(system.deadLetters.list().map(({ attempts }) => attempts), [1, 1]);
  assert.deepEqual(await notesOf(system, "ada"), ["behind them"]);
  await assert.rejects(system.ticket(id).reply({ timeoutMs: 0 }), {
    name: "DeadLetterError",
    code: "not-storable",
  });
  await assert.rejects(ref(system, "ada").ask(Worker.call, "grow"), { code: "not-storable" });
});

onEach(["denoKv"], "a key that is too long for the store is refused like a payload", async (stage) => {
  const system = await stage.start([worker({ noted: (ctx, text) => note(ctx, text) })]);
  const key = "k".repeat(512);
  await ref(system, key).tell(
    Worker.note,
    "one",
    asIngress({ id: "i".repeat(255), caller: "c".repeat(300) }),
  );
  assert.deepEqual(await notesOf(system, key), ["one"]);
  const long = { id: "i".repeat(255), caller: "c".repeat(3_000) };
  await assert.rejects(ref(system, key).tell(Worker.note, "one", long), { code: "too-large" });
});

inMemory(
  "an event of which no commit takes a page is a dead letter, and those behind it go on",
  async (stage) => {
    const { limits } = stage.store.traits;
    const store = {
      engine: stage.store.engine,
      traits: { ...stage.store.traits, limits: { ...limits, bytes: 20_000 } },
      open: stage.store.open.bind(stage.store),
    };
    const system = await stage.start([worker()], { store });
    for (const key of ["ada", "bob"]) system.subscribe(Worker.happened, ref(system, key).at(Worker.note));
    await stage.settle();
    // it fits into the mailbox of its topic, but not twice in one commit
    const large = `de ${"x".repeat(12_000)}`;
    await Promise.all(["de one", large, "de two"].map((text) => system.publish(Worker.happened, text)));
    await stage.pass(5_000);
    assert.deepEqual(await notesOf(system, "ada"), ["de one", "de two"]);
    assert.deepEqual(await notesOf(system, "bob"), ["de one", "de two"]);
    assert.deepEqual(system.deadLetters.list().map(({ reason }) => reason), ["too-large"]);
  },
);

inMemory("an error for a value that is too large names the limit", async (stage) => {
  const { limits } = stage.store.traits;
  const few = { keysBytes: 3_000, bytes: 1_000_000 };
  const store = {
    engine: stage.store.engine,
    traits: { ...stage.store.traits, limits: { ...limits, ...few } },
    open: stage.store.open.bind(stage.store),
  };
  const system = await stage.start([worker({
    many: (ctx) => {
      for (let index = 0; index < 20; index++) {
        ctx.ref(Worker, `${"k".repeat(200)}${index}`).tell(Worker.note, "tea");
      }
    },
  })], { store });
  await ref(system, "ada").tell(Worker.run, "many");
  await stage.settle();
  assert.deepEqual(deadOf(system), ["ada run: too-large"]);
  assert.match(system.deadLetters.list()[0].message, /it takes \d+ of 3000 bytes of keys/);
});
