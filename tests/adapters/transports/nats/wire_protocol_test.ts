// A connection to a server that the test plays, over a pipe in memory.

import assert from "node:assert/strict";
import { VirtualClock } from "@posthorn/posthorn/testing";
import type { PipeListener } from "../../../../adapters/transports/nats/pipe.ts";
import { RefusedError, Wire, type WireOptions } from "../../../../adapters/transports/nats/wire.ts";

const info = 'INFO {"version":"2.11.0","jetstream":true,"max_payload":1048576}\r\n';

function stage(options: Partial<WireOptions> = {}, securing?: () => Promise<void>) {
  const clock = new VirtualClock();
  const state = { text: "", waiting: 0, ended: 0, destroyed: 0 };
  let listener!: PipeListener;
  const destroy = () => {
    state.destroyed++;
    listener.closed();
  };
  const opening = Wire.open({
    open: (given) => {
      listener = given;
      return {
        opened: Promise.resolve(),
        write: (bytes) => void (state.text += new TextDecoder().decode(bytes)),
        get waitingBytes() {
          return state.waiting;
        },
        ...(securing !== undefined && { secure: securing }),
        end: () => void state.ended++,
        destroy,
      };
    },
    clock,
    name: "test",
    mustBeSecure: false,
    signal: new AbortController().signal,
    login: () => ({ user: "ann", pass: "secret" }),
    report: (error) => assert.fail(String(error)),
    ...options,
  });
  opening.catch(() => {}); // the test awaits it
  const say = async (text: string) => {
    listener.data(new TextEncoder().encode(text));
    await clock.settle();
  };
  const sent = () => {
    const { text } = state;
    state.text = "";
    return text;
  };
  return { clock, state, opening, say, sent, cut: (error?: unknown) => listener.closed(error) };
}

async function opened(options?: Partial<WireOptions>) {
  const staged = stage(options);
  await staged.clock.settle();
  await staged.say(info);
  const said = staged.sent();
  await staged.say("PONG\r\n");
  return { ...staged, said, wire: await staged.opening };
}

async function close(wire: Wire, cut: () => void): Promise<void> {
  const closing = wire.close();
  cut();
  await closing;
}

Deno.test("a client says who it is, and is connected when the server has taken that", async () => {
  const { said, wire, cut } = await opened();
  const [, text] = /^CONNECT (.*)\r\nPING\r\n$/.exec(said)!;
  const { user, pass, headers, no_responders, verbose } = JSON.parse(text);
  assert.deepEqual([user, pass, headers, no_responders, verbose], ["ann", "secret", true, true, false]);
  assert.deepEqual([wire.info.version, wire.isClosed], ["2.11.0", false]);
  await close(wire, cut);
});

Deno.test("a server that does not let a client in, that says nothing, or that has no TLS, is an error", async () => {
  const refused = stage();
  await refused.clock.settle();
  await refused.say(info);
  await refused.say("-ERR 'Authorization Violation'\r\n");
  await assert.rejects(refused.opening, RefusedError);
  assert.equal(refused.state.destroyed, 1);
  const silent = stage();
  await silent.clock.advance(5_000);
  await assert.rejects(silent.opening, /has not answered within 5000 ms/);
  assert.equal(silent.state.destroyed, 1);
  const bare = stage({ mustBeSecure: true }, () => assert.fail("it has none"));
  await bare.clock.settle();
  await bare.say(info);
  await assert.rejects(bare.opening, /does not support TLS/);
  const other = stage();
  await other.clock.settle();
  await other.say("INFO {\r\n");
  await assert.rejects(other.opening, SyntaxError);
});

Deno.test("what somebody says before TLS is no part of what the server says", async () => {
  let trusted!: () => void;
  const securing = new Promise<void>((resolve) => trusted = resolve);
  const { clock, opening, say, sent, cut } = stage({}, () => securing);
  await clock.settle();
  await say('INFO {"version":"2.11.0","tls_required":true}\r\nMSG a 1 6\r\n');
  trusted();
  await clock.settle();
  assert.match(sent(), /^CONNECT .*"tls_required":true.*PING\r\n$/s);
  await say("PONG\r\n");
  await close(await opening, cut);
});

Deno.test("nobody who is not trusted hears a password", async () => {
  const { clock, opening, say, sent } = stage({}, () => Promise.reject(new Error("unknown issuer")));
  await clock.settle();
  await say('INFO {"version":"2.11.0","tls_required":true}\r\n');
  await assert.rejects(opening, /unknown issuer/);
  assert.equal(sent(), "");
});

