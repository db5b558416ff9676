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

/** Waits for an answer while a clock goes on: if a lock is free, it takes a while. */
async function answered(virtual: VirtualClock, asking: Promise<ReadonlySet<string>>): Promise<string[]> {
  let gone: ReadonlySet<string> | undefined;
  void asking.then((found) => gone = found);
  for (let waits = 0; gone === undefined && waits < 1_000; waits++) {
    await sleep(5);
    await virtual.advance(20);
  }
  return [...await asking];
}

/** Returns who is found gone. */
const goneOf = (
  { presence }: StoreConnection,
  virtual: VirtualClock,
  ...names: string[]
): Promise<string[]> => answered(virtual, presence!.gone(names));

/** Waits until the server knows that the lock of an instance is held, or is not. */
async function untilHeld(url: string, schema: string, instance: string, isHeld: boolean): Promise<void> {
  const query = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock' AND " +
    `(classid::bigint << 32 | objid::bigint) = hashtextextended('posthorn.${schema}.${instance}', 0)`;
  for (let waitedMs = 0;; waitedMs += 50) {
    const held = await withDatabase(url, async (client) => (await client.query(query)).rows.length)
      .catch(() => undefined); // it does not let anybody in yet
    if (held === (isHeld ? 1 : 0)) return;
    assert(waitedMs < 20_000, `${held} locks of ${instance} are held`);
    await sleep(50);
  }
}

postgresTest("postgres: that a process was killed is known soon, without any heartbeat", async (given) => {
  const { url, schema } = given;
  const virtual = new VirtualClock();
  const connection = await postgres(url, { schema }).open({ clock: virtual });
  const process = new Holder(url, schema, "one", "two");
  assert.equal(await process.held(), "true");
  assert.deepEqual(await goneOf(connection, virtual, "one", "two"), []);
  await process.kill();
  for (const name of ["one", "two"]) await untilHeld(url, schema, name, false);
  assert.deepEqual(await goneOf(connection, virtual, "one", "two", "nobody"), ["one", "two"]);
  await connection.presence!.release("one");
  assert.deepEqual(await goneOf(connection, virtual, "one", "two"), ["two"]);
  await connection.close();
});

postgresTest(
  "postgres: a process whose session is terminated holds its lock again, and is not gone",
  async ({ url, schema }) => {
    const virtual = new VirtualClock();
    const connection = await postgres(url, { schema }).open({ clock: virtual });
    const holding = await postgres(url, { schema }).open({ clock });
    assert.equal(await holding.presence!.hold("one"), true);
    await withDatabase(url, async (client) => {
      const takenAt = async () =>
        (await client.query(`SELECT taken::text FROM "${schema}".presence`)).rows[0].taken;
      for (let round = 0; round < 3; round++) {
        const before = await takenAt();
        await client.query(
          "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND " +
            `(classid::bigint << 32 | objid::bigint) = hashtextextended('posthorn.${schema}.one', 0)`,
        );
        const asking = connection.presence!.gone(["one"]); // it may be free now
        for (let waitedMs = 0; await takenAt() === before; waitedMs += 10) {
          assert(waitedMs < 20_000, "it is taken again");
          await sleep(10);
        }
        assert.deepEqual(await answered(virtual, asking), []);
        assert.deepEqual(await goneOf(connection, virtual, "one"), []);
      }
    });
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

postgresTest(
  "postgres: when the server ends nobody is gone, not even who is killed meanwhile",
  async (given, test) => {
    const server = await given.own();
    for (const [how, end] of Object.entries(ends)) {
      assert(await test.step(`the server ${how}`, () => nobodyIsGone(server, end)));
    }
  },
);

async function nobodyIsGone(server: Broker, end: (server: Broker) => Promise<void>): Promise<void> {
  const { url } = server;
  const schema = "posthorn";
  const virtual = new VirtualClock();
  const connection = await postgres(url).open({ clock });
  const observer = await postgres(url).open({ clock: virtual });
  const process = new Holder(url, schema, "killed");
  assert.equal(await process.held(), "true");
  assert.equal(await connection.presence!.hold("living"), true);
  assert.deepEqual(await goneOf(observer, virtual, "killed", "living"), []);
  await end(server);
  await process.kill();
  assert.equal(await connection.presence!.hold("late"), true); // it may not answer yet
  await startAgain(server);
  for (const name of ["living", "late"]) await untilHeld(url, schema, name, true); // there is a session again
  await connection.presence!.release("late");
  for (let tries = 0; tries < 5; tries++) { // an answer may be that of a connection that was lost
    assert.deepEqual(await goneOf(observer, virtual, "killed", "living"), []);
  }
  await connection.close();
  await untilHeld(url, schema, "living", false);
  assert.deepEqual(await goneOf(observer, virtual, "killed", "living"), ["living"]);
  await observer.presence!.retain(new Set(["living"]));
  const kept = await withDatabase(url, (client) => client.query(`SELECT instance FROM "${schema}".presence`));
  assert.deepEqual(kept.rows, [{ instance: "living" }]);
  await observer.close();
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
