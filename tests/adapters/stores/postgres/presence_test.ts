// Who lives: a lock that a session holds, and what is no proof.

import assert from "node:assert/strict";
import { systemClock } from "@posthorn/posthorn";
import { postgres } from "@posthorn/posthorn/postgres";
import type { StoreConnection } from "@posthorn/posthorn/store";
import { VirtualClock } from "@posthorn/posthorn/testing";
import type { Broker } from "../../../brokers/broker.ts";
import { withDatabase } from "../../../postgres/database.ts";
import { pooledTest, postgresTest } from "../../../postgres/given.ts";
import { startAgain, stopImmediately } from "../../../postgres/server.ts";

const clock = systemClock();
const sleep = (ms: number) => new Promise<void>((resolve) => void clock.setTimer(ms, resolve));
const holder = new URL("holder.ts", import.meta.url).pathname;

/** A process that holds instances of a store. */
class Holder {
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;

  constructor(url: string, schema: string, ...instances: string[]) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", holder, url, schema, ...instances],
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#lines = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Resolves with whether others can find them gone. */
  async held(): Promise<string | undefined> {
    return (await this.#lines.read()).value?.trim();
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
    await this.#lines.cancel();
  }
}

/** Asks for so long in the time of a clock that a free lock would count, and returns who was found gone. */
async function goneOf(
  { presence }: StoreConnection,
  virtual: VirtualClock,
  ...names: string[]
): Promise<string[]> {
  await presence!.gone(names);
  await virtual.advance(1_000);
  return [...await presence!.gone(names)];
}

/** Waits until the server knows that so many locks are held. */
async function untilHeld(url: string, count: number): Promise<void> {
  const query =
    "SELECT count(*)::int AS held FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock'";
  for (let waitedMs = 0;; waitedMs += 50) {
    const held = await withDatabase(url, async (client) => (await client.query(query)).rows[0].held).catch(
      () => "?",
    );
    if (held === count) return;
    assert(waitedMs < 20_000, `${held} of ${count} locks are held`);
    await sleep(50);
  }
}

postgresTest("postgres: that a process was killed is known soon, without any heartbeat", async (given) => {
  const { url } = await given.own();
  const virtual = new VirtualClock();
  const connection = await postgres(url, { schema: given.schema }).open({ clock: virtual });
  const process = new Holder(url, given.schema, "one", "two");
  assert.equal(await process.held(), "true");
  assert.deepEqual(await goneOf(connection, virtual, "one", "two"), []);
  await process.kill();
  await untilHeld(url, 0);
  assert.deepEqual(await goneOf(connection, virtual, "one", "two", "nobody"), ["one", "two"]);
  await connection.presence!.release("one");
  assert.deepEqual(await goneOf(connection, virtual, "one", "two"), ["two"]);
  await connection.close();
});

postgresTest(
  "postgres: a process whose session is terminated holds its lock again, and is not gone",
  async (given) => {
    const { url } = await given.own();
    const virtual = new VirtualClock();
    const connection = await postgres(url).open({ clock: virtual });
    const holding = await postgres(url).open({ clock });
    assert.equal(await holding.presence!.hold("one"), true);
    for (let round = 0; round < 3; round++) {
      const terminated = await withDatabase(url, async (client) => {
        const { rows } = await client.query(
          "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'",
        );
        return rows.length;
      });
      assert.equal(terminated, 1);
      await connection.presence!.gone(["one"]); // it may be free now
      await untilHeld(url, 1);
      await virtual.advance(1_000);
      assert.deepEqual([...await connection.presence!.gone(["one"])], []);
    }
    // If the lock is taken and lost again between two looks, it was not free for all of the time.
    await holding.presence!.release("one");
    assert.deepEqual(await goneOf(connection, virtual, "one"), []);
    await holding.close();
    await connection.close();
  },
);

/** What ends all sessions of a server at once, and none of the processes that have them. */
const ends: Readonly<Record<string, (server: Broker) => Promise<void>>> = {
  "is killed": stopImmediately,
  "stops": (server) => server.stop(),
  "loses one of its own processes": async (server) => {
    const { rows } = await withDatabase(
      server.url,
      (client) =>
        client.query("SELECT pid FROM pg_stat_activity WHERE application_name = 'posthorn' LIMIT 1"),
    );
    Deno.kill(rows[0].pid as number, "SIGKILL"); // and ends all others, since they share its memory
  },
};

for (const [how, end] of Object.entries(ends)) {
  postgresTest(
    `postgres: when the server ${how} nobody is gone, not even who is killed meanwhile`,
    async (given) => {
      const server = await given.own();
      const virtual = new VirtualClock();
      const connection = await postgres(server.url).open({ clock });
      const observer = await postgres(server.url, { watch: "listen" }).open({ clock: virtual });
      const process = new Holder(server.url, "posthorn", "killed");
      assert.equal(await process.held(), "true");
      assert.equal(await connection.presence!.hold("living"), true);
      assert.deepEqual(await goneOf(observer, virtual, "killed", "living"), []);
      await end(server);
      await process.kill();
      await startAgain(server);
      await untilHeld(server.url, 1); // the living one has a session again
      for (let tries = 0; tries < 5; tries++) { // an answer may be that of a connection that was lost
        assert.deepEqual(await goneOf(observer, virtual, "killed", "living"), []);
      }
      await connection.close();
      await untilHeld(server.url, 0);
      assert.deepEqual(await goneOf(observer, virtual, "killed", "living"), ["living"]);
      await observer.presence!.retain(new Set(["living"]));
      const kept = await withDatabase(
        server.url,
        (client) => client.query('SELECT instance FROM "posthorn".presence'),
      );
      assert.deepEqual(kept.rows, [{ instance: "living" }]);
      await observer.close();
    },
  );
}

pooledTest("postgres: through a pooler no lock counts, and none is left behind", async (given) => {
  const { url, schema } = given;
  for (const mode of ["transaction", "session"] as const) {
    const pooled = await given.pooled(mode);
    const connection = await postgres(pooled, { schema, watch: "listen" }).open({ clock });
    assert.equal(await connection.presence!.hold("one"), false, mode);
    await connection.presence!.release("one");
    await connection.close();
    const polling = await postgres(pooled, { schema, watch: "poll" }).open({ clock });
    assert.equal(polling.presence, undefined);
    await polling.close();
  }
  const direct = await postgres(url, { schema }).open({ clock });
  assert.deepEqual([...await direct.presence!.gone(["one"])], []);
  await direct.close();
});
