// A front: a system without actors of its own, whose peers are hosted by other processes on the same store.

import assert from "node:assert/strict";
import {
  actor,
  ask,
  event,
  protocol,
  submit,
  survey,
  System,
  type SystemOptions,
  tell,
  TerminalError,
  unchecked,
} from "@posthorn/posthorn";
import { ingress } from "@posthorn/posthorn/http";
import { memoryBroker, memoryStore, memoryTransport } from "@posthorn/posthorn/memory";
import * as z from "zod";
import {
  collect,
  deadOf,
  kinds,
  missedMs,
  note,
  notesOf,
  onEach,
  ref,
  sharedKinds,
  type Stage,
  Worker,
  worker,
  type WorkerContext,
} from "./durable_stage.ts";

/** A front, and a process that hosts the worker. */
async function frontAndHost(stage: Stage, scripts = {}): Promise<{ front: System; host: System }> {
  const host = await stage.start([
    worker({ note: (ctx, text) => note(ctx, text), echo: (_, text) => text, ...scripts }),
  ]);
  const front = await stage.start([], { peers: [Worker] });
  return { front, host };
}

/** Resolves as a promise does, while time passes so that processes hear of each other. */
async function within<Result>(stage: Stage, promise: Promise<Result>): Promise<Result> {
  let over = false;
  const settled = promise.finally(() => over = true);
  settled.catch(() => {});
  for (let steps = 0; !over && steps < 400; steps++) await stage.pass(25, 25);
  return await settled;
}

onEach(kinds, "a front tells, and the process that hosts the actor handles it", async (stage) => {
  const { front, host } = await frontAndHost(stage);
  await within(stage, ref(front, "ada").tell(Worker.note, "one"));
  await within(stage, ref(front, "ada").tell(Worker.note, "two"));
  await stage.pass(100, 25);
  assert.deepEqual(await within(stage, notesOf(host, "ada")), ["one", "two"]);
  assert.equal(front.stats().protocols.worker, undefined);
});

onEach(kinds, "a front asks, and its ask is answered by the process that hosts the actor", async (stage) => {
  const { front } = await frontAndHost(stage);
  assert.equal(await within(stage, ref(front, "ada").ask(Worker.call, "echo hello")), "hello");
  await stage.pass(100, 25);
  assert.deepEqual(await stage.keys("reply", "mail"), []);
});

// --- The modes

onEach(kinds, "a front submits, and any process can collect the reply", async (stage) => {
  const { front, host } = await frontAndHost(stage);
  const ticket = await within(stage, ref(front, "ada").submit(Worker.job, "echo done"));
  assert.equal(await within(stage, ticket.reply({ timeoutMs: 2_000 })), "done");
  await stage.kill(front);
  const again = await stage.start([], { peers: [Worker] });
  assert.equal(await within(stage, again.ticket(ticket.id).reply()), "done");
  assert.equal(await within(stage, host.ticket(ticket.id).reply()), "done");
});

onEach(
  kinds,
  "a front publishes, subscribes, and asks respondents that other processes host",
  async (stage) => {
    const { front, host } = await frontAndHost(stage, {
      quoted: (ctx: { key: string }) => `${ctx.key} quotes`,
    });
    const heard: string[] = [];
    using _listening = front.subscribe(Worker.happened, (text) => void heard.push(text));
    await within(stage, front.subscribe(Worker.happened, ref(front, "ada").at(Worker.note)).ready);
    await within(stage, front.subscribe(Worker.quote, ref(front, "bob").at(Worker.quote)).ready);
    await within(stage, host.publish(Worker.happened, "first"));
    await within(stage, front.publish(Worker.happened, "second"));
    await stage.pass(100, 25);
    assert.deepEqual(heard, ["first", "second"]);
    assert.deepEqual(await within(stage, notesOf(front, "ada")), ["first", "second"]);
    const replies = collect(front.survey(Worker.quote, "quoted", { timeoutMs: 500 }));
    assert.deepEqual(await within(stage, replies), ["bob quotes"]);
  },
);

onEach(kinds, "an id is known in the store: a repeated ask gets the first answer", async (stage) => {
  let runs = 0;
  const { front } = await frontAndHost(stage, { count: () => ++runs });
  const ask = () => within(stage, ref(front, "ada").ask(Worker.call, "count", { id: "order-1" }));
  assert.deepEqual([await ask(), await ask(), runs], [1, 1, 1]);
  await within(stage, ref(front, "ada").tell(Worker.note, "once", { id: "n" }));
  await within(stage, ref(front, "ada").tell(Worker.note, "once", { id: "n" }));
  assert.deepEqual(await within(stage, notesOf(front, "ada")), ["once"]);
});

