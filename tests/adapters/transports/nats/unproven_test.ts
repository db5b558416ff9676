// What a session tells of messages that do not wait, over a server that does one thing after another.

import assert from "node:assert/strict";
import { VirtualClock } from "@posthorn/posthorn/testing";
import fc from "fast-check";
import { Message } from "../../../../adapters/transports/nats/message.ts";
import { Session, type SessionOptions } from "../../../../adapters/transports/nats/session.ts";

const inbox = "_INBOX.me";
const head = new TextEncoder().encode("NATS/1.0 503\r\n\r\n");
const none = new Uint8Array();

/** What the server does with a message. Those of one subject are all denied, or none. */
type Fate = "heard" | "unheard" | "denied";

/** A session, and the server that it has sent to. */
function stage() {
  const clock = new VirtualClock();
  const waiting: (() => void)[] = [];
  const closed = Promise.withResolvers<undefined>();
  let hear: (message: Message) => void = () => {};
  const connection: SessionOptions["connection"] = {
    info: {},
    payloadBytes: 1_048_576,
    onDenied: undefined,
    isClosed: false,
    closed: closed.promise,
    subscribe: (_subject, hearing) => {
      hear = hearing;
      return () => {};
    },
    publish: (subject, _body, reply) =>
      void waiting.push(() => {
        if (subject.startsWith("denied")) connection.onDenied?.({ operation: "publish", subject });
        else if (subject.startsWith("unheard")) hear(new Message(reply, "", none, head));
        else hear(new Message(reply, "", none));
      }),
    flush: () => new Promise((resolve) => void waiting.push(resolve)),
    close: () => Promise.resolve(closed.resolve(undefined)),
  };
  const session = new Session({
    connection,
    clock,
    inbox,
    secret: "secret",
    denied: (error) => assert.fail(error),
  });
  const work = (count: number) => waiting.splice(0, count).forEach((step) => step());
  return { clock, session, work };
}

const send = fc.record({
  fate: fc.constantFrom<Fate>("heard", "heard", "unheard", "denied"),
  bytes: fc.constantFrom(0, 100, 600_000),
});
const action = fc.oneof(
  fc.array(send, { maxLength: 3 }),
  fc.array(send, { maxLength: 150 }),
  fc.record({ works: fc.oneof(fc.nat(3), fc.nat(200)) }),
  fc.record({ passes: fc.nat(80) }),
);

Deno.test("exactly those are told that fail, once, in whatever steps the server works", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 40 }), fc.boolean(), async (actions, ends) => {
      const { clock, session, work } = stage();
      const fates: Fate[] = [];
      const told: unknown[][] = [];
      const sendOne = ({ fate, bytes }: { readonly fate: Fate; readonly bytes: number }) => {
        const index = fates.length;
        const reply = `${inbox}.posthorn.${index}`;
        const message = { subject: `${fate}.${index % 3}`, body: new Uint8Array(bytes), headers: {}, reply };
        if (!session.postNow(message, (answer) => told[index].push(answer))) return;
        fates.push(fate);
        told.push([]);
      };
      for (const action of actions) {
        if (Array.isArray(action)) action.forEach(sendOne);
        else if ("works" in action) work(action.works);
        else await clock.advance(action.passes);
        await clock.settle();
      }
      if (ends) await session.close();
      for (let asked = 0; asked < 3; asked++) { // what is left is asked about, and answered
        work(Infinity);
        await clock.advance(100);
      }
      for (const [index, fate] of fates.entries()) {
        const answers = told[index].map((answer) => answer ?? "unknown");
        if (answers[0] === "unknown") assert.deepEqual([answers, ends], [["unknown"], true]);
        else assert.deepEqual(answers, fate === "heard" ? [] : [fate], `message ${index} is ${fate}`);
      }
      if (ends) return;
      const before = fates.length;
      for (let count = 0; count < 10_001; count++) sendOne({ fate: "heard", bytes: 1_600 });
      assert.equal(fates.length - before, 10_000, "the room for all is there again");
      await session.close();
    }),
    { numRuns: 100 },
  );
});
