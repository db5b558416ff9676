// What is as large as a real NATS server takes, or larger.

import assert from "node:assert/strict";
import { headers } from "@nats-io/transport-node";
import type { Parcel } from "@posthorn/posthorn/transport";
import { brokerTest } from "../../../brokers/given.ts";
import { api, asAdministrator } from "./admin.ts";
import { eventually, Stage } from "./stage.ts";

brokerTest(
  "nats",
  "a stranger's message as large as the server allows is put aside, and stops nothing behind it",
  async ({ own, prefix }) => {
    await using stage = new Stage(prefix);
    const { url } = await own();
    const inbox = stage.inbox("a");
    const reader = await stage.connect("reader", { url });
    const changes: unknown[] = [];
    reader.watch((state) => changes.push(state));
    await reader.receive(inbox, {
      begin: () => Promise.resolve(0),
      take: (batch) => Promise.resolve(batch.map((_, index) => ({ index, reason: "unreadable" }))),
    }).ready;
    await asAdministrator(url, async (stranger) => {
      const head = headers();
      head.set("x-a", "1");
      const subject = `${inbox.protocol}.ada.add`;
      stranger.publish(subject, new Uint8Array(1_048_576 - "NATS/1.0\r\nX-A: 1\r\n\r\n".length), {
        headers: head,
      });
      stranger.publish(subject, new Uint8Array(1_048_576));
      const large = headers();
      large.set("x-a", "1".repeat(65_500));
      large.set("x-b", "2");
      stranger.publish(subject, new Uint8Array(1), { headers: large });
      stranger.publish(subject, new Uint8Array(1));
      const name = `${inbox.protocol.toUpperCase()}_DEAD`;
      await eventually(async () => {
        const info = await api<{ readonly state?: { readonly messages: number } }>(
          stranger,
          `STREAM.INFO.${name}`,
        );
        return info.state?.messages === 4;
      }, "all are put aside");
    });
    assert.deepEqual([changes, stage.reported], [[], []]);
  },
);

brokerTest(
  "nats",
  "a reply that a stranger wants under a name as long as it likes is refused, and neither cuts nor blocks anything",
  async ({ own, prefix }) => {
    await using stage = new Stage(prefix);
    const { url } = await own();
    const replier = await stage.connect("replier", { url });
    const changes: unknown[] = [];
    replier.watch((state) => changes.push(state));
    const reply = (address: string, correlationId: string): Parcel => ({
      to: { kind: "reply", address },
      id: "r",
      body: new Uint8Array(1),
      headers: {},
      correlationId,
    });
    for (
      const parcel of [reply(`_INBOX.${"日".repeat(1_900)}`, "c"), reply("_INBOX.a", "日".repeat(349_500))]
    ) {
      assert.deepEqual((await replier.send([parcel])).map((refusal) => refusal?.code), ["too-large"]);
    }
    const kept = stage.inbox("a");
    const taken = await stage.read(await stage.connect("reader", { url }), kept);
    const sent = [1, 65_500, 2].map((count) => reply(`${kept.protocol}.ada.posthorn.c`, "c".repeat(count)));
    const answers = await replier.send(sent);
    assert.deepEqual(answers.map((refusal) => refusal?.code), [undefined, "too-large", undefined]);
    await eventually(() => taken.deliveries.length === 2, "the others are taken");
    assert.deepEqual([changes, replier.state], [[], { status: "connected" }]);
  },
);
