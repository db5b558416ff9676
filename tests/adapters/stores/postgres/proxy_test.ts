// Systems whose network delays, cuts answers of what was applied, and blocks for longer than anybody waits.

import assert from "node:assert/strict";
import { type StopOptions, System, systemClock } from "@posthorn/posthorn";
import { postgres } from "@posthorn/posthorn/postgres";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import { TcpProxy } from "../../../brokers/tcp_proxy.ts";
import { postgresTest } from "../../../postgres/given.ts";
import { Book, book, write } from "./book.ts";

const clock = systemClock();
const sleep = (ms: number) => new Promise<void>((resolve) => void clock.setTimer(ms, resolve));

function proxyBefore(url: string): { readonly proxy: TcpProxy; readonly url: string } {
  const { port } = new URL(url);
  const proxy = new TcpProxy({ hostname: "127.0.0.1", port: Number(port) });
  return { proxy, url: url.replace(port, String(proxy.port)) };
}

postgresTest(
  "postgres: through a network that delays and cuts, every line is there once and in order",
  async ({ url, schema }) => {
    const through = proxyBefore(url);
    await using proxy = through.proxy;
    const random = seededRandom(4);
    proxy.delay(() => random.next() < 0.5 ? 0 : random.next() * 10);
    const store = () => postgres(through.url, { schema });
    const systems = [1, 2].map(() => new System({ actors: [book], store: store(), log: false }));
    await Promise.all(systems.map((system) => system.ready()));
    let over = false;
    let begun = 0;
    const isOver = () => {
      begun++;
      return over;
    };
    const keys = ["left", "right"];
    const clients = systems.flatMap((system, place) =>
      keys.map((key) => write(system, key, `${place}${key}`, isOver))
    );
    for (let round = 0; round < 15; round++) {
      const enough = begun + clients.length;
      for (let waitedMs = 0; begun < enough; waitedMs += 10) {
        assert(waitedMs < 60_000, "lines are accepted between two cuts");
        await sleep(10);
      }
      proxy.cutAfter(Math.floor(random.next() * 2_000)); // often between a commit and its answer
    }
    over = true;
    proxy.cutAfter(Infinity);
    const written = await Promise.all(clients);
    const accepted = written.flat();
    const read = (key: string) => systems[0].ref(Book, key).ask(Book.read, { timeoutMs: 30_000 });
    let copies = await read("copies");
    for (let waitedMs = 0; copies.length < accepted.length && waitedMs < 30_000; waitedMs += 200) {
      await sleep(200);
      copies = await read("copies");
    }
    assert.deepEqual(copies.toSorted(), accepted.toSorted(), "every line has one copy");
    const books = await Promise.all(keys.map(read));
    for (const lines of written) {
      const [client] = lines[0].split("-");
      assert.deepEqual(books.flat().filter((line) => line.startsWith(`${client}-`)), lines);
    }
    await Promise.all(systems.map((system) => system.stop()));
  },
);

postgresTest(
  "postgres: a process that is cut off for 20 s is taken over, and what it sent meanwhile has one effect at most",
  async ({ url, schema }) => {
    const through = proxyBefore(url);
    await using proxy = through.proxy;
    const virtual = new VirtualClock();
    const start = (url: string) =>
      new System({ actors: [book], store: postgres(url, { schema }), log: false, clock: virtual });
    const [cutOff, other] = [start(through.url), start(url)];
    /** Lets virtual time pass slowly enough for the real server to answer in it. */
    const pass = async (forMs: number, stepMs = 100) => {
      for (let passedMs = 0; passedMs < forMs; passedMs += stepMs) {
        await virtual.advance(stepMs);
        await sleep(5);
      }
    };
    const until = async <Result>(promise: Promise<Result>): Promise<Result> => {
      let settled = false;
      promise.catch(() => {}).finally(() => settled = true);
      for (let tries = 0; !settled && tries < 5_000; tries++) await pass(2, 2);
      return await promise;
    };
    await until(Promise.all([cutOff.ready(), other.ready()]));
    const ref = cutOff.ref(Book, "ada");
    for (const line of ["a", "b", "c"]) await until(ref.tell(Book.write, line, { id: line }));
    proxy.stall();
    const lost = ref.tell(Book.write, "x"); // accepted by the commit of its turn, which lands when others have gone on
    const outcomes = [lost, ...["d", "e", "f"].map((line) => ref.tell(Book.write, line, { id: line }))].map(
      (sent) => sent.then(() => "accepted", ({ code }) => code),
    );
    await pass(20_000);
    for (const outcome of await until(Promise.all(outcomes))) {
      assert(["store-unavailable", "outcome-unknown"].includes(outcome), outcome);
    }
    const byOther = other.ref(Book, "ada");
    await until(byOther.tell(Book.write, "g", { id: "g" }));
    proxy.release(); // what was sent before arrives now
    await pass(12_000); // it hears that it was taken for dead
    for (const line of ["d", "e", "f"]) await until(ref.tell(Book.write, line, { id: line }));
    await pass(1_000);
    for (const system of [cutOff, other]) {
      const lines = await until(system.ref(Book, "ada").ask(Book.read));
      assert.deepEqual(lines.filter((line) => line !== "x").toSorted(), ["a", "b", "c", "d", "e", "f", "g"]);
      assert(lines.filter((line) => line === "x").length <= 1);
      assert.deepEqual(lines.filter((line) => "abc".includes(line)), ["a", "b", "c"]);
      const copies = await until(system.ref(Book, "copies").ask(Book.read));
      assert.deepEqual(copies.toSorted(), lines.toSorted());
    }
    await until(
      Promise.all([cutOff, other].map((system) => system.stop({ drainMs: 0 } satisfies StopOptions))),
    );
  },
);
