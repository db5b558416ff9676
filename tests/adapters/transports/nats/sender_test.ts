// The chain of messages, on a stream in memory that loses, delays and interleaves as a server does.

import assert from "node:assert/strict";
import fc from "fast-check";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { Sender } from "../../../../adapters/transports/nats/sender.ts";
import type { Message } from "../../../../adapters/transports/nats/message.ts";
import type { Answer, Outgoing, Session } from "../../../../adapters/transports/nats/session.ts";

/** A stream as the server keeps it. */
class Stream {
  readonly stored: string[] = [];
  lastId = "";
  readonly #ids = new Set<string>();

  publish({ headers, body }: Pick<Outgoing, "headers" | "body">): Record<string, unknown> {
    const { "Nats-Msg-Id": id = "", "Nats-Expected-Last-Msg-Id": expected } = headers;
    if (this.#ids.has(id)) return { stream: "S", seq: 1, duplicate: true };
    if (expected !== undefined && expected !== this.lastId) {
      return { error: { err_code: 10_070, description: "wrong last msg ID" } };
    }
    this.lastId = id;
    if (id !== "") this.#ids.add(id);
    this.stored.push(new TextDecoder().decode(body));
    return { stream: "S", seq: this.stored.length };
  }
}

function answer(value: unknown): Answer {
  return { json: () => value } as Message;
}

function sessionOf(exchange: (messages: readonly Outgoing[]) => readonly Answer[]): Session {
  return {
    clock: new VirtualClock(),
    // deno-lint-ignore require-await -- what is thrown rejects
    exchange: async (messages: readonly Outgoing[]) => exchange(messages),
  } as unknown as Session;
}

function messages(count: number): Outgoing[] {
  return Array.from({ length: count }, (_, index) => ({
    subject: "order.ada.add",
    body: new TextEncoder().encode(String(index)),
    headers: {},
  }));
}

function sender(): Sender {
  let chains = 0;
  return new Sender(() => `chain${++chains}`);
}

Deno.test("all of a batch is stored in order, whoever else publishes in between", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 60 }), fc.infiniteStream(fc.nat(9)), async (count, rolls) => {
      const stream = new Stream();
      const session = sessionOf((batch) =>
        batch.map((message) => {
          if (rolls.next().value === 0) {
            stream.publish({ headers: {}, body: new TextEncoder().encode("other") });
          }
          return answer(stream.publish(message));
        })
      );
      const answers = await sender().send(session, messages(count));
      assert.deepEqual(answers, Array(count).fill(undefined));
      const own = stream.stored.filter((text) => text !== "other");
      assert.deepEqual(own, messages(count).map((_, index) => String(index)));
    }),
  );
});

Deno.test("a prefix is stored if the connection breaks, also if some of it arrives later or is lost", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 40 }), fc.infiniteStream(fc.nat(4)), async (count, rolls) => {
      const stream = new Stream();
      const late: Outgoing[] = [];
      const session = sessionOf((batch) => {
        let isBroken = false;
        for (const message of batch) {
          const roll = rolls.next().value;
          if (roll === 0) isBroken = true; // this one is lost, those behind it arrive
          else if (roll === 1) late.push(message);
          else stream.publish(message);
        }
        if (isBroken || late.length > 0) throw new Error("the connection broke");
        return [];
      });
      await sender().send(session, messages(count)).catch(() => {});
      for (const message of late) stream.publish(message);
      assert.deepEqual(stream.stored, messages(stream.stored.length).map((_, index) => String(index)));
    }),
  );
});

Deno.test("a name that a stranger has taken keeps nothing out: the message is sent again with another one", async () => {
  const stream = new Stream();
  stream.publish({ headers: { "Nats-Msg-Id": "chain1-0" }, body: new TextEncoder().encode("forged") });
  stream.publish({ headers: {}, body: new TextEncoder().encode("other") });
  const session = sessionOf((batch) => batch.map((message) => answer(stream.publish(message))));
  assert.deepEqual(await sender().send(session, messages(3)), [undefined, undefined, undefined]);
  assert.deepEqual(stream.stored, ["forged", "other", "0", "1", "2"]);
});

Deno.test("if nobody listens, the first and all behind it are refused", async () => {
  const stream = new Stream();
  let left = 2;
  const session = sessionOf((batch) =>
    batch.map((message) => left-- > 0 ? answer(stream.publish(message)) : "unheard" as const)
  );
  const answers = await sender().send(session, messages(4));
  assert.deepEqual(answers.map((one) => one?.code), [undefined, undefined, "no-receiver", "no-receiver"]);
});

Deno.test("a stream that is full rejects, and what may not be published is refused alone", async () => {
  const full = sessionOf((batch) =>
    batch.map(() => answer({ error: { err_code: 10_077, description: "maximum bytes exceeded" } }))
  );
  await assert.rejects(sender().send(full, messages(2)), {
    code: "transport-full",
    message: /maximum bytes exceeded/,
  });
  const stream = new Stream();
  const session = sessionOf((batch) =>
    batch.map((message) =>
      new TextDecoder().decode(message.body) === "1" ? "denied" as const : answer(stream.publish(message))
    )
  );
  const answers = await sender().send(session, messages(3));
  assert.deepEqual(answers.map((one) => one?.code), [undefined, "refused", undefined]);
  assert.deepEqual(stream.stored, ["0", "2"]);
});

Deno.test("a send ends although others always publish in between", async () => {
  const clock = new VirtualClock();
  const stream = new Stream();
  const session = {
    clock,
    async exchange(batch: readonly Outgoing[]) {
      await clock.advance(1_000);
      return batch.map((message) => {
        const said = stream.publish(message);
        stream.publish({ headers: {}, body: new Uint8Array() });
        return answer(said);
      });
    },
  } as unknown as Session;
  await assert.rejects(sender().send(session, messages(100)), { code: "transport-unavailable" });
});
