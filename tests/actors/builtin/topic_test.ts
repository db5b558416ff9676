import assert from "node:assert/strict";
import { actor, ask, event, protocol, tell, TerminalError, unchecked } from "@posthorn/posthorn";
import * as z from "zod";
import { World } from "../memory_world.ts";

const Line = z.object({ cents: z.coerce.number().default(1) });
const News = protocol("news", { out: event(Line), plain: event(unchecked<string>()) });
const Reader = protocol("reader", {
  same: tell(Line),
  own: tell(z.object({ cents: z.string().optional() }).transform(({ cents }) => `own ${cents}`)),
  strict: tell(z.object({ cents: z.number() })),
  anything: tell(unchecked<unknown>()),
  nothing: tell(),
  text: tell(unchecked<string>()),
  erase: tell(),
  subscribe: tell(),
  read: ask(unchecked<unknown[]>()),
});

type Heard = readonly unknown[];

/** Records all events; without `remembers` it keeps no state, so that it leaves memory when it is idle. */
function reader(remembers: boolean, heard: unknown[][] = []) {
  const hear = (name: string) => (ctx: { key: string; state: Heard }, value: unknown) => {
    heard.push([ctx.key, name, value]);
    if (remembers) ctx.state = [...ctx.state, value];
  };
  return actor(Reader, {
    state: (): Heard => [],
    on: {
      same: hear("same"),
      own: hear("own"),
      strict: hear("strict"),
      anything: hear("anything"),
      nothing: hear("nothing"),
      text: hear("text"),
      erase: (ctx) => ctx.erase(),
      subscribe: (ctx) => ctx.subscribe(News.plain, ctx.self.at(Reader.text)),
      read: (ctx) => [...ctx.state],
    },
    onFailure: "resume",
    idleMs: 100,
  });
}

