// The alarm of a Durable Object in workerd: it starts an object to which nobody speaks.

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { missing, start, test, type Worker } from "./workerd.ts";

const holdMs = 4_000;
/** How long the test waits for what must happen. */
const patienceMs = 40_000;

let worker: Worker | undefined;
let folder: string;

if (missing === undefined) {
  Deno.test.beforeAll(async () => {
    folder = await Deno.makeTempDir({ prefix: "posthorn-alarm-" });
    worker = await start("examples/edge/worker.ts", { folder });
  });
  Deno.test.afterAll(async () => {
    await worker?.[Symbol.asyncDispose]();
    await Deno.remove(folder, { recursive: true });
  });
}

test(
  "an object to which nobody speaks is started by its alarm, after workerd was killed, and sends what is due",
  {
    sanitizeResources: false,
    async run() {
      const { script, pid } = worker!;
      assert.equal(await post("ada/actors/order/1/add", { sku: "tea", cents: 450 }), 202);
      assert.equal(await post("ada/actors/order/1/hold", { forMs: holdMs }), 202);
      await until("the schedule is in the store", () => schedules() === 1);
      if (Deno.build.os === "linux") Deno.kill(pid!, "SIGKILL");
      await worker![Symbol.asyncDispose]();
      assert.equal(schedules(), 1);

      worker = await start("examples/edge/worker.ts", { folder, script });
      await until("the schedule is sent", () => schedules() === 0); // looks at the file, and speaks to nobody
      const asked = await fetch(new URL("ada/actors/order/1/total", worker.url), { method: "POST" });
      assert.equal(await asked.json(), 0);
    },
  },
);

async function post(path: string, payload: unknown): Promise<number> {
  const response = await fetch(new URL(path, worker!.url), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(payload),
  });
  await response.body?.cancel();
  return response.status;
}

/** How many schedules the object of the tenant has, as its file says. */
function schedules(): number {
  const file = filesOf(folder).find((path) => /\/[0-9a-f]{64}\.sqlite$/.test(path));
  if (file === undefined) return 0;
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    const count = "SELECT count(*) AS count FROM posthorn WHERE key LIKE 'schedule%'";
    return database.prepare(count).get()!.count as number;
  } finally {
    database.close();
  }
}

function filesOf(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesOf(`${folder}/${name}`) : [`${folder}/${name}`]
  );
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const beganMs = performance.now();
  while (!holds()) {
    assert.ok(performance.now() - beganMs < patienceMs, `never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