onEach(kinds, "what is sent from a front to one actor keeps its order, asks among it", async (stage) => {
  const { front } = await frontAndHost(stage);
  const ada = ref(front, "ada");
  const sent: Promise<unknown>[] = [];
  for (let index = 0; index < 20; index++) {
    sent.push(ada.tell(Worker.note, `${index}`));
    if (index % 5 === 0) sent.push(ada.ask(Worker.call, "echo hello"));
  }
  await within(stage, Promise.all(sent));
  const expected = Array.from({ length: 20 }, (_, index) => `${index}`);
  assert.deepEqual(await within(stage, notesOf(front, "ada")), expected);
});

// --- Asks

onEach(kinds, "an ask that nobody answers ends with its time, and is not run after it", async (stage) => {
  const front = await stage.start([], { peers: [Worker] });
  const asked = ref(front, "ada").ask(Worker.call, "mark", { timeoutMs: 500 });
  await assert.rejects(within(stage, asked), {
    code: "deadline",
    message: "Cannot ask worker/ada call: no answer in 500 ms",
  });
  const host = await stage.start([worker({ mark: (ctx) => note(ctx, "ran") })]);
  await stage.pass(5_000);
  assert.deepEqual(await within(stage, notesOf(host, "ada")), []);
  assert.deepEqual(deadOf(front), ["ada call: deadline"]);
  assert.deepEqual(await stage.keys("mail", "reply"), []); // its late failure was read and removed
});

onEach(kinds, "an ask ends at once when its signal aborts", async (stage) => {
  const front = await stage.start([], { peers: [Worker] });
  const aborting = new AbortController();
  const asked = ref(front, "ada").ask(Worker.call, "notes", { signal: aborting.signal });
  await stage.settle();
  aborting.abort(new Error("enough"));
  await assert.rejects(asked, /enough/);
  await assert.rejects(ref(front, "ada").ask(Worker.call, "notes", { signal: aborting.signal }), /enough/);
});

onEach(kinds, "an ask whose signal aborts does not run any more", async (stage) => {
  const gate = Promise.withResolvers<void>();
  const signals: AbortSignal[] = [];
  const { front, host } = await frontAndHost(stage, {
    wait: (ctx: WorkerContext) => {
      signals.push(ctx.signal);
      note(ctx, "waited");
      return gate.promise;
    },
    mark: (ctx: WorkerContext) => note(ctx, "ran"),
  });
  const controllers = [0, 1, 2].map(() => new AbortController());
  const asked = ["wait", "mark", "mark"].map((does, index) =>
    ref(front, "ada").ask(Worker.call, does, { signal: controllers[index].signal })
  );
  for (const one of asked) one.catch(() => {});
  await stage.pass(500, 25);
  assert.equal(signals.length, 1);
  for (const controller of controllers.slice(0, 2)) controller.abort(new Error("enough"));
  await stage.pass(100, 25);
  assert.deepEqual((await stage.keys("mail")).length, 1);
  assert.equal(signals[0].aborted, true, "whoever runs it is told");
  gate.resolve();
  await within(stage, asked[2]);
  assert.deepEqual(await within(stage, notesOf(host, "ada")), ["ran"], "only the one that was not aborted");
  await stage.pass(10_000);
  assert.deepEqual([deadOf(host), await stage.keys("mail", "reply")], [[], []]);
  assert.deepEqual(
    [front, host].map((system) => system.stats().cancelled),
    [2, 0],
    "who took them back counts them",
  );
});

onEach(
  kinds,
  "an ask whose signal aborts leaves nothing to a process that begins to host it",
  async (stage) => {
    const front = await stage.start([], { peers: [Worker] });
    const aborting = new AbortController();
    const asked = ref(front, "ada").ask(Worker.call, "mark", { signal: aborting.signal });
    asked.catch(() => {});
    aborting.abort(new Error("enough")); // before it is committed
    await assert.rejects(asked, /enough/);
    await stage.pass(100, 25);
    assert.deepEqual(await stage.keys("mail", "reply"), []);
    const host = await stage.start([worker({ mark: (ctx) => note(ctx, "ran") })]);
    await stage.pass(1_000);
    assert.deepEqual(await within(stage, notesOf(host, "ada")), []);
  },
);