for (const listened of [false, true]) {
  const suffix = listened ? ", while somebody listens" : "";

  Deno.test(`Topic lets each subscriber hear what its own operation makes of a payload, in whatever order they subscribed${suffix}`, async () => {
    const operations = ["same", "own", "strict", "anything", "nothing"] as const;
    for (const order of [operations, operations.toReversed(), [...operations, ...operations]]) {
      const heard: unknown[][] = [];
      await using it = new World([reader(false, heard)]);
      if (listened) it.system.inspect(() => {});
      order.forEach((name, index) => {
        it.system.subscribe(News.out, it.system.ref(Reader, `${index}`).at(Reader[name]) as never);
      });
      await it.system.publish(News.out, { cents: "5" });
      await it.clock.settle();
      const values: Partial<Record<string, unknown>> = {
        same: { cents: 5 },
        own: "own 5",
        anything: { cents: "5" },
      };
      const expected = order.flatMap((name, index) =>
        name in values ? [[`${index}`, name, values[name]]] : []
      );
      assert.deepEqual(heard.toSorted(([a], [b]) => Number(a) - Number(b)), expected);
      const refused = order.filter((name) => !(name in values)).map((name) =>
        `reader ${name}: invalid-payload`
      );
      assert.deepEqual(it.letters.toSorted(), refused.toSorted());
    }
  });

  Deno.test(`Topic lets a payload through a schema once that its subscribers have, too, and keeps what was sent${suffix}`, async () => {
    const Length = z.string().transform((text) => text.length);
    const Words = protocol("words", { said: event(Length) });
    const Ear = protocol("ear", { hear: tell(Length), fail: tell(Length) });
    const heard: unknown[] = [];
    const ear = actor(Ear, {
      state: () => null,
      on: {
        hear: (_ctx, length) => void heard.push(length),
        fail() {
          throw new TerminalError("deaf");
        },
      },
      onFailure: "resume",
    });
    await using it = new World([ear]);
    if (listened) it.system.inspect(() => {});
    for (const key of ["a", "b"]) it.system.subscribe(Words.said, it.system.ref(Ear, key).at(Ear.hear));
    it.system.subscribe(Words.said, it.system.ref(Ear, "c").at(Ear.fail));
    await it.system.publish(Words.said, "four");
    await it.clock.settle();
    assert.deepEqual(heard, [4, 4]);
    assert.deepEqual(it.system.deadLetters.list().map(({ reason, payload }) => [reason, payload]), [[
      "terminal",
      "four",
    ]]);
  });

  Deno.test(`Topic finds subscribers again that left memory and came back${suffix}`, async () => {
    const heard: unknown[][] = [];
    await using it = new World([reader(false, heard)]);
    if (listened) it.system.inspect(() => {});
    for (const key of ["ada", "bob"]) {
      it.system.subscribe(News.plain, it.system.ref(Reader, key).at(Reader.text));
    }
    for (const text of ["1", "2", "3"]) {
      await it.system.publish(News.plain, text);
      await it.clock.settle();
      assert.equal(it.population.reader, 2);
      await it.clock.advance(1_000);
      assert.equal(it.population.reader, undefined);
    }
    assert.deepEqual(
      heard,
      ["1", "2", "3"].flatMap((text) => [["ada", "text", text], ["bob", "text", text]]),
    );
    const { accepted, done } = it.system.stats();
    assert.equal(accepted, done);
  });

  Deno.test(`Topic lets subscribers that were erased hear nothing, until they subscribe again${suffix}`, async () => {
    await using it = new World([reader(true)]);
    if (listened) it.system.inspect(() => {});
    const ada = it.system.ref(Reader, "ada");
    const publish = async (text: string) => {
      await it.system.publish(News.plain, text);
      await it.clock.settle();
    };
    await ada.tell(Reader.subscribe);
    await it.clock.settle();
    await publish("1");
    assert.deepEqual(await ada.ask(Reader.read), ["1"]);
    await ada.tell(Reader.erase);
    await it.clock.settle();
    await publish("2");
    assert.deepEqual(await ada.ask(Reader.read), []);
    await ada.tell(Reader.subscribe);
    await it.clock.settle();
    await publish("3");
    assert.deepEqual(await ada.ask(Reader.read), ["3"]);
    assert.deepEqual(it.letters, []);
  });

  Deno.test(`Topic lets functions that unsubscribe and subscribe again hear what is published meanwhile not${suffix}`, async () => {
    await using it = new World([]);
    if (listened) it.system.inspect(() => {});
    const heard: string[] = [];
    const publish = async (text: string) => {
      await it.system.publish(News.plain, text);
      await it.clock.settle();
    };
    for (const round of ["a", "b"]) {
      const subscription = it.system.subscribe(News.plain, (text) => void heard.push(text));
      await publish(`${round}1`);
      subscription[Symbol.dispose]();
      await publish(`${round}2`);
    }
    assert.deepEqual(heard, ["a1", "b1"]);
    await it.clock.settle();
    assert.equal(it.population["~listener"], undefined);
    assert.deepEqual(it.letters, []);
  });

  Deno.test(`Topic makes dead letters for addresses where nobody is, and lets the others hear${suffix}`, async () => {
    const heard: unknown[][] = [];
    await using it = new World([reader(false, heard)]);
    if (listened) it.system.inspect(() => {});
    const address = (protocol: string, operation: string) => ({ protocol, key: "ada", operation } as never);
    it.system.subscribe(News.plain, address("nobody", "text"));
    it.system.subscribe(News.plain, it.system.ref(Reader, "ada").at(Reader.text));
    it.system.subscribe(News.plain, address("reader", "shout"));
    for (const text of ["1", "2"]) await it.system.publish(News.plain, text);
    await it.clock.settle();
    assert.deepEqual(heard, [["ada", "text", "1"], ["ada", "text", "2"]]);
    assert.deepEqual(it.letters.toSorted(), [
      "nobody text: unknown-protocol",
      "nobody text: unknown-protocol",
      "reader shout: unknown-operation",
      "reader shout: unknown-operation",
    ]);
    const { accepted, done, dead } = it.system.stats();
    assert.equal(accepted, done + dead);
  });

  Deno.test(`A ref finds its actor again that left memory and came back${suffix}`, async () => {
    const heard: unknown[][] = [];
    await using it = new World([reader(false, heard)]);
    if (listened) it.system.inspect(() => {});
    const ada = it.system.ref(Reader, "ada");
    for (const text of ["1", "2", "3"]) {
      await ada.tell(Reader.text, text);
      await ada.tell(Reader.text, text);
      await it.clock.settle();
      assert.equal(it.population.reader, 1);
      await it.clock.advance(1_000);
      assert.equal(it.population.reader, undefined);
    }
    assert.deepEqual(heard.map(([, , text]) => text), ["1", "1", "2", "2", "3", "3"]);
  });
}

Deno.test("A ref sends to no actor of another protocol of the same name", async () => {
  await using it = new World([reader(false)]);
  const Other = protocol("reader", { same: tell(unchecked<unknown>()), text: tell(unchecked<string>()) });
  const ada = it.system.ref(Reader, "ada");
  await ada.tell(Reader.text, "known");
  await assert.rejects(ada.tell(Other.text as never, "" as never), { code: "unknown-operation" });
  await assert.rejects(ada.tell(News.plain as never, "" as never), { code: "unknown-protocol" });
});
