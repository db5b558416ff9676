// What comes from a broker is accepted into the store: once, in order, and in one commit for a batch.

import assert from "node:assert/strict";
import { inMemory, onEach, sharedKinds } from "../durable/durable_stage.ts";
import { CountingStore } from "../durable/counting.ts";
import {
  additions,
  delivered,
  lettersOf,
  notesOf,
  order,
  outboxOf,
  reader,
  tenureOf,
} from "./intake_stage.ts";

onEach(sharedKinds, "a batch is accepted in one commit, and handled in order", async (stage) => {
  const store = new CountingStore(stage.store);
  const { receiver, system } = await reader(stage, { store });
  const receiving = receiver();
  const tenure = tenureOf();
  assert.equal(await receiving.begin(tenure), undefined);
  assert.deepEqual(await receiving.take(additions(["a"]), tenure), []);
  await stage.settle();
  store.begin();
  let commits = 0;
  stage.storeOf(system).refuse = (parts) => {
    if (parts.some(({ writes }) => writes.some(({ key }) => /^(mark|source)/.test(key)))) commits++;
    return undefined;
  };
  await receiving.take(additions(["b", "c", "d"]), tenure);
  assert.equal(store.calls.reads, 0, "nothing of a batch that comes for the first time is read");
  assert.equal(commits, 1);
  await stage.settle();
  assert.deepEqual(await notesOf(system), ["a", "b", "c", "d"]);
});

inMemory(
  "a message that is handed over again is accepted once, in the same batch and in another",
  async (stage) => {
    const { receiver, system } = await reader(stage);
    const receiving = receiver();
    const tenure = tenureOf();
    await receiving.begin(tenure);
    await receiving.take(additions(["a", "a", "b"]), tenure);
    await receiving.take(additions(["b", "c"], { again: true }), tenure);
    await receiving.take(additions(["c", "d", "a", "e"]), tenure); // the copies of a sender that tried again
    await stage.settle();
    assert.deepEqual(await notesOf(system), ["a", "b", "c", "d", "e"]);
  },
);

inMemory(
  "a process that dies before it acknowledges has accepted what its successor gets again",
  async (stage) => {
    const first = await reader(stage);
    const before = tenureOf();
    await first.receiver().begin(before);
    await first.receiver().take(additions(["never begun"]), before).catch(() => {}); // another receiver: no tenure began
    const receiving = first.receiver();
    await receiving.begin(before);
    await receiving.take(additions(["a", "b"]), before);
    await stage.kill(first.system);
    const second = await reader(stage);
    const after = tenureOf();
    const next = second.receiver();
    await next.begin(after);
    await next.take(additions(["a", "b", "c"], { again: true }), after);
    await stage.pass(12_000);
    assert.deepEqual(await notesOf(second.system), ["a", "b", "c"]);
  },
);

inMemory("of two tenures that both read a shard only one goes on", async (stage) => {
  const first = await reader(stage);
  const second = await reader(stage);
  const [old, young] = [tenureOf(), tenureOf()];
  const [zombie, successor] = [first.receiver(), second.receiver()];
  await zombie.begin(old);
  await zombie.take(additions(["a"]), old);
  await successor.begin(young);
  await successor.take(additions(["b", "c"]), young);
  await assert.rejects(zombie.take(additions(["b", "c", "d"]), old), { code: "another-reader" });
  await assert.rejects(zombie.take(additions(["d"]), old), { code: "another-reader" });
  await successor.take(additions(["d"]), young);
  await stage.settle();
  assert.deepEqual(await notesOf(second.system), ["a", "b", "c", "d"]);
});

inMemory("two shards of one channel do not hinder each other", async (stage) => {
  const { receiver, system } = await reader(stage);
  const receiving = receiver();
  const [zero, one] = [tenureOf("0"), tenureOf("1")];
  await receiving.begin(zero);
  await receiving.begin(one);
  await Promise.all([
    receiving.take(additions(["a"]), zero),
    receiving.take(additions(["b"], { key: "bob" }), one),
  ]);
  await receiving.take(additions(["c"]), zero);
  await receiving.take(additions(["d"], { key: "bob" }), one);
  await stage.settle();
  assert.deepEqual([await notesOf(system), await notesOf(system, "bob")], [["a", "c"], ["b", "d"]]);
});

