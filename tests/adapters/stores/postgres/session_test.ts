// The session that a connection to PostgreSQL keeps for itself.

import assert from "node:assert/strict";
import type { PostgresClient, PostgresPool } from "@posthorn/posthorn/postgres";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { PostgresSession } from "../../../../adapters/stores/postgres/session.ts";
import { Statements } from "../../../../adapters/stores/postgres/statements.ts";

/** A pool whose connections are numbered. */
class Numbered implements PostgresPool {
  taken = 0;
  on(): void {}
  off(): void {}
  connect(): Promise<PostgresClient> {
    const client: PostgresClient = {
      processID: ++this.taken,
      query: () => Promise.resolve({ rows: [], rowCount: 0 }),
      release() {},
      on() {},
      off() {},
    };
    return Promise.resolve(client);
  }
}

Deno.test("what a session is for is done on the next one if the session has ended unnoticed", async () => {
  const clock = new VirtualClock();
  const session = new PostgresSession(new Statements(new Numbered(), clock), clock);
  const done: string[] = [];
  const use = (name: string, ended: number) => (client: PostgresClient) => {
    if (client.processID === ended) return Promise.reject(new Error("it did not answer"));
    done.push(`${name} on ${client.processID}`);
    return Promise.resolve();
  };
  assert.equal(await session.keep(use("listen", 0)), true);
  assert.equal(await session.keep(use("hold", 1)), true);
  assert.deepEqual(done, ["listen on 1", "listen on 2", "hold on 2"]);
  await session.end();
});
