// The cause, correlation and id of messages. Many messages share the object that holds them.

import assert from "node:assert/strict";
import {
  actor,
  event,
  type InspectedMessage,
  type Inspection,
  protocol,
  tell,
  unchecked,
} from "@posthorn/posthorn";
import { fail, Stage, stage, Worker, worker, type WorkerContext } from "../memory_stage.ts";

interface Seen {
  readonly key: string;
  readonly id: string;
  readonly causationId: string | undefined;
  readonly correlationId: string;
}

/** The message of each handler call, in order. */
class Log {
  readonly seen: Seen[] = [];

  readonly look = ({ key, id, causationId, correlationId }: WorkerContext): void => {
    this.seen.push({ key, id, causationId, correlationId });
  };

  /** Records the message, and runs a script. */
  then(more: (ctx: WorkerContext) => unknown): (ctx: WorkerContext) => unknown {
    return (ctx) => {
      this.look(ctx);
      return more(ctx);
    };
  }

  at(key: string): Seen {
    const found = this.seen.filter((seen) => seen.key === key);
    assert.equal(found.length, 1, `${key} saw ${found.length} messages`);
    return found[0];
  }
}

for (const heard of [false, true]) {
  const suffix = heard ? ", while somebody listens" : "";
  const begin = () => {
    const it = stage(worker({ retry: { attempts: 3, baseMs: 10 }, onFailure: "resume" }));
    return heard ? it.watch("stopped") : it;
  };

  Deno.test(`Messages of one turn that share their way have an id each, and one cause${suffix}`, async () => {
    await using it = begin();
    const log = new Log();
    await it.ref("ada").tell(
      Worker.run,
      log.then((ctx) => {
        for (let count = 0; count < 50; count++) ctx.ref(Worker, `bob${count}`).tell(Worker.run, log.look);
        for (let count = 0; count < 50; count++) ctx.ref(Worker, "cyd").tell(Worker.run, log.look);
        ctx.ref(Worker, "dan").tell(Worker.run, log.look, { id: "named" });
      }),
    );
    await it.clock.settle();
    const [ada, ...others] = log.seen;
    assert.equal(others.length, 101);
    assert.equal(new Set(log.seen.map(({ id }) => id)).size, 102);
    for (const { causationId, correlationId } of others) {
      assert.deepEqual([causationId, correlationId], [ada.id, ada.id]);
    }
    assert.equal(log.at("dan").id, "named");
  });

  Deno.test(`Messages of one turn have their own operation and options each, whatever the first has${suffix}`, async () => {
    const kinds: Record<string, (ctx: WorkerContext, log: Log) => void> = {
      named: (ctx, log) => ctx.ref(Worker, "bob").tell(Worker.run, log.look, { id: "named" }),
      late: (ctx, log) => ctx.ref(Worker, "bob").tell(Worker.run, log.look, { timeoutMs: 1 }),
      headers: (ctx, log) => ctx.ref(Worker, "bob").tell(Worker.run, log.look, { headers: { a: "1" } }),
      submitted: (ctx, log) => ctx.ref(Worker, "bob").submit(Worker.job, log.look as never),
      note: (ctx) => ctx.ref(Worker, "bob").tell(Worker.note, "note"),
      plain: (ctx, log) => ctx.ref(Worker, "bob").tell(Worker.run, log.look),
    };
    for (const [first, send] of Object.entries(kinds)) {
      await using it = begin();
      const log = new Log();
      const headers: unknown[] = [];
      it.system.inspect((event) => {
        if (event.type === "started" && event.message.key === "bob") headers.push(event.message.headers);
      });
      let gate = Promise.withResolvers<void>();
      await it.ref("bob").tell(Worker.run, () => gate.promise);
      await it.ref("ada").tell(Worker.run, (ctx) => {
        send(ctx, log);
        kinds.plain(ctx, log);
        kinds.note(ctx, log);
        kinds.plain(ctx, log);
      });
      await it.clock.advance(10); // only messages past their deadline by then are not started
      gate.resolve();
      await it.clock.settle();
      const sent = ["note", "late"].includes(first) ? 2 : 3;
      assert.equal(log.seen.length, sent, first);
      assert.equal(new Set(log.seen.map(({ id }) => id)).size, sent, first);
      assert.equal(log.seen.filter(({ id }) => id === "named").length, first === "named" ? 1 : 0);
      assert.equal(headers.filter((one) => one !== undefined).length, first === "headers" ? 1 : 0, first);
      assert.deepEqual(it.dead, first === "late" ? ["bob run: deadline"] : [], first);
      gate = Promise.withResolvers();
      const notes = await it.ref("bob").ask(Worker.call, (ctx) => ctx.state);
      assert.deepEqual(notes, first === "note" ? ["note", "note"] : ["note"]);
    }
  });

  Deno.test(`Messages know their cause and their beginning over tell, submit, publish and schedule${suffix}`, async () => {
    await using it = begin();
    const log = new Log();
    const { look } = log;
    await it.ref("ada").tell(
      Worker.run,
      log.then((ctx) => {
        ctx.ref(Worker, "told").tell(
          Worker.run,
          log.then((ctx) => ctx.ref(Worker, "told by told").tell(Worker.run, look)),
        );
        const reply = { protocol: "worker", key: "replied", operation: "run" } as never;
        ctx.ref(Worker, "submitted").submit(Worker.job, log.then(() => look) as never, { replyTo: reply });
        ctx.schedule("later", { afterMs: 10 }, ctx.ref(Worker, "scheduled").at(Worker.run), look);
      }),
    );
    await it.clock.advance(100);
    const { id } = log.at("ada");
    const told = log.at("told");
    const submitted = log.at("submitted");
    assert.deepEqual([told.causationId, told.correlationId], [id, id]);
    assert.deepEqual([log.at("told by told").causationId, log.at("told by told").correlationId], [
      told.id,
      id,
    ]);
    assert.deepEqual([submitted.causationId, submitted.correlationId], [id, id]);
    assert.deepEqual([log.at("replied").causationId, log.at("replied").correlationId], [submitted.id, id]);
    // a schedule outlives the turn: its message starts a new correlation
    const scheduled = log.at("scheduled");
    assert.deepEqual([scheduled.causationId, scheduled.correlationId], [undefined, scheduled.id]);
  });

  Deno.test(`Messages that are retried keep their id, cause and beginning, and so do those that they send${suffix}`, async () => {
    await using it = begin();
    const log = new Log();
    await it.ref("ada").tell(
      Worker.run,
      log.then((ctx) =>
        ctx.ref(Worker, "bob").tell(
          Worker.run,
          log.then((ctx) => {
            ctx.ref(Worker, "cyd").tell(Worker.run, log.look);
            if (ctx.attempt < 3) fail();
          }),
        )
      ),
    );
    await it.clock.advance(10_000);
    const { id } = log.at("ada");
    const tries = log.seen.filter(({ key }) => key === "bob");
    assert.equal(tries.length, 3);
    for (const seen of tries) assert.deepEqual(seen, { ...tries[0], causationId: id, correlationId: id });
    assert.deepEqual([log.at("cyd").causationId, log.at("cyd").correlationId], [tries[0].id, id]);
  });

  Deno.test(`Messages of resent dead letters keep their id, cause and beginning${suffix}`, async () => {
    await using it = begin();
    const log = new Log();
    let broken = true;
    await it.ref("ada").tell(
      Worker.run,
      log.then((ctx) => ctx.ref(Worker, "bob").tell(Worker.run, log.then(() => broken && fail()))),
    );
    await it.clock.advance(10_000);
    broken = false;
    const before = log.seen.at(-1)!;
    const [letter] = it.system.deadLetters.list();
    assert.equal(letter.id, before.id);
    it.system.deadLetters.resend(letter.id);
    await it.clock.settle();
    assert.deepEqual(log.seen.at(-1), before);
    assert.equal(log.seen.length, 5);
  });

  Deno.test(`Messages of one publication have an id each, whose cause is the publication${suffix}`, async () => {
    const News = protocol("news", { out: event(unchecked<number>()) });
    const Reader = protocol("reader", { read: tell(unchecked<number>()), scan: tell(unchecked<number>()) });
    const seen: string[][] = [];
    const look = (ctx: { id: string; causationId: string | undefined; correlationId: string }) =>
      void seen.push([ctx.id, ctx.causationId!, ctx.correlationId]);
    const reader = actor(Reader, { state: () => null, on: { read: look, scan: look } });
    await using it = new Stage({ actors: [reader, worker()] });
    if (heard) it.watch("stopped");
    const heardIds: string[] = [];
    using _ = it.system.subscribe(News.out, (_payload, { id }) => void heardIds.push(id));
    for (let count = 0; count < 10; count++) {
      it.system.subscribe(
        News.out,
        it.system.ref(Reader, `${count}`).at(count % 2 ? Reader.read : Reader.scan),
      );
    }
    let first!: string;
    await it.ref("ada").tell(Worker.run, (ctx) => {
      first = ctx.id;
      ctx.publish(News.out, 1);
      ctx.publish(News.out, 2);
    });
    await it.clock.settle();
    assert.equal(seen.length, 20);
    assert.equal(new Set(seen.map(([id]) => id)).size, 20);
    const causes = new Set(seen.map(([, cause]) => cause));
    assert.deepEqual([...causes], heardIds);
    assert.equal(causes.size, 2);
    assert.deepEqual(new Set(seen.map(([, , correlationId]) => correlationId)), new Set([first]));
  });
}

