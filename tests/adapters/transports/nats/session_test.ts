// What a session asks of its server about messages that no stream answers, on a connection in memory.

import assert from "node:assert/strict";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { Message } from "../../../../adapters/transports/nats/message.ts";
import { type Outgoing, Session, type SessionOptions } from "../../../../adapters/transports/nats/session.ts";

const inbox = "_INBOX.me";

function stage() {
  const clock = new VirtualClock();
  const published: string[] = [];
  const replies: string[] = [];
  const closed = Promise.withResolvers<undefined>();
  const state = { isClosed: false };
  let pings = 0;
  let hear: (message: Message) => void = () => {};
  const connection: SessionOptions["connection"] = {
    info: {},
    payloadBytes: 1_048_576,
    onDenied: undefined,
    subscribe: (_subject, hearing) => {
      hear = hearing;
      return () => {};
    },
    publish: (subject, _body, reply) => {
      if (state.isClosed) throw new Error("closed connection");
      published.push(subject);
      replies.push(reply);
    },
    flush: () => Promise.resolve(void pings++),
    closed: closed.promise,
    get isClosed() {
      return state.isClosed;
    },
    close: () => Promise.resolve(closed.resolve(undefined)),
  };
  const session = new Session({
    connection,
    clock,
    inbox,
    secret: "secret",
    denied: (error) => assert.fail(error),
  });
  return {
    clock,
    session,
    published,
    replies,
    /** The client has closed the connection, and has not said so yet. */
    closeSilently: () => void (state.isClosed = true),
    pings: () => pings,
    reply(subject: string, code?: number) {
      const head = code === undefined ? undefined : new TextEncoder().encode(`NATS/1.0 ${code}\r\n\r\n`);
      hear(new Message(subject, "", new Uint8Array(head === undefined ? 1 : 0), head));
    },
  };
}

function message(subject: string, reply?: string): Outgoing {
  return { subject, body: new Uint8Array(), headers: {}, reply: reply && `${inbox}.r.${reply}` };
}

Deno.test("a reply shows that the server has its message and those before it, and the server is not asked", async () => {
  const { clock, session, pings, reply } = stage();
  const posts = [
    session.post([message("a", "1")]),
    session.post([message("b")]),
    session.post([message("c", "2"), message("d", "3")]),
  ];
  reply(`${inbox}.r.1`, 503);
  reply(`${inbox}.r.3`);
  assert.deepEqual(await Promise.all(posts), [["unheard"], [undefined], [undefined, undefined]]);
  await clock.advance(100);
  assert.equal(pings(), 0);
  await session.close();
});

Deno.test("the server is asked once about all messages whose replies have not come", async () => {
  const { clock, session, published, pings, reply } = stage();
  const posts = Array.from({ length: 50 }, (_, index) => session.post([message(`a${index}`)]));
  posts.push(session.post([message("b", "1"), message("c", "2")]));
  reply(`${inbox}.r.1`); // nothing is known about the last
  await clock.settle();
  assert.equal(published.length, 52);
  assert.equal(pings(), 0);
  await clock.advance(1);
  await Promise.all(posts);
  assert.equal(pings(), 1);
  await session.close();
});

Deno.test("what waits for nobody's reply waits a little longer, so that one question is about more of it", async () => {
  const { clock, session, pings } = stage();
  const first = session.post([message("a")]);
  await clock.advance(9);
  const second = session.post([message("b")]);
  assert.equal(pings(), 0);
  await clock.advance(1);
  await Promise.all([first, second]);
  assert.equal(pings(), 1);
  await session.close();
});

Deno.test("nobody knows what became of messages about which a closed session has not heard", async () => {
  const { session } = stage();
  const posted = session.post([message("a", "1")]);
  const rejected = assert.rejects(posted, { code: "transport-unavailable" });
  await session.close();
  await rejected;
  await assert.rejects(session.post([message("b")]), { code: "transport-unavailable" });
});

