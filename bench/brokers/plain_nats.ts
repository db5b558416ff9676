// One measurement of the bare client of NATS: `plain_nats.ts URL CASE COUNT`.

import { AckPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, headers } from "@nats-io/transport-node";
import type { Outcome } from "../contender.ts";
import { finish } from "../goals/process.ts";
import { Arrivals, receivers, timeAsks, timeTells } from "./load.ts";

const [url, what, countText] = Deno.args;
const count = Number(countText);
const name = `bench${crypto.randomUUID().replaceAll("-", "")}`;
const sending = await connect({ servers: url });
const reading = await connect({ servers: url });

async function tells(): Promise<Outcome> {
  const arrivals = new Arrivals(count);
  const manager = await jetstreamManager(reading);
  await manager.streams.add({ name, subjects: [`${name}.>`] });
  await manager.consumers.add(name, {
    durable_name: name,
    ack_policy: AckPolicy.Explicit,
    max_ack_pending: 2_000,
  });
  const consumer = await jetstream(reading).consumers.get(name, name);
  const messages = await consumer.consume({
    callback: (message) => {
      message.ack();
      arrivals.arrived();
    },
  });
  const stream = jetstream(sending);
  const outcome = await timeTells(count, arrivals, (n) => {
    const all = headers();
    all.set("message-id", `${n}`);
    all.set("content-type", "application/json");
    all.set("posthorn-sender", "sender");
    return stream.publish(`${name}.key${n % receivers}.add`, "1", { msgID: `${n}`, headers: all });
  });
  await messages.close();
  await manager.streams.delete(name);
  return outcome;
}

async function asks(): Promise<Outcome> {
  reading.subscribe(name, {
    queue: name,
    callback: (_error, message) => void message.respond(`${Number(message.string()) + 1}`),
  });
  await reading.flush();
  return await timeAsks(count, async (x) => Number((await sending.request(name, `${x}`)).string()));
}

const outcome = await (what === "asks" ? asks() : tells());
await Promise.all([sending.close(), reading.close()]);
finish(outcome);
