// Clients that violate the protocol or disconnect, on a real server: they are answered, cause no call of
// onError, and change nothing.

import { setImmediate } from "node:timers";
import assert from "node:assert/strict";
import { exchange } from "../../fuzz/wire.ts";
import { Desk } from "./desk.ts";

/** A desk behind a real server that counts its responses. */
class Served implements AsyncDisposable {
  readonly told: unknown[] = [];
  readonly desk = new Desk({ onError: (error) => this.told.push(error) });
  readonly statuses: number[] = [];
  readonly #server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
    const response = await this.desk.app.fetch(request);
    this.statuses.push(response.status);
    return response;
  });

  /** The response to a request; `whole` if the server can tell where the request ends. */
  send(text: string, whole = true): Promise<string> {
    return exchange(this.#server.addr.port, { pieces: [new TextEncoder().encode(text)], whole });
  }

  /** Writes, and disconnects. */
  async leave(text: string): Promise<void> {
    const before = this.statuses.length;
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: this.#server.addr.port });
    await connection.write(new TextEncoder().encode(text));
    await this.until(() => this.begun > before);
    // Deno 2.5 does not report a client that disconnects as soon as its request has arrived.
    for (let turns = 0; turns < 50; turns++) await new Promise((resolve) => setImmediate(resolve));
    connection.close();
    await this.until(() => this.statuses.length > before);
  }

  /** The number of requests that have reached the desk. */
  begun = 0;

  constructor() {
    const { app } = this.desk;
    const fetch = app.fetch;
    app.fetch = (...args) => {
      this.begun++;
      return fetch(...args);
    };
  }

  /** Waits for the event loop until a condition holds, without advancing the clock of the desk. */
  async until(done: () => boolean): Promise<void> {
    for (let turns = 0; !done(); turns++) {
      assert.ok(turns < 100_000, "it never came");
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
    await this.desk[Symbol.asyncDispose]();
  }
}

const add =
  "POST /actors/order/ada/add HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n";

Deno.test("a client that disconnects within its body causes no call of onError", async () => {
  await using served = new Served();
  await served.leave(`${add}content-length: 100\r\n\r\n{"sku"`);
  await served.leave(`${add}transfer-encoding: chunked\r\n\r\n6\r\n{"sku"\r\n`);
  assert.deepEqual(served.statuses, [400, 400]);
  assert.deepEqual(served.told, []);
  assert.deepEqual(served.desk.handled, []);
});

for (
  const chunks of [
    "zz\r\n",
    "-1\r\n",
    "ffffffffffffffff\r\nx",
    "1\r\n1XX\r\n",
    `0;${"a".repeat(100_000)}\r\n\r\n`,
  ]
) {
  Deno.test(`chunks that are none are no alarm: ${JSON.stringify(chunks.slice(0, 10))}`, async () => {
    await using served = new Served();
    const answer = await served.send(`${add}transfer-encoding: chunked\r\n\r\n${chunks}`, false);
    assert.match(answer, /^($|HTTP\/1\.1 400 )/);
    await served.until(() => served.begun === served.statuses.length);
    for (const status of served.statuses) assert.equal(status, 400);
    assert.deepEqual(served.told, []);
    assert.deepEqual(served.desk.handled, []);
  });
}

for (const host of ["[", "a:99999", "a b", "%", ":80", "xn--"]) {
  Deno.test(`a submit to the host ${host} is answered with the Location of its reply`, async () => {
    await using served = new Served();
    const head = `POST /actors/order/ada/settle HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n`;
    const answer = await served.send(
      `${head}content-type: application/json\r\ncontent-length: 11\r\n\r\n{"cents":1}`,
    );
    assert.match(answer, /^HTTP\/1\.1 202 /);
    assert.match(answer, /^location: \/replies\/[0-9A-Z-]+\r$/m);
  });
}

Deno.test("a key with a raw backslash has a Location that leads to its reply", async () => {
  await using served = new Served();
  await served.desk.open();
  const head = "POST /actors/order/a\\b/settle HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
  const answer = await served.send(
    `${head}content-type: application/json\r\ncontent-length: 11\r\n\r\n{"cents":1}`,
  );
  const location = /^location: (\S+)\r$/m.exec(answer)?.[1];
  assert.match(location!, /^\/replies\//);
  const reply = await served.send(`GET ${location} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
  assert.match(reply, /^HTTP\/1\.1 200 /);
});

Deno.test("a long poll ends when its client is gone, and has not collected the reply", async () => {
  await using served = new Served();
  const { desk } = served;
  const location = (await desk.post("/actors/order/ada/settle", { cents: 1 })).headers.get("location")!;
  await served.leave(`GET ${location} HTTP/1.1\r\nhost: x\r\nprefer: wait=30\r\n\r\n`);
  await desk.open();
  await desk.clock.advance(120_000); // a collected one would be gone
  assert.equal((await desk.get(location)).status, 200);
  assert.deepEqual(served.told, []);
});