onEach(kinds, "an ask whose handler throws rejects at once with the reason", async (stage) => {
  let runs = 0;
  const { front } = await frontAndHost(stage, {
    refuse() {
      throw new TerminalError("sold out", { code: "sold-out" });
    },
    break() {
      runs++;
      throw new Error("broken");
    },
  });
  const asked = within(stage, ref(front, "ada").ask(Worker.call, "refuse"));
  await assert.rejects(asked, { code: "sold-out", message: /sold out/ });
  await assert.rejects(within(stage, ref(front, "ada").ask(Worker.call, "break")), { code: "failed" });
  await stage.pass(10_000);
  assert.equal(runs, 1); // an ask is not tried again
});

onEach(
  sharedKinds, // Deno KV deletes by the time of the machine
  "a front that stops fails its asks, and leaves no row behind when their time is over",
  async (stage) => {
    const front = await stage.start([], { peers: [Worker], replyRetentionMs: 10_000 });
    const asked = ref(front, "ada").ask(Worker.call, "echo late");
    asked.catch(() => {});
    await stage.settle();
    await front.stop();
    await assert.rejects(asked, { code: "stopping" });
    await stage.start([worker({ echo: (_, text) => text })], { replyRetentionMs: 10_000 });
    await stage.pass(1_000);
    assert.equal((await stage.keys("reply")).length, 1);
    const later = await stage.start([], { peers: [Worker] });
    await stage.pass(300_000, 5_000);
    assert.deepEqual(await stage.keys("mail", "reply"), []);
    await later.stop();
  },
);

// --- Schemas, words, and refusals at the start

const Order = protocol("order", {
  place: tell(z.object({ sku: z.string() })),
  total: ask(z.string().transform(Number)),
  placed: event(z.string()),
  quote: survey(z.string(), z.string()),
});
const order = actor(Order, {
  state: () => 0,
  on: { place() {}, total: () => "42", quote: (_, text) => text },
});

onEach(kinds, "a front checks payloads and replies by the schemas of the protocol", async (stage) => {
  await stage.start([order]);
  const front = await stage.start([], { peers: [Order] });
  const ada = front.ref(Order, "ada");
  await assert.rejects(ada.tell(Order.place, { sku: 5 as unknown as string }), { code: "invalid-payload" });
  assert.deepEqual(await stage.keys("mail"), []);
  assert.equal(await within(stage, ada.ask(Order.total)), 42);
});

onEach(["memory"], "a protocol that nothing names is told with a suggestion", async (stage) => {
  const front = await stage.start([], { peers: [Order] });
  const Ordr = protocol("ordr", { place: tell(unchecked<string>()) });
  await assert.rejects(front.ref(Ordr, "ada").tell(Ordr.place, "x"), {
    code: "unknown-protocol",
    message:
      "Cannot speak to ordr: this system hosts no actor of it, and neither `peers` nor `remote` names it. " +
      "Did you mean order?",
  });
  const Copy = protocol("order", { place: tell(unchecked<string>()) });
  await assert.rejects(front.ref(Copy, "ada").tell(Copy.place, "x"), { code: "unknown-operation" });
  await assert.rejects(async () => await front.signal({ protocol: "order", key: "ada" }, "erase"), {
    code: "unknown-protocol",
    message: "Cannot signal order/ada: another process hosts it, and a signal does not leave its process",
  });
});

Deno.test("peers that contradict what a system is are refused at its start", () => {
  const store = memoryStore();
  const transport = memoryTransport({ broker: memoryBroker(), expose: [] });
  const start = (options: Partial<SystemOptions>, words: string) =>
    assert.throws(() => new System({ actors: [], ...options } as SystemOptions), {
      name: "TypeError",
      message: words,
    });
  start(
    { peers: [Order] },
    "Cannot start the system: `peers` names actors of other processes on the same store, and there is no `store`",
  );
  start(
    { peers: [Order], actors: [order], store },
    "Cannot start the system: order is both in `actors` and in `peers`",
  );
  const remote = [Order];
  start(
    { peers: [Order], store, name: "shop", transport, remote },
    "Cannot start the system: order is both in `remote` and in `peers`",
  );
  const Other = protocol("order", { place: tell(unchecked<string>()) });
  start({ peers: [Order, Other], store }, "Cannot start the system: two of its peers have the name order");
  start({ peers: [Order.place as never], store }, "Cannot use peers: its entry 0 is no protocol");
  start({ peers: [undefined as never], store }, "Cannot use peers: its entry 0 is no protocol");
  start({ peers: Order as never, store }, "Cannot use peers: it must be a list of protocols");
});