Deno.test("of messages that do not wait a session tells those that failed, and asks the server once about many", async () => {
  const { clock, session, pings, reply } = stage();
  const told: string[] = [];
  const send = (name: string) =>
    session.postNow(message(name, name), (answer) => told.push(`${name} ${answer}`));
  for (let index = 0; index < 100; index++) assert.equal(send(`${index}`), true);
  reply(`${inbox}.r.3`);
  reply(`${inbox}.r.4`, 503);
  reply(`${inbox}.r.4`, 503);
  assert.deepEqual(told, ["4 unheard"]);
  await clock.advance(49);
  assert.equal(pings(), 0);
  await clock.advance(1);
  assert.equal(pings(), 1);
  send("last");
  await session.close();
  assert.deepEqual(told, ["4 unheard", "last undefined"]);
  await clock.advance(1_000);
});

Deno.test("about messages that do not wait the server is asked after 200 of them, or after a megabyte", async () => {
  const { clock, session, pings } = stage();
  const told: string[] = [];
  const send = (name: string, bytes = 0) => {
    const large = { ...message(name, name), body: new Uint8Array(bytes) };
    session.postNow(large, (answer) => told.push(`${name} ${answer}`));
  };
  for (let index = 0; index < 199; index++) send(`${index}`);
  assert.equal(pings(), 0);
  send("199");
  assert.equal(pings(), 1);
  send("large", 1_048_575);
  assert.equal(pings(), 1);
  send("last", 1);
  assert.equal(pings(), 2);
  await clock.settle(); // the server has all
  send("left");
  await session.close();
  assert.deepEqual(told, ["left undefined"]);
});

Deno.test("a session takes no more messages that do not wait than the server has shown to have", async () => {
  const { clock, session, pings } = stage();
  const failures: unknown[] = [];
  const sendAll = (large: number) => {
    const body = new Uint8Array(large);
    let sent = 0;
    while (session.postNow({ ...message("a", `${sent}`), body }, (answer) => failures.push(answer))) sent++;
    return sent;
  };
  assert.equal(sendAll(0), 10_000);
  assert.equal(pings(), 50, "one for each 200");
  await clock.settle();
  assert.equal(sendAll(1_048_576), 16);
  await clock.advance(50);
  assert.equal(sendAll(1_048_576), 16);
  await clock.advance(50);
  assert.deepEqual(failures, []);
  await session.close();
});

Deno.test("a session whose connection is closing takes no message, and says so as one that has ended", async () => {
  const { session, published, closeSilently } = stage();
  assert.equal(session.postNow(message("a"), assert.fail), true);
  closeSilently();
  assert.equal(session.postNow(message("b"), assert.fail), false);
  await assert.rejects(session.post([message("b")]), { code: "transport-unavailable" });
  session.publish(message("b"));
  assert.deepEqual(published, ["a"]);
});

Deno.test("many messages to which nobody listens are each found at once, also behind others that are heard", async () => {
  const { clock, session, reply } = stage();
  const told: number[] = [];
  let looks = 0;
  const send = (index: number) =>
    session.postNow({
      subject: "a",
      body: new Uint8Array(),
      headers: {},
      get reply() {
        looks++;
        return `${inbox}.r.${index}`;
      },
    }, () => told.push(index));
  const indexes = Array.from({ length: 999 }, (_, index) => index);
  indexes.forEach(send);
  const unheard = indexes.filter((index) => index % 3 > 0);
  const answer = (index: number) => reply(`${inbox}.r.${index}`, 503);
  unheard.filter((index) => index < 800).forEach(answer);
  await clock.settle(); // the server has the first 800
  unheard.filter((index) => index >= 800).forEach(answer);
  assert.deepEqual(told, unheard);
  assert(looks < 5_000, `${looks} looks at ${indexes.length} messages`);
  await session.close();
});

Deno.test("who is asked something cannot guess where the server's answers come", async () => {
  const { clock, session, replies, reply } = stage();
  assert.equal(session.postNow(message("order.ada.total", "1"), () => {}), true);
  let isStored = false;
  const stored = session.exchange([{ subject: "order.ada.add", body: new Uint8Array(), headers: {} }]);
  void stored.then(() => isStored = true);
  const known = replies[0].split(".").slice(0, 2).join(".");
  for (let number = 0; number < 10; number++) reply(`${known}.a.${number}.0`);
  await clock.settle();
  assert.equal(isStored, false);
  reply(replies[1]);
  await stored;
  await session.close();
});

Deno.test("a session is new for two seconds", async () => {
  const { clock, session } = stage();
  await clock.advance(1_999);
  assert.equal(session.isNew, true);
  await clock.advance(1);
  assert.equal(session.isNew, false);
});