inMemory("the next reader goes behind the last one, although its clock is behind", async (stage) => {
  const stuck = order({ onAdd: () => new Promise(() => {}) });
  const first = await reader(stage, { aheadMs: 20_000 }, [stuck]);
  const before = tenureOf();
  const receiving = first.receiver();
  await receiving.begin(before);
  await receiving.take(additions(["a", "b", "c"]), before);
  await stage.kill(first.system);
  const second = await reader(stage);
  const next = second.receiver();
  const after = tenureOf();
  await next.begin(after);
  await next.take(additions(["d"]), after);
  await stage.pass(12_000);
  assert.deepEqual(await notesOf(second.system), ["a", "b", "c", "d"]);
});

inMemory(
  "what is in front of the position of a log is skipped, when its marks have gone as well",
  async (stage) => {
    const options = { deduplicationWindowMs: 10_000 };
    const { receiver, system } = await reader(stage, options);
    const logged = (texts: readonly string[], from: number) =>
      texts.map((text, index) => delivered("add", text, { position: from + index }));
    const receiving = receiver();
    const before = tenureOf("0", "first");
    await receiving.begin(before);
    await receiving.take(logged(["a", "b", "c"], 0), before);
    await stage.pass(120_000);
    const after = tenureOf("0", "first");
    assert.equal(await receiving.begin(after), 2);
    await receiving.take(logged(["a", "b", "c", "d"], 0), after);
    await receiving.take(logged(["c", "d"], 2), after);
    await stage.settle();
    assert.deepEqual(await notesOf(system), ["a", "b", "c", "d"]);
  },
);

inMemory(
  "a log that was made anew is read from its start, whatever the position in the old one was",
  async (stage) => {
    const { receiver, system } = await reader(stage);
    const receiving = receiver();
    const old = tenureOf("0", "first");
    await receiving.begin(old);
    await receiving.take([delivered("add", "a", { position: 7 })], old);
    const anew = tenureOf("0", "second");
    assert.equal(await receiving.begin(anew), undefined);
    await receiving.take(
      [delivered("add", "b", { position: 0 }), delivered("add", "a", { position: 7 })],
      anew,
    );
    const again = tenureOf("0", "second");
    assert.equal(await receiving.begin(again), 7);
    await stage.settle();
    assert.deepEqual(
      await notesOf(system),
      ["a", "b", "a"],
      "the same position of another log is another message",
    );
  },
);

inMemory(
  "a stranger's message without an id is named by its position in a log, and by nothing in a queue",
  async (stage) => {
    const { receiver, system } = await reader(stage);
    const receiving = receiver();
    const tenure = tenureOf("0", "log");
    await receiving.begin(tenure);
    const one = delivered("add", "a", { position: 3 });
    await receiving.take([one, one], tenure);
    const queue = tenureOf("queue");
    await receiving.begin(queue);
    await receiving.take([delivered("add", "b")], queue);
    await receiving.take([delivered("add", "b", { again: true })], queue);
    await stage.settle();
    assert.deepEqual(await notesOf(system), ["a", "b", "b"]);
  },
);

inMemory("who forges the name of a sender and an id takes nobody's message away", async (stage) => {
  const { receiver, system } = await reader(stage);
  const receiving = receiver();
  const tenure = tenureOf();
  await receiving.begin(tenure);
  const headers = { "posthorn-sender": "billing" };
  await receiving.take([delivered("add", "forged", { id: "7", headers })], tenure);
  await receiving.take([delivered("add", "real", { id: "7", headers })], tenure);
  await receiving.take([delivered("add", "real", { id: "7", headers })], tenure);
  await receiving.take(
    [delivered("add", "real", { id: "7", headers: { "posthorn-sender": "shipping" } })],
    tenure,
  );
  await stage.settle();
  assert.deepEqual(await notesOf(system), ["forged", "real", "real"], "two services may use the same id");
});

