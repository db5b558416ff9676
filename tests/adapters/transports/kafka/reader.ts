// A process that reads an inbox: prints a line for each tenure that begins or ends, and for each message.

import { connect, inbox } from "./stage.ts";

const [broker, service, store] = Deno.args;
const connection = await connect(
  { brokers: [broker], sessionTimeoutMs: 3_000, rebalanceTimeoutMs: 4_000 },
  service,
  {
    store,
  },
);
await connection.receive(inbox(service), {
  begin(tenure) {
    console.log(`begin ${tenure.shard}`);
    tenure.signal.addEventListener("abort", () => console.log(`end ${tenure.shard}`));
    return Promise.resolve(undefined);
  },
  take(batch) {
    for (const { id } of batch) console.log(`take ${id}`);
    return Promise.resolve([]);
  },
}).ready;
console.log("ready");