onEach(["memory"], "events and surveys of a peer may be those of other services too", async (stage) => {
  const transport = memoryTransport({ broker: memoryBroker(), expose: [] });
  const parts = { name: "shop", transport, remote: [Order.placed, Order.quote] };
  const front = await stage.start([], { peers: [Order], ...parts });
  assert.equal(front.health.status, "running");
});

// --- Mixed systems

const Desk = protocol("desk", {
  forward: tell(unchecked<string>()),
  request: tell(unchecked<string>()),
  later: tell(unchecked<string>()),
  answered: tell(unchecked<unknown>()),
  read: ask(unchecked<readonly string[]>()),
});
const deskOf = (transient: boolean) =>
  actor(Desk, {
    ...(transient ? { transient } : {}),
    state: (): readonly string[] => [],
    on: {
      forward: (ctx, text) => ctx.ref(Worker, "ada").tell(Worker.note, text),
      request(ctx, text) {
        ctx.ref(Worker, "ada").submit(Worker.job, `echo ${text}`, { replyTo: ctx.self.at(Desk.answered) });
      },
      later: (ctx, text) => ctx.schedule("s", { afterMs: 500 }, ctx.ref(Worker, "ada").at(Worker.note), text),
      answered(ctx, reply) {
        ctx.state = [...ctx.state, String(reply)];
      },
      read: (ctx) => ctx.state,
    },
  });

for (const transient of [false, true]) {
  const kind = transient ? "transient" : "durable";
  onEach(kinds, `turns of a ${kind} actor send to peers`, async (stage) => {
    const host = await stage.start([worker({ echo: (_, text) => text })]);
    const mixed = await stage.start([deskOf(transient)], { peers: [Worker] });
    const desk = mixed.ref(Desk, "main");
    await desk.tell(Desk.forward, "one");
    await desk.tell(Desk.forward, "two");
    await desk.tell(Desk.later, "three");
    await desk.tell(Desk.request, "hello");
    await stage.pass(1_500, 25);
    assert.deepEqual(await within(stage, notesOf(host, "ada")), ["one", "two", "three"]);
    // The reply to a transient actor is mail, which the store does not bring to it.
    const replies = await within(stage, desk.ask(Desk.read));
    assert.deepEqual(replies, transient ? [] : ["hello"]);
    assert.deepEqual(deadOf(mixed), transient ? ["main answered: transient-peer"] : []);
    assert.deepEqual(mixed.stats().unhosted, {});
  });
}

onEach(kinds, "a turn of a transient actor asks a peer, behind what it has sent to it", async (stage) => {
  const Asker = protocol("asker", { go: ask(unchecked<unknown>()) });
  await stage.start([worker()]);
  const going = actor(Asker, {
    transient: true,
    state: () => null,
    on: {
      async go(ctx) {
        ctx.ref(Worker, "ada").tell(Worker.note, "before");
        return await ctx.ref(Worker, "ada").ask(Worker.call, "notes");
      },
    },
  });
  const mixed = await stage.start([going], { peers: [Worker] });
  assert.deepEqual(await within(stage, mixed.ref(Asker, "x").ask(Asker.go)), ["before"]);
});

// --- Crashes and bounds

onEach(kinds, "a front takes over nothing that it does not host", async (stage) => {
  const first = await stage.start([worker({ wait: () => new Promise(() => {}) })]);
  const front = await stage.start([], { peers: [Worker] });
  await within(stage, ref(front, "ada").tell(Worker.run, "wait"));
  await within(stage, ref(front, "ada").tell(Worker.note, "behind"));
  await stage.pass(200, 25);
  await stage.kill(first);
  await stage.pass(3 * missedMs);
  assert.equal((await stage.keys("mail")).length, 2);
  const second = await stage.start([worker({ wait: () => {} })]);
  await stage.pass(3 * missedMs);
  assert.deepEqual(await within(stage, notesOf(second, "ada")), ["behind"]);
  assert.deepEqual(await stage.keys("mail"), []);
});