Deno.test("what is published at once is written at once, in order", async () => {
  const { wire, clock, sent, cut } = await opened();
  const body = new TextEncoder().encode("1");
  wire.publish("a.b", body, "");
  wire.publish("a.b", body, "r", { "x-é": "ü" });
  const unsubscribe = wire.subscribe("c", () => {}, "q");
  unsubscribe();
  unsubscribe();
  assert.equal(sent(), "");
  await clock.settle();
  assert.equal(
    sent(),
    "PUB a.b 1\r\n1\r\nHPUB a.b r 22 23\r\nNATS/1.0\r\nx-é: ü\r\n\r\n1\r\nSUB c q 1\r\nUNSUB 1\r\nPING\r\n",
  );
  wire.publish("large", new Uint8Array(40_000), "");
  assert.equal(sent().length, "PUB large 40000\r\n".length + 40_000 + 2);
  await close(wire, cut);
});

Deno.test("messages go to their subscription until it ends, and the server's pings are answered", async () => {
  const { wire, say, sent, cut } = await opened();
  const heard: string[] = [];
  const unsubscribe = wire.subscribe("a", ({ reply }) => void heard.push(reply));
  await say("MSG a 1 x 0\r\n\r\nMSG a 9 y 0\r\n\r\nPING\r\n");
  assert.match(sent(), /PONG\r\n$/);
  unsubscribe();
  await say("MSG a 1 late 0\r\n\r\nPONG\r\n");
  await say("MSG a 1 z 0\r\n\r\n");
  assert.deepEqual(heard, ["x", "late"], "what came before the server knew is heard");
  await close(wire, cut);
});

Deno.test("what a client may not do is told by subject, and the connection stays", async () => {
  const { wire, say, cut } = await opened();
  const denied: unknown[] = [];
  wire.onDenied = (denial) => void denied.push(denial);
  await say(
    "-ERR 'Permissions Violation for Publish to \"a.b\"'\r\n" +
      '-ERR \'Permissions Violation for Subscription to "c.>" using queue "q"\'\r\n',
  );
  assert.deepEqual(denied, [
    { operation: "publish", subject: "a.b" },
    { operation: "subscription", subject: "c.>" },
  ]);
  assert.equal(wire.isClosed, false);
  await close(wire, cut);
});

Deno.test("a server that no longer answers pings is left, and one that answers is not", async () => {
  const { wire, clock, say, sent, state } = await opened();
  for (let count = 0; count < 5; count++) {
    await clock.advance(5_000);
    assert.equal(sent(), "PING\r\n");
    await say("PONG\r\n");
  }
  await clock.advance(10_000);
  assert.equal(wire.isClosed, false);
  await clock.advance(5_000);
  assert.match(String(await wire.closed), /does not answer/);
  assert.equal(state.destroyed, 1);
});

Deno.test("a server that sends something is given a minute for its answer to a ping", async () => {
  const { wire, clock, say, state } = await opened();
  await say("MSG a 1 6\r\n");
  const letters = async () => {
    for (let count = 0; count < 6; count++) {
      await clock.advance(10_000 - 1);
      await say("x");
    }
  };
  await letters();
  assert.equal(wire.isClosed, false);
  await say("\r\nPONG\r\nMSG a 1 6\r\n");
  await letters();
  assert.equal(wire.isClosed, false);
  await clock.advance(5_000);
  assert.match(String(await wire.closed), /does not answer/);
  assert.equal(state.destroyed, 1);
});

Deno.test("a connection on which too much waits that the server does not take is ended", async () => {
  const { wire, clock, sent, state } = await opened();
  state.waiting = 268_435_456 - "PUB a 0\r\n\r\n".length;
  wire.publish("a", new Uint8Array(), "");
  await clock.settle();
  assert.equal(sent(), "PUB a 0\r\n\r\n");
  state.waiting++;
  wire.publish("a", new Uint8Array(), "");
  await clock.settle();
  assert.match(String(await wire.closed), /has not taken \d+ of 268435456 bytes/);
  assert.deepEqual([sent(), state.destroyed], ["", 1]);
});

Deno.test("a connection that is cut says why, and takes nothing more", async () => {
  const { wire, clock, say, sent, cut } = await opened();
  await say("-ERR 'Stale Connection'\r\n");
  cut(new Error("reset"));
  assert.match(String(await wire.closed), /Stale Connection/);
  wire.publish("a", new Uint8Array(), "");
  await clock.settle();
  assert.equal(sent(), "");
  await wire.close();
});

