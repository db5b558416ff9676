import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { setImmediate } from "node:timers";
import { kafkajsLinks } from "../../../../adapters/transports/kafka/kafkajs_link.ts";
import type { KafkaLink } from "../../../../adapters/transports/kafka/link.ts";
import * as library from "../../../../adapters/transports/kafka/library.ts";
import { settingsOf } from "../../../../adapters/transports/kafka/options.ts";

/** kafkajs has read an answer, and done what follows, after fewer microtasks. */
const microtasksMax = 40;

/** The number of the request `ApiVersions`. */
const apiVersions = 18;
/** What the broker supports: the number of a request, and its lowest and highest version. */
const supported = [[3, 0, 12], [10, 0, 2], [apiVersions, 0, 2]];

/** A broker that says on its first connection which versions it supports, and nothing else. It ends all others. */
class SilentBroker implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #serving = new Set<Promise<void>>();
  readonly #accepting = this.#accept();

  get address(): string {
    return `127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}`;
  }

  /** Resolves when all clients have gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    await Promise.all(this.#serving);
  }

  async #accept(): Promise<void> {
    for await (const conn of this.#listener) {
      if (this.#serving.size > 0) conn.close();
      else this.#serving.add(this.#serve(conn));
    }
  }

  async #serve(conn: Deno.Conn): Promise<void> {
    const request = new DataView(new ArrayBuffer(65_536));
    try {
      while (await conn.read(new Uint8Array(request.buffer)) !== null) {
        if (request.getInt16(4) === apiVersions) await conn.write(versionsFor(request.getInt32(8)));
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
    } finally {
      conn.close();
    }
  }
}

/** The answer to the request of that number: no error, the list, no delay. */
function versionsFor(correlationId: number): Uint8Array<ArrayBuffer> {
  const answer = new DataView(new ArrayBuffer(14 + 6 * supported.length + 4));
  answer.setInt32(0, answer.byteLength - 4);
  answer.setInt32(4, correlationId);
  answer.setInt32(10, supported.length);
  supported.flat().forEach((number, index) => answer.setInt16(14 + 2 * index, number));
  return new Uint8Array(answer.buffer);
}

/** Opens a link whose sockets are told. */
function linkTo(address: string, made: (socket: Socket) => void): KafkaLink {
  type Config = ConstructorParameters<typeof library.Kafka>[0];
  class Kafka extends library.Kafka {
    constructor(config: Config) {
      const socketFactory = (
        { host, port, onConnect }: { host: string; port: number; onConnect(): void },
      ) => {
        const socket = connect({ host, port }, onConnect);
        made(socket);
        return socket;
      };
      super({ ...config, socketFactory } as Config);
    }
  }
  return kafkajsLinks({ ...library, Kafka }, settingsOf({ brokers: [address] }), "shop")();
}

/** Connects, and calls back so many microtasks after the broker has answered. Resolves when nothing is left. */
async function connectUntil(microtasks: number, end: (link: KafkaLink, socket: Socket) => void) {
  await using broker = new SilentBroker();
  const ended = Promise.withResolvers<void>();
  const gone: Promise<void>[] = [];
  const link = linkTo(broker.address, (socket) => {
    gone.push(new Promise((resolve) => socket.once("close", () => resolve())));
    socket.once("data", async () => {
      for (let count = 0; count < microtasks; count++) await undefined;
      end(link, socket);
      ended.resolve();
    });
  });
  await assert.rejects(link.connect(), { name: "KafkaError" });
  await ended.promise;
  await link.close();
  await Promise.all(gone);
  await new Promise<void>((resolve) => setImmediate(resolve));
  return { sockets: gone.length };
}

Deno.test("a link that is closed while it connects does not connect again, and leaves nothing behind", async () => {
  for (let microtasks = 0; microtasks <= microtasksMax; microtasks++) {
    const { sockets } = await connectUntil(microtasks, (link) => void link.close());
    assert.equal(sockets, 1);
  }
});

Deno.test("a request that begins while its connection ends settles", async () => {
  for (let microtasks = 0; microtasks <= microtasksMax; microtasks++) {
    await connectUntil(microtasks, (_, socket) => void socket.emit("end")); // as when the broker ends it
  }
});
