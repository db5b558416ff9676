// One measurement of a queue on PostgreSQL: `peer.mjs FOLDER LIBRARY usual|best URL SERVER COUNT`. FOLDER has their
// `node_modules`. Everything is sent before anything is handled, except where the library has no such order, which is the
// better case for a queue: it finds enough to take several at once.

import { createRequire } from "node:module";
import process from "node:process";
import { processorOf } from "./processor.ts";

const [folder, library, form, url, serverText, countText] = process.argv.slice(2);
const isBest = form === "best";
const count = Number(countText);
const require = createRequire(`${folder}/package.json`);

/** How many messages are sent at once, one by one or in one call. */
const together = 1_000;

async function sendOneByOne(count, send) {
  let sent = 0;
  await Promise.all(Array.from({ length: Math.min(together, count) }, async () => {
    while (sent < count) await send(sent++);
  }));
}

async function sendTogether(count, send) {
  for (let sent = 0; sent < count; sent += together) {
    await send(Array.from({ length: Math.min(together, count - sent) }, (_, index) => sent + index));
  }
}

/** Counts what is handled, and resolves when that is all. */
class Handled {
  count = 0;
  #expected = 0;
  #resolve = () => {};

  expect(count) {
    this.#expected = this.count + count;
    return new Promise((resolve) => this.#resolve = resolve);
  }

  add(count = 1) {
    this.count += count;
    if (this.count >= this.#expected) this.#resolve();
  }
}

const handled = new Handled();
const data = (index) => ({ sku: "tea", cents: 450, index });

/** Each resolves with what sends so many, and with what handles what was sent. */
const peers = {
  /** Best: `addJobs`, and the settings of its page on performance: a local queue, and completion in batches. */
  async "graphile-worker"() {
    const { Logger, makeWorkerUtils, run } = require("graphile-worker");
    const logger = new Logger(() => () => {});
    const taskList = { add: () => handled.add() };
    const utils = await makeWorkerUtils({ connectionString: url, logger });
    await utils.migrate();
    const worker = isBest
      ? {
        preset: {
          worker: {
            connectionString: url,
            concurrentJobs: 24,
            maxPoolSize: 25,
            localQueue: { size: 500 },
            completeJobBatchDelay: 0,
            failJobBatchDelay: 0,
          },
        },
      }
      : { connectionString: url, concurrency: 5, pollInterval: 1_000 };
    return {
      send: (count) =>
        isBest
          ? sendTogether(
            count,
            (all) => utils.addJobs(all.map((index) => ({ identifier: "add", payload: data(index) }))),
          )
          : sendOneByOne(count, (index) => utils.addJob("add", data(index))),
      async handle(count) {
        const all = handled.expect(count);
        const runner = await run({ ...worker, taskList, logger, noHandleSignals: true });
        await all;
        await runner.stop();
      },
    };
  },

  /** Usual: what `work` does for each job without its pauses. Best: `insert`, and `work` with batches and no pauses. */
  async "pg-boss"() {
    const { PgBoss } = require("pg-boss");
    const boss = new PgBoss({ connectionString: url, supervise: false, schedule: false });
    boss.on("error", (error) => console.error(error));
    await boss.start();
    await boss.createQueue("carts");
    return {
      send: (count) =>
        isBest
          ? sendTogether(count, (all) => boss.insert("carts", all.map((index) => ({ data: data(index) }))))
          : sendOneByOne(count, (index) => boss.send("carts", data(index))),
      async handle(count) {
        if (isBest) {
          const all = handled.expect(count);
          const options = { batchSize: together, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 };
          await boss.work("carts", options, (jobs) => Promise.resolve(handled.add(jobs.length)));
          await all;
          await boss.offWork("carts", { wait: true });
          return;
        }
        const each = async () => {
          for (;;) {
            const [job] = await boss.fetch("carts");
            if (job === undefined) return;
            handled.add();
            await boss.complete("carts", job.id);
          }
        };
        await Promise.all(Array.from({ length: 5 }, each));
      },
    };
  },

  async bullmq() {
    const { createPostgresBackend, Queue, Worker } = require("bullmq");
    const connection = { connectionString: url, migrate: true };
    const queue = new Queue("carts", { connection }, createPostgresBackend);
    await queue.waitUntilReady();
    const options = { removeOnComplete: true, removeOnFail: true };
    return {
      send: (count) =>
        isBest
          ? sendTogether(
            count,
            (all) => queue.addBulk(all.map((index) => ({ name: "add", data: data(index), opts: options }))),
          )
          : sendOneByOne(count, (index) => queue.add("add", data(index), options)),
      async handle(count) {
        const all = handled.expect(count);
        const worker = new Worker(
          "carts",
          () => Promise.resolve(),
          { connection, concurrency: isBest ? 100 : 50 },
          createPostgresBackend,
        );
        worker.on("completed", () => handled.add());
        await all;
        await worker.close();
      },
    };
  },

  /** Usual: a workflow through a queue. Best: without the queue, where the process that sends handles it. */
  async dbos() {
    const { DBOS } = require("@dbos-inc/dbos-sdk");
    const workflow = DBOS.registerWorkflow(() => Promise.resolve(handled.add()), { name: "add" });
    DBOS.setConfig({ name: "bench", systemDatabaseUrl: url, logLevel: "error" });
    await DBOS.launch();
    if (!isBest) await DBOS.registerQueue("carts", { minPollingIntervalMs: 100 });
    const handles = [];
    return {
      async send(count) {
        void handled.expect(count);
        await sendOneByOne(count, async (index) => {
          if (!isBest) handles.push(await DBOS.startWorkflow(workflow, { queueName: "carts" })(data(index)));
          else await (await DBOS.startWorkflow(workflow)(data(index))).getResult();
        });
      },
      async handle() {
        await Promise.all(handles.splice(0).map((handle) => handle.getResult()));
      },
    };
  },
};

const { send, handle } = await peers[library]();
await send(Math.ceil(count / 5));
await handle(Math.ceil(count / 5));
const before = handled.count;
const end = processorOf(Number(serverText));
const startMs = performance.now();
await send(count);
const sent = end(count);
const sentMs = performance.now();
await handle(count);
const elapsedMs = performance.now() - startMs;
const also = { ...end(count), sendServerMicros: sent.serverMicros, sendMs: sentMs - startMs };
console.log(JSON.stringify({ elapsedMs, check: handled.count - before, also }));
process.exit(0);