inMemory("forged headers move no clock and no place", async (stage) => {
  const { receiver, system, open } = await reader(stage);
  const receiving = receiver();
  const tenure = tenureOf();
  await receiving.begin(tenure);
  const headers = {
    "posthorn-sender": "%%%/\u0000",
    "posthorn-cause": "zzzzzzzzzzz".repeat(100),
    "posthorn-correlation": "~".repeat(999),
    "posthorn-deadline": "99999999999999999999",
    "posthorn-sequence": "1",
    "posthorn-place": "zzzzzzzzzzz",
    "posthorn-reply-protocol": "__proto__",
    "posthorn-reply-key": "%",
  };
  await receiving.take(
    [delivered("add", "a", { id: "a", headers }), delivered("add", "b", { id: "b" })],
    tenure,
  );
  await stage.settle();
  assert.deepEqual(await notesOf(system), ["a", "b"]);
  assert.ok(open.session.timestampMicros < (stage.clock.now() + 1_000) * 1_000);
  assert.deepEqual(lettersOf(system), []);
});

inMemory("a batch is divided by what the store commits at once, and accepted whole", async (stage) => {
  const { engine, traits } = stage.store;
  const limits = { ...traits.limits, checks: 10, writes: 40, bytes: 20_000 };
  let parts = 0;
  const store = {
    engine,
    traits: { ...traits, limits },
    open: async (services: Parameters<typeof stage.store.open>[0]) => {
      const connection = await stage.store.open(services);
      return {
        ...connection,
        read: (keys: readonly string[]) => connection.read(keys),
        list: (range: Parameters<typeof connection.list>[0]) => connection.list(range),
        watch: (onChange: () => void) => connection.watch(onChange),
        close: () => connection.close(),
        commit: (given: Parameters<typeof connection.commit>[0]) => {
          for (const { checks, writes } of given) {
            assert.ok(checks.length <= limits.checks);
            if (writes.some(({ key }) => key.startsWith("source"))) parts++;
          }
          return connection.commit(given);
        },
      };
    },
  };
  const { receiver, system } = await reader(stage, { store });
  const receiving = receiver();
  const tenure = tenureOf();
  await receiving.begin(tenure);
  const texts = Array.from({ length: 40 }, (_, index) => `text ${index}`);
  await receiving.take(
    texts.map((text, index) => delivered("add", text, { id: `i${index}`, key: `k${index % 3}` })),
    tenure,
  );
  await stage.settle();
  assert.equal(parts, 5, "9 messages and the row of the shard take 10 checks");
  for (const at of [0, 1, 2]) {
    assert.deepEqual(await notesOf(system, `k${at}`), texts.filter((_, index) => index % 3 === at));
  }
  await receiving.take(
    [delivered("add", "x".repeat(30_000), { id: "large" }), ...additions(["behind"])],
    tenure,
  );
  await stage.settle();
  assert.deepEqual(await notesOf(system), ["behind"]);
  assert.deepEqual(system.deadLetters.list().map(({ id, reason }) => `${id} ${reason}`), ["large too-large"]);
});

inMemory("a full mailbox makes its shard wait, and no message overtakes another", async (stage) => {
  const gate = Promise.withResolvers<void>();
  const slow = order({ onAdd: (text) => text === "0" ? gate.promise : undefined }, {
    mailbox: { capacity: 2 },
  });
  const { receiver, system } = await reader(stage, {}, [slow]);
  const receiving = receiver();
  const tenure = tenureOf();
  await receiving.begin(tenure);
  const texts = Array.from({ length: 50 }, (_, index) => String(index));
  await receiving.take(additions(texts.slice(0, 1)), tenure);
  await stage.settle();
  let settled = false;
  const taking = receiving.take(additions(texts.slice(1)), tenure).then(() => settled = true);
  await stage.pass(30_000);
  assert.equal(settled, false);
  assert.ok(system.stats().waiting <= 21, `${system.stats().waiting} messages wait`);
  gate.resolve();
  await stage.pass(10_000);
  await taking;
  await stage.settle();
  assert.deepEqual(await notesOf(system), texts);
});

