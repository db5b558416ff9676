// A server that goes away while it is used: connections that are cut, terminated or refused, and a restart.

import assert from "node:assert/strict";
import { OutcomeUnknownError, StoreError, System, systemClock } from "@posthorn/posthorn";
import { postgres } from "@posthorn/posthorn/postgres";
import type { AtomicPart, StoreConnection } from "@posthorn/posthorn/store";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import { TcpProxy } from "../../../brokers/tcp_proxy.ts";
import { terminate } from "../../../postgres/crash/run.ts";
import { withDatabase } from "../../../postgres/database.ts";
import { postgresTest } from "../../../postgres/given.ts";
import { startAgain, stopImmediately } from "../../../postgres/server.ts";
import { Book, book, write } from "./book.ts";

const clock = systemClock();
const sleep = (ms: number) => new Promise<void>((resolve) => void clock.setTimer(ms, resolve));

function put(key: string): AtomicPart {
  return { checks: [], writes: [{ key, value: new Uint8Array(1) }], removals: [] };
}

/** Commits until it succeeds. */
async function eventually(connection: StoreConnection, part: AtomicPart): Promise<void> {
  for (let attempt = 1;; attempt++) {
    try {
      await connection.commit([part]);
      return;
    } catch (error) {
      if (attempt === 100) throw error;
      await sleep(50);
    }
  }
}

postgresTest(
  "postgres: a commit whose answer is cut off has an unknown outcome, and the store goes on",
  async (given) => {
    const { url, schema } = given;
    const { port } = new URL(url);
    await using proxy = new TcpProxy({ hostname: "127.0.0.1", port: Number(port) });
    const store = postgres(url.replace(port, String(proxy.port)), { schema, watch: "poll" });
    const connection = await store.open({ clock });
    await connection.commit([put("first")]);
    const random = seededRandom(15);
    let unknown = 0;
    for (let round = 0; round < 30; round++) {
      const key = `k${String(round).padStart(2, "0")}`;
      proxy.cutAfter(Math.floor(random.next() * 600));
      const outcome = await connection.commit([put(key)]).then(
        ([version]) => version,
        (error: unknown) => error,
      );
      proxy.cutAfter(Infinity);
      if (typeof outcome !== "string") {
        assert(outcome instanceof OutcomeUnknownError || outcome instanceof StoreError, String(outcome));
        if (outcome instanceof OutcomeUnknownError) {
          unknown++;
        }
      }
      await eventually(connection, put(`after-${key}`));
      const [entry] = await connection.read([key]);
      if (typeof outcome === "string") assert.equal(entry?.version, outcome);
      if (outcome instanceof StoreError) assert.equal(entry, undefined, "what was refused is not there");
    }
    assert(unknown > 0, "some outcomes were unknown");
    await connection.close();
  },
);

postgresTest(
  "postgres: a server that does not answer does not delay closing for long",
  async ({ url, schema }) => {
    const { port } = new URL(url);
    await using proxy = new TcpProxy({ hostname: "127.0.0.1", port: Number(port) });
    const virtual = new VirtualClock();
    const store = postgres(url.replace(port, String(proxy.port)), { schema, watch: "poll" });
    const connection = await store.open({ clock: virtual });
    proxy.hold();
    const committing = assert.rejects(connection.commit([put("k")]), OutcomeUnknownError);
    await sleep(50); // it is sent
    let closed = false;
    const closing = connection.close().then(() => closed = true);
    await virtual.advance(4_999);
    assert.equal(closed, false);
    await virtual.advance(1);
    await closing;
    proxy.cut();
    await committing;
  },
);

