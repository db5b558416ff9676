// How a sender keeps the order of what it publishes while queues come and go, against a channel made by hand.

import assert from "node:assert/strict";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import type { Parcel } from "@posthorn/posthorn/transport";
import type { AmqpChannel, Client, Envelope } from "../../../../adapters/transports/rabbitmq/client.ts";
import type { Link } from "../../../../adapters/transports/rabbitmq/link.ts";
import { Names } from "../../../../adapters/transports/rabbitmq/names.ts";
import { Sender } from "../../../../adapters/transports/rabbitmq/sender.ts";

/** A broker with the exchange of an inbox, to which a queue is bound after so many messages. */
class Exchange {
  readonly taken: string[] = [];
  seen = 0;
  boundAfter = 0;

  channel(returned: ((id: string | undefined) => void) | undefined): AmqpChannel {
    const nothing = () => Promise.resolve();
    const channel: Partial<AmqpChannel> = {
      active: true,
      on: () => {},
      close: nothing,
      confirmSelect: nothing,
      exchangeDeclare: nothing,
      basicPublish: ({ messageId = "" }: Envelope) => {
        if (this.seen++ >= this.boundAfter) this.taken.push(messageId);
        else returned?.(messageId);
        return Promise.resolve();
      },
    };
    return channel as AmqpChannel;
  }
}

function started() {
  const exchange = new Exchange();
  const clock = new VirtualClock();
  const link = {
    state: { status: "connected" },
    channel: (_: AbortSignal, returned?: (id: string | undefined) => void) =>
      Promise.resolve(exchange.channel(returned)),
  } as unknown as Link;
  const services = {
    clock,
    random: seededRandom(1),
    service: "shop",
    instance: "one",
    store: undefined,
    report() {},
  };
  const client = { bytes: (body: Uint8Array) => body } as unknown as Client;
  const names = new Names("shop", undefined);
  const sender = new Sender({
    client,
    link,
    services,
    names,
    messageBytes: 1_000,
    hearReplies: async () => {},
  });
  return { exchange, sender };
}

const to = {
  kind: "inbox",
  protocol: "ledger",
  key: "main",
  operation: { name: "note", mode: "tell" },
} as const;
const parcels = (...ids: string[]): Parcel[] =>
  ids.map((id) => ({ to, id, body: new Uint8Array(), headers: {} }));

Deno.test("of a batch that is sent while the first queue is bound nothing overtakes what came back", async () => {
  const { exchange, sender } = started();
  exchange.boundAfter = 2;
  const batch = parcels("1", "2", "3", "4");
  const codes = async () => (await sender.send(batch)).map((answer) => answer?.code ?? "sent");
  assert.deepEqual(await codes(), Array(4).fill("no-receiver"));
  assert.deepEqual(await codes(), Array(4).fill("no-receiver"));
  assert.deepEqual(exchange.taken, []);
  assert.deepEqual(await codes(), Array(4).fill("sent"));
  assert.deepEqual(exchange.taken, ["1", "2", "3", "4"]);
});