onEach(
  ["memory"],
  "mail for a peer that nobody handles is bounded, and a message of before is still known",
  async (stage) => {
    const front = await stage.start([], { peers: [Worker] });
    const ada = ref(front, "ada");
    await ada.tell(Worker.note, "first", { id: "first" });
    let accepted = 1;
    for (let refused = false; !refused;) {
      const some = Array.from({ length: 500 }, () => ada.tell(Worker.note, "x"));
      for (const { status } of await Promise.allSettled(some)) {
        if (status === "fulfilled") accepted++;
        else refused = true;
      }
    }
    assert.ok(accepted >= 10_000 && accepted <= 11_000, `${accepted} were accepted`); // the bound is counted from time to time
    const full = {
      code: "mailbox-full",
      message: /^Cannot deliver to worker\/ada: its mailbox holds 1\d{4} of 10000 messages$/,
    };
    await assert.rejects(ada.tell(Worker.note, "one more"), full);
    await assert.rejects(ada.ask(Worker.call, "notes"), full);
    await ada.tell(Worker.note, "first", { id: "first" });
    await ref(front, "bob").tell(Worker.note, "has room");
    assert.equal((await stage.keys("mail")).length, accepted + 1);
    const host = await stage.start([worker()]);
    await stage.pass(5_000);
    await within(stage, ada.tell(Worker.note, "room again"));
    assert.equal((await within(stage, notesOf(host, "ada")) as string[]).length, accepted + 1);
  },
);

onEach(["memory"], "messages that are handled soon are never refused, however many come", async (stage) => {
  const host = await stage.start([worker()]);
  const front = await stage.start([], { peers: [Worker] });
  for (let round = 0; round < 24; round++) {
    await Promise.all(Array.from({ length: 500 }, () => ref(front, "ada").tell(Worker.note, "x")));
    await stage.pass(100, 50);
  }
  assert.equal((await within(stage, notesOf(host, "ada")) as string[]).length, 12_000);
});

// --- Over HTTP

onEach(kinds, "an ingress of a front exposes the protocol of a peer", async (stage) => {
  const { host } = await frontAndHost(stage);
  const front = await stage.start([], { peers: [Open] });
  const opened = await stage.start([open]);
  void host;
  const app = ingress(front, { expose: [Open] });
  const send = (path: string, body: unknown, headers = {}) =>
    within(
      stage,
      Promise.resolve(app.request(path, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })),
    );
  const told = await send("/actors/open/ada/add", "a");
  assert.equal(told.status, 202);
  const after = told.headers.get("posthorn-after")!;
  const asked = await send("/actors/open/ada/read", undefined, { "posthorn-after": after });
  assert.deepEqual([asked.status, await asked.json()], [200, ["a"]]);
  const submitted = await send("/actors/open/ada/sum", "b");
  assert.equal(submitted.status, 202);
  await stage.pass(100, 25);
  const reply = await within(stage, Promise.resolve(app.request(submitted.headers.get("location")!)));
  assert.deepEqual([reply.status, await reply.json()], [200, 2]);
  const refused = await send("/actors/open/ada/add", 5);
  assert.equal(refused.status, 400);
  assert.deepEqual(opened.stats().protocols.open?.done, 3);
});

const Open = protocol("open", {
  add: tell(z.string()),
  read: ask(z.array(z.string())),
  sum: submit(z.string(), z.number()),
});
const open = actor(Open, {
  state: (): readonly string[] => [],
  on: {
    add(ctx, text) {
      ctx.state = [...ctx.state, text];
    },
    read: (ctx) => [...ctx.state],
    sum(ctx, text) {
      ctx.state = [...ctx.state, text];
      return ctx.state.length;
    },
  },
});

// --- Transient where they are hosted

/** An actor that its host keeps in memory alone. */
const Cache = protocol("cache", {
  keep: tell(unchecked<string>()),
  get: ask(unchecked<string>()),
  fill: submit(unchecked<string>(), unchecked<string>()),
});
const cache = actor(Cache, {
  transient: true,
  state: () => null,
  on: { keep() {}, get: (ctx) => ctx.key, fill: (_, text) => text },
});

onEach(kinds, "mail for a peer that is transient where it is hosted is refused there", async (stage) => {
  const host = await stage.start([cache]);
  const front = await stage.start([], { peers: [Cache] });
  const ada = front.ref(Cache, "ada");
  const told = { code: "transient-peer", message: /^cache\/ada get: it is transient where it is hosted/ };
  await assert.rejects(within(stage, ada.ask(Cache.get)), told);
  const ticket = await within(stage, ada.submit(Cache.fill, "x"));
  await assert.rejects(within(stage, ticket.reply({ timeoutMs: 2_000 })), { code: "transient-peer" });
  await within(stage, ada.tell(Cache.keep, "y"));
  await stage.pass(5_000);
  assert.deepEqual(await stage.keys("mail", "index"), []);
  const letters = ["ada get: transient-peer", "ada fill: transient-peer", "ada keep: transient-peer"];
  assert.deepEqual(deadOf(host), letters);
  assert.deepEqual(deadOf(front), letters);
  assert.equal(host.stats().accepted, 3);
  assert.equal(host.stats().dead, 3);
  assert.equal(await host.ref(Cache, "ada").ask(Cache.get), "ada");
});