Deno.test("a close writes what is left, and waits a second at most for who does not read it", async () => {
  const { wire, clock, sent, state } = await opened();
  wire.publish("a", new Uint8Array(), "");
  const closing = wire.close();
  assert.deepEqual([sent(), state.ended, state.destroyed], ["PUB a 0\r\n\r\n", 1, 0]);
  await clock.advance(1_000);
  await closing;
  assert.equal(state.destroyed, 1);
  assert.equal(await wire.closed, undefined);
});

Deno.test("what a hearer throws is reported, and concerns neither other messages nor the connection", async () => {
  const reported: unknown[] = [];
  const { wire, say, cut } = await opened({ report: (error) => void reported.push(error) });
  const heard: string[] = [];
  const fault = new Error("a hearer fails");
  wire.onDenied = () => {
    throw fault;
  };
  wire.subscribe("a", ({ reply }) => {
    if (reply === "x") throw fault;
    heard.push(reply);
  });
  await say("MSG a 1 x 0\r\n\r\nMSG a 1 y 0\r\n\r\n-ERR 'Permissions Violation for Publish to \"a\"'\r\n");
  await say("MSG a 1 z 0\r\n\r\n");
  assert.deepEqual([heard, reported, wire.isClosed], [["y", "z"], [fault, fault], false]);
  await close(wire, cut);
});

Deno.test("a complaint that concerns no subject ends the connection, with its words and whether it is a refusal", async () => {
  const cases = [
    ["Stale Connection", Error],
    ["Maximum Payload Violation", Error],
    ["Slow Consumer", Error],
    ["Unknown Protocol Operation", Error],
    ["maximum connections exceeded", Error],
    ["maximum subscriptions exceeded", RefusedError], // it would hear nothing, and not know
    ["Authorization Violation", RefusedError],
    ["User Authentication Expired", RefusedError],
    ["User Authentication Revoked", RefusedError],
    ["Account Authentication Expired", RefusedError],
  ] as const;
  for (const [words, kind] of cases) {
    const { wire, say, state } = await opened();
    await say(`-ERR '${words}'\r\n`);
    const reason = await wire.closed;
    assert.deepEqual([reason?.message, reason?.constructor, state.destroyed], [words, kind, 1]);
  }
});

Deno.test("behind what no server of NATS says nothing is heard", async () => {
  for (const line of ["HTTP/1.1 400 Bad Request", "MSG a 1 -3", "MSG a 1 1.5", "INFO null", "INFO {"]) {
    const { wire, say, state } = await opened();
    const heard: string[] = [];
    wire.subscribe("a", ({ reply }) => void heard.push(reply));
    await say(`${line}\r\nMSG a 1 x 0\r\n\r\n`);
    await say("MSG a 1 y 0\r\n\r\n");
    assert.deepEqual([heard, wire.isClosed, state.destroyed], [[], true, 1], line);
  }
});

Deno.test("what is larger than the server says last is refused, and the server is not sent it", async () => {
  const { wire, clock, say, sent, cut } = await opened();
  const body = new Uint8Array(100);
  const head = "NATS/1.0\r\nx: 日\r\n\r\n".length + 2; // its letter has three bytes
  await say(`INFO {"version":"2.11.0","max_payload":${100 + head}}\r\n`);
  assert.equal(wire.payloadBytes, 100 + head);
  wire.publish("a", body, "", { x: "日" });
  assert.throws(() => wire.publish("a", body, "", { xx: "日" }), { code: "too-large" });
  assert.throws(() => wire.publish("a", new Uint8Array(101 + head), ""), { code: "too-large" });
  await clock.settle();
  assert.match(sent(), /^HPUB a \d+ \d+\r\nNATS\/1.0\r\nx: 日\r\n\r\n\0{100}\r\n$/);
  await say('INFO {"version":"2.11.0","max_payload":-1}\r\n');
  assert.equal(wire.payloadBytes, 1_048_576, "of a server that says no limit");
  await close(wire, cut);
});

Deno.test("a connection that is not needed any more is not waited for", async () => {
  const stop = new AbortController();
  const { clock, state, opening } = stage({ signal: stop.signal });
  await clock.settle();
  stop.abort();
  await assert.rejects(opening, /not needed/);
  assert.equal(state.destroyed, 1);
  const late = stage({ signal: stop.signal });
  await assert.rejects(late.opening, /not needed/);
});
