import assert from "node:assert/strict";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import { Link } from "../../../../adapters/transports/nats/link.ts";
import { settingsOf } from "../../../../adapters/transports/nats/options.ts";

/** A server that lets a program in, and answers nothing but pings. */
class Greeter implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #serving = this.#serve();

  get url(): string {
    return `nats://127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}`;
  }

  /** Resolves when its client has gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#serving;
    this.#listener.close();
  }

  async #serve(): Promise<void> {
    using connection = await this.#listener.accept();
    const say = (text: string) => connection.write(new TextEncoder().encode(text));
    await say('INFO {"version":"2.10.0","jetstream":true,"headers":true}\r\n');
    const buffer = new Uint8Array(65_536);
    for (;;) {
      const read = await connection.read(buffer).catch(() => null);
      if (read === null) return;
      if (/^PING\r$/m.test(new TextDecoder().decode(buffer.subarray(0, read)))) await say("PONG\r\n");
    }
  }
}

Deno.test("a link that is closed in the moment in which it has connected uses that connection for nothing", async () => {
  await using server = new Greeter();
  const clock = new VirtualClock();
  const random = seededRandom(7);
  const closed = Promise.withResolvers<void>();
  let ids = 0;
  let prepared = 0;
  const link: Link = new Link({
    settings: settingsOf({ url: server.url }),
    services: {
      clock,
      // The first id is for the link, and the second one for its first session, which it then does not know yet.
      random: {
        ...random,
        ulid(nowMs) {
          if (++ids === 2) closed.resolve(link.close());
          return random.ulid(nowMs);
        },
      },
      service: "shop",
      instance: "a",
      store: undefined,
      report() {},
    },
    prepare: async (session) => {
      prepared++;
      await session.api("INFO"); // never answered
    },
    began() {},
  });
  await closed.promise;
  assert.equal(prepared, 0);
  assert.equal(clock.waiting, 0);
});