postgresTest("postgres: one whose listening session is terminated listens again", async (given) => {
  const server = await given.own();
  const connections = await Promise.all([1, 2].map(() => postgres(server.url).open({ clock })));
  let heard = 0;
  using _watching = connections[0].watch(() => void heard++);
  const hears = async () => {
    const before = heard;
    for (let waitedMs = 0; heard === before; waitedMs += 20) {
      assert(waitedMs < 10_000, "it hears");
      await sleep(20);
    }
  };
  await hears(); // it listens
  const again = hears(); // and may have missed something
  assert(await terminate(server.url) > 0);
  await again;
  const rung = hears();
  await eventually(connections[1], { ...put("k"), rings: true });
  await rung;
  await Promise.all(connections.map((connection) => connection.close()));
});

postgresTest(
  "postgres: nothing is lost, doubled or out of order when the server and its sessions are killed",
  async (given) => {
    const server = await given.own();
    const systems = [1, 2].map(() => new System({ actors: [book], store: postgres(server.url), log: false }));
    await Promise.all(systems.map((system) => system.ready()));
    let over = false;
    const keys = ["left", "right"];
    const clients = systems.flatMap((system, place) =>
      keys.flatMap((key) => [1, 2].map((client) => write(system, key, `${place}${key}${client}`, () => over)))
    );
    let terminated = 0;
    for (let round = 0; round < 12; round++) {
      await sleep(200);
      terminated += await terminate(server.url);
      if (round % 4 !== 3) continue;
      await sleep(100);
      await (round === 7 ? server.kill() : stopImmediately(server));
      await sleep(200);
      await startAgain(server);
    }
    over = true;
    const written = await Promise.all(clients);
    const accepted = written.flat();
    const read = (key: string) => systems[0].ref(Book, key).ask(Book.read, { timeoutMs: 30_000 });
    let copies = await read("copies");
    for (let waitedMs = 0; copies.length < accepted.length && waitedMs < 60_000; waitedMs += 500) {
      await sleep(500);
      copies = await read("copies").catch(() => copies);
    }
    assert.deepEqual(copies.toSorted(), accepted.toSorted(), "every line has one copy");
    const books = await Promise.all(keys.map(read));
    assert.deepEqual(books.flat().toSorted(), accepted.toSorted(), "every line is there once");
    for (const lines of written) {
      const [client] = lines[0].split("-");
      const found = books.flat().filter((line) => line.startsWith(`${client}-`));
      assert.deepEqual(found, lines, "in the order in which they were accepted");
    }
    assert(terminated > 10 && accepted.length > 50, `${terminated} terminated, ${accepted.length} accepted`);
    await Promise.all(systems.map((system) => system.stop()));
  },
);

postgresTest(
  "postgres: a system waits for a server that starts, and not for a database that is not there",
  async (given) => {
    const server = await given.own();
    const start = (url: string) => new System({ actors: [book], store: postgres(url), log: false });
    const missing = start(server.url.replace(/postgres$/, "missing"));
    await assert.rejects(missing.ready(), { code: "store-unavailable", message: /"missing" does not exist/ });
    await missing.stop();
    await server.stop();
    const system = start(server.url);
    const told = system.ref(Book, "ada").tell(Book.write, "early");
    while (system.health.store?.status === "opening") await sleep(20);
    assert.match(system.health.store?.reason ?? "", /Cannot connect to PostgreSQL: .*ECONNREFUSED/);
    await server.start();
    await told;
    assert.deepEqual(await system.ref(Book, "ada").ask(Book.read), ["early"]);
    await system.stop();
  },
);

postgresTest("postgres: it speaks TLS, and refuses a certificate that it does not know", async (given) => {
  const { url, node } = await given.own({ tls: true });
  const known = `${url.replace("127.0.0.1", "localhost")}?sslmode=verify-full&sslrootcert=${node.authority}`;
  const connection = await postgres(known).open({ clock });
  await connection.commit([put("k")]);
  const inUse = await withDatabase(url, async (client) => {
    const { rows } = await client.query(
      "SELECT bool_and(ssl) AS ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'posthorn'",
    );
    return rows[0].ssl;
  });
  assert.equal(inUse, true);
  await connection.close();
  await assert.rejects(postgres(`${url}?sslmode=verify-full`).open({ clock }), { code: "store-unavailable" });
});