onEach(kinds, "mail that cannot be refused is reported, and stops none beside it", async (stage) => {
  const front = await stage.start([], { peers: [Cache] });
  const ada = front.ref(Cache, "ada");
  for (const text of ["a", "b", "c"]) await within(stage, ada.tell(Cache.keep, text));
  const [first] = await stage.keys("mail");
  const host = stage.begin([cache]);
  const reported: string[] = [];
  host.inspect((event) => {
    if (event.type === "unreadable") reported.push(`${event.row.replaceAll("\u001f", " ")}: ${event.error}`);
  });
  stage.storeOf(host).refuse = (parts) => {
    const removed = parts.flatMap(({ removals }) => removals.map(({ key }) => key.replaceAll("\u001f", " ")));
    return removed.includes(first) ? new TypeError("it is odd") : undefined;
  };
  await host.ready();
  await stage.pass(5_000);
  assert.equal(reported[0], `${first}: TypeError: it is odd`);
  assert.deepEqual(await stage.keys("mail"), [first]);
  assert.deepEqual(deadOf(host), ["ada keep: transient-peer", "ada keep: transient-peer"]);
});

/** How many milliseconds pass until a promise has settled, by the clock of the stage. */
async function msUntil(stage: Stage, promise: Promise<unknown>): Promise<number> {
  const beganMs = stage.clock.now();
  let over = false;
  promise.finally(() => over = true).catch(() => {});
  for (let steps = 0; !over && steps < 200; steps++) await stage.pass(1, 1);
  await promise;
  return stage.clock.now() - beganMs;
}

onEach(["sqlite"], "asks that follow each other do not wait for slow polls", async (stage) => {
  const { front } = await frontAndHost(stage);
  const times: number[] = [];
  for (let index = 0; index < 5; index++) {
    times.push(await msUntil(stage, ref(front, "ada").ask(Worker.call, "echo hello")));
  }
  assert.ok(times[0] <= 50, `the first took ${times[0]} ms`);
  for (const ms of times.slice(1)) assert.ok(ms <= 10, `they took ${times.join(", ")} ms`);
});

onEach(
  sharedKinds,
  "what waits for a peer is counted while nobody hosts it, and can be erased then",
  async (stage) => {
    const front = await stage.start([], { peers: [Worker] });
    await ref(front, "ada").tell(Worker.note, "waits");
    await stage.pass(10_000);
    assert.deepEqual(front.stats().unhosted, { worker: { actors: 1, waiting: 1 } });
    assert.equal(await front.eraseMail({ protocol: "worker" }), 1);
    await ref(front, "ada").tell(Worker.note, "waits again");
    await stage.pass(10_000);
    assert.deepEqual(front.stats().unhosted, { worker: { actors: 1, waiting: 1 } });
    await stage.start([worker()]);
    await stage.pass(10_000);
    assert.deepEqual(front.stats().unhosted, {});
  },
);

onEach(
  kinds,
  "a delayed message to a peer comes when it is due, and schedules are set where a peer is hosted",
  async (stage) => {
    const { front, host } = await frontAndHost(stage);
    const ada = ref(front, "ada");
    await within(stage, ada.tell(Worker.note, "later", { afterMs: 5_000 }));
    const ticket = await within(stage, ada.submit(Worker.job, "echo late", { afterMs: 5_000 }));
    await within(stage, ada.tell(Worker.note, "now"));
    await stage.pass(6_000);
    assert.deepEqual(await within(stage, notesOf(host, "ada")), ["now", "later"]);
    assert.equal(await within(stage, ticket.reply()), "late");
    await assert.rejects(front.schedule("night", { everyMs: 1_000 }, ada.at(Worker.note), "x"), {
      code: "unknown-protocol",
      message:
        "Cannot schedule night of worker/ada: another process hosts it, and an actor sets its schedules " +
        "where it is hosted",
    });
  },
);