inMemory(
  "a mailbox that stays full ends the tenure after a minute, and all of the rest comes again",
  async (stage) => {
    const gate = Promise.withResolvers<void>();
    const stuck = order({ onAdd: (text) => text === "0" ? gate.promise : undefined }, {
      mailbox: { capacity: 1 },
    });
    const { receiver, system } = await reader(stage, {}, [stuck]);
    const receiving = receiver();
    const tenure = tenureOf();
    await receiving.begin(tenure);
    const texts = Array.from({ length: 25 }, (_, index) => String(index));
    await receiving.take(additions(texts.slice(0, 1)), tenure);
    await stage.settle();
    const refused = assert.rejects(receiving.take(additions(texts.slice(1)), tenure), {
      code: "mailbox-full",
      message: /^Cannot deliver to order\/ada: its mailbox holds 1\d of 10 messages$/,
    });
    await stage.pass(70_000);
    await refused;
    gate.resolve();
    await stage.settle();
    const next = tenureOf();
    await receiving.begin(next);
    const taking = receiving.take(additions(texts.slice(1), { again: true }), next);
    await stage.pass(5_000);
    await taking;
    await stage.settle();
    assert.deepEqual(await notesOf(system), texts);
  },
);

inMemory("a batch waits while the store is away, and its tenure ends after a minute", async (stage) => {
  const { receiver, system } = await reader(stage);
  const receiving = receiver();
  const tenure = tenureOf();
  await receiving.begin(tenure);
  await receiving.take(additions(["a"]), tenure);
  const store = stage.storeOf(system);
  const away = new Error("no");
  const { StoreError } = await import("@posthorn/posthorn");
  store.refuse = (parts) =>
    parts.some(({ writes }) => writes.some(({ key }) => key.startsWith("source")))
      ? new StoreError("store-unavailable", "Cannot commit", { cause: away })
      : undefined;
  const taking = receiving.take(additions(["b"]), tenure);
  await stage.pass(30_000);
  store.refuse = undefined;
  await stage.pass(2_000);
  await taking;
  store.refuse = () => new StoreError("store-unavailable", "Cannot commit", { cause: away });
  const refused = assert.rejects(receiving.take(additions(["c"]), tenure), { code: "store-unavailable" });
  await stage.pass(70_000);
  await refused;
  store.refuse = undefined;
  const next = tenureOf();
  await receiving.begin(next);
  await receiving.take(additions(["c"], { again: true }), next);
  await stage.settle();
  assert.deepEqual(await notesOf(system), ["a", "b", "c"]);
});

inMemory("a batch that waits ends at once if its tenure ends or the system stops", async (stage) => {
  const stuck = order({ onAdd: () => new Promise(() => {}) }, { mailbox: { capacity: 1 } });
  const { receiver, intake } = await reader(stage, {}, [stuck]);
  const receiving = receiver();
  const texts = Array.from({ length: 20 }, (_, index) => String(index));
  for (
    const [end, message] of [["tenure", /the tenure has ended/], ["system", /the system stops/]] as const
  ) {
    const tenure = tenureOf();
    await receiving.begin(tenure);
    const refused = assert.rejects(receiving.take(additions(texts), tenure), { message });
    await stage.pass(1_000);
    if (end === "tenure") tenure.end();
    else intake.end();
    await refused;
  }
  await assert.rejects(receiving.take(additions(["late"]), tenureOf()), { message: /no tenure began/ });
});

inMemory(
  "a store that takes less than its limits say gets smaller parts, and loses no message behind",
  async (stage) => {
    const started = await reader(stage);
    const { receiver, system } = started;
    stage.storeOf(system).refuse = (parts) => {
      for (const { writes } of parts) {
        const bytes = writes.reduce((sum, { value }) => sum + value.length, 0);
        if (writes.some(({ key }) => key.startsWith("source")) && bytes > 2_000) {
          return new Error(
            "too much at once",
          );
        }
      }
      return undefined;
    };
    const receiving = receiver();
    const tenure = tenureOf();
    await receiving.begin(tenure);
    const texts = Array.from({ length: 30 }, (_, index) => `text ${index}`);
    const large = delivered("settle", "x".repeat(30_000), { id: "large", replyTo: "q", correlationId: "c" });
    await receiving.take([...additions(texts), large, ...additions(["behind"])], tenure);
    await stage.settle();
    assert.deepEqual(await notesOf(system), [...texts, "behind"]);
    assert.deepEqual(lettersOf(system), ['too-large large ""']);
    const [problem] = await outboxOf(started);
    assert.match(problem, /^q c problem\+json \{"code":"too-large"/);
  },
);