Deno.test("Messages have one id from accepted to done or dead, whatever happens to them", async () => {
  await using it = stage(worker({
    mailbox: { capacity: 2, overflow: "drop-oldest" },
    retry: { attempts: 2, baseMs: 10 },
    onFailure: "resume",
  }));
  const lives = new Map<string, string[]>();
  const note = (id: string, type: string) => lives.set(id, [...lives.get(id) ?? [], type]);
  it.system.inspect((event: Inspection) => {
    if ("message" in event) note(event.message.id, event.type);
    if ("letter" in event) note(event.letter.id, "dead");
  });
  const ada = it.ref("ada");
  const send = (script: (ctx: WorkerContext) => unknown) => void ada.tell(Worker.run, script);
  send((ctx) => {
    for (let count = 0; count < 3; count++) ctx.self.tell(Worker.note, "");
  });
  await it.clock.settle();
  send(() => fail());
  await it.clock.advance(100);
  send(() => Promise.resolve());
  await it.clock.settle();
  for (let count = 0; count < 4; count++) send(() => {});
  await it.clock.settle();
  const kinds = new Map<string, number>();
  for (const life of lives.values()) kinds.set(life.join(" "), (kinds.get(life.join(" ")) ?? 0) + 1);
  assert.deepEqual(Object.fromEntries(kinds), {
    "accepted started done": 7,
    "accepted started failed retrying started failed dead": 1,
    "accepted dead": 2,
  });
});

