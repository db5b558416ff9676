// What a pipe leaves behind: nothing, also if the other side never answers. The sanitizers of Deno look at that.

import assert from "node:assert/strict";
import { VirtualClock } from "@posthorn/posthorn/testing";
import type { OpenPipe } from "../../../../adapters/transports/nats/pipe.ts";
import { socketPipe } from "../../../../adapters/transports/nats/socket_pipe.ts";
import { webSocketPipe } from "../../../../adapters/transports/nats/web_socket_pipe.ts";
import { Wire } from "../../../../adapters/transports/nats/wire.ts";
import { beginsTls, eventually } from "./stage.ts";

/** A server that accepts, says something, and nothing more. */
class Silent implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections: Deno.Conn[] = [];
  readonly #accepting: Promise<void>;

  constructor(said: string) {
    this.#accepting = this.#accept(new TextEncoder().encode(said));
  }

  get port(): number {
    return (this.#listener.addr as Deno.NetAddr).port;
  }

  get accepted(): number {
    return this.#connections.length;
  }

  async #accept(said: Uint8Array): Promise<void> {
    for (;;) {
      const connection = await this.#listener.accept().catch(() => undefined);
      if (connection === undefined) return;
      this.#connections.push(connection);
      await connection.write(said).catch(() => {}); // the test may be over by then
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#connections) connection.close();
    await this.#accepting;
  }
}

const kinds: readonly [name: string, said: string, open: (port: number) => OpenPipe][] = [
  ["a server that says nothing", "", (port) => socketPipe("127.0.0.1", port, undefined)],
  [
    "a server that wants TLS and does not begin it",
    'INFO {"tls_required":true}\r\n',
    (port) => socketPipe("127.0.0.1", port, {}),
  ],
  ["a WebSocket that is not answered", "", (port) => webSocketPipe(`ws://127.0.0.1:${port}`)],
];

for (const [name, said, open] of kinds) {
  if (said !== "" && !beginsTls) continue;
  Deno.test(`${name} is not waited for when the connection is not needed, or too long`, async () => {
    await using server = new Silent(said);
    const clock = new VirtualClock();
    const opening = (signal: AbortSignal) => {
      const login = () => assert.fail("it is told nothing");
      const report = (error: unknown) => assert.fail(String(error));
      const options = { open: open(server.port), clock, name, mustBeSecure: false, signal, login, report };
      const opened = Wire.open(options).then(() => "open", String);
      return opened;
    };
    const stop = new AbortController();
    const stopped = opening(stop.signal);
    await eventually(() => server.accepted === 1, "it is accepted");
    await new Promise((resolve) => setTimeout(resolve, 10)); // it may have said what it says
    stop.abort();
    assert.match(await stopped, /not needed/);
    const late = opening(new AbortController().signal);
    await eventually(() => server.accepted === 2, "it is accepted");
    await clock.advance(5_000);
    assert.match(await late, /not answered within 5000 ms/);
  });
}

Deno.test("a server that is away is an error", async () => {
  const server = new Silent("");
  const { port } = server;
  await server[Symbol.asyncDispose]();
  const { signal } = new AbortController();
  const clock = new VirtualClock();
  const options = { clock, name: "x", mustBeSecure: false, signal, login: () => ({}), report: assert.fail };
  await assert.rejects(
    Wire.open({ ...options, open: socketPipe("127.0.0.1", port, undefined) }),
    /ECONNREFUSED/,
  );
  await assert.rejects(Wire.open({ ...options, open: webSocketPipe(`ws://127.0.0.1:${port}`) }));
});

Deno.test("what a WebSocket says as a text is read as what it says as bytes", async () => {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request);
    socket.onopen = () => socket.send('INFO {"version":"2.11.0"}\r\n');
    socket.onmessage = () => socket.send("PONG\r\n");
    return response;
  });
  const wire = await Wire.open({
    open: webSocketPipe(`ws://127.0.0.1:${server.addr.port}`),
    clock: new VirtualClock(),
    name: "x",
    mustBeSecure: false,
    signal: new AbortController().signal,
    login: () => ({}),
    report: assert.fail,
  });
  assert.equal(wire.info.version, "2.11.0");
  await wire.close();
  await server.shutdown();
});