Deno.test("Messages that were sent before somebody listened have one id from then on", async () => {
  await using it = stage(worker({ retry: { attempts: 2, baseMs: 10 }, onFailure: "resume" }));
  const ids: string[] = [];
  let own!: string;
  void it.ref("ada").tell(Worker.run, (ctx) => {
    own = ctx.id;
    fail();
  });
  it.system.inspect((event) => {
    if ("message" in event) ids.push(event.message.id);
    if ("letter" in event) ids.push(event.letter.id);
  });
  await it.clock.advance(1_000);
  assert.deepEqual(ids, Array(6).fill(own)); // started, failed, retrying; started, failed, dead
});

Deno.test("Inspectors that are added and removed within a run get the events between, and no message is lost", async () => {
  await using it = stage(worker());
  const heard: string[] = [];
  let listening: Disposable | undefined;
  const nameOf = ({ key, operation }: InspectedMessage) => `${key} ${operation}`;
  const listen = () => {
    listening = it.system.inspect((event) => {
      if ("message" in event) heard.push(`${event.type} ${nameOf(event.message)}`);
    });
  };
  const ada = it.ref("ada");
  const note = (text: string) => (ctx: WorkerContext) => ctx.ref(Worker, "bob").tell(Worker.note, text);
  void ada.tell(Worker.run, note("1"));
  void ada.tell(Worker.run, (ctx) => {
    listen();
    note("2")(ctx);
  });
  void ada.tell(Worker.run, note("3"));
  void ada.tell(Worker.run, (ctx) => {
    note("4")(ctx);
    listening![Symbol.dispose]();
  });
  void ada.tell(Worker.run, note("5"));
  await it.clock.settle();
  assert.deepEqual(heard, [
    "accepted bob note",
    "done ada run",
    "started ada run",
    "accepted bob note",
    "done ada run",
    "started ada run",
  ]);
  assert.deepEqual(await it.ref("bob").ask(Worker.call, (ctx) => ctx.state), ["1", "2", "3", "4", "5"]);
});

Deno.test("Listeners that leave one after the other leave the last one hearing all", async () => {
  await using it = stage(worker());
  const heard: string[] = [];
  const one = it.system.inspect(({ type }) => void heard.push(`one ${type}`));
  it.system.inspect(({ type }) => void heard.push(`other ${type}`));
  one[Symbol.dispose]();
  await it.ref("ada").tell(Worker.note, "");
  await it.clock.settle();
  assert.deepEqual(heard, ["other accepted", "other activated", "other started", "other done"]);
});

Deno.test("Evicted messages are reported as accepted before they are reported as dead", async () => {
  for (const overflow of ["drop-oldest", "drop-newest"] as const) {
    await using it = stage(worker({ mailbox: { capacity: 1, overflow } }));
    const events: string[] = [];
    await it.ref("ada").tell(Worker.run, () => new Promise<void>(() => {}));
    await it.clock.settle();
    it.system.inspect((event) => {
      if ("message" in event) events.push(`${event.type} ${event.message.id}`);
      if ("letter" in event) events.push(`dead ${event.letter.id}`);
    });
    for (const id of ["a", "b"]) void it.ref("ada").tell(Worker.note, id, { id });
    await it.clock.settle();
    const dropped = overflow === "drop-oldest" ? "a" : "b";
    assert.deepEqual(events, ["accepted a", "accepted b", `dead ${dropped}`]);
  }
});

Deno.test("Messages that answer are told as accepted before the turn that answers is told as done", async () => {
  await using it = stage(worker());
  const events: string[] = [];
  it.system.inspect((event) => {
    if (event.type === "accepted" || event.type === "done") events.push(`${event.type} ${event.message.key}`);
  });
  await it.ref("ada").submit(Worker.job, (ctx) => {
    ctx.ref(Worker, "bob").tell(Worker.note, "");
    return "";
  }, { replyTo: it.ref("cyd").at(Worker.note) });
  await it.clock.settle();
  assert.deepEqual(events, [
    "accepted ada",
    "accepted bob",
    "accepted cyd",
    "done ada",
    "done bob",
    "done cyd",
  ]);
});
