import assert from "node:assert/strict";
import { memoryStore } from "@posthorn/posthorn";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import { Answers } from "../../../runtime/durable/answers.ts";
import { Dispatch } from "../../../runtime/durable/dispatch.ts";
import { Ledger } from "../../../runtime/durable/ledger.ts";
import { Replies } from "../../../runtime/durable/replies.ts";
import { sendReply } from "../../../runtime/durable/send_reply.ts";
import { Route } from "../../../runtime/envelope.ts";
import { Ids } from "../../../runtime/ids.ts";
import { Reply } from "../../../runtime/modes.ts";

Deno.test("sendReply: of a reply that no commit can take, or that cannot be kept, who waits is told", async () => {
  const clock = new VirtualClock();
  const random = seededRandom(1);
  const { traits, ...store } = memoryStore();
  const connection = await store.open({ clock });
  const limits = { ...traits.limits, bytes: 10_000 };
  const ids = new Ids(clock, random);
  const ledger = new Ledger(ids.ulid(), connection, { ...traits, limits }, clock, random);
  const replies = new Replies(ledger, 60_000);
  const answers = new Answers(ledger, ids, () => {});
  const whereabouts = { hosting: () => "no" as const, roomFor: () => undefined, astray() {} };
  const services = { ledger, answers, dispatch: new Dispatch(ledger, replies, answers, whereabouts, ids) };
  const over = { over: true, ended: Promise.resolve() };
  for (
    const [name, reply, code] of [
      ["large", "x".repeat(20_000), "too-large"],
      ["odd", () => {}, "not-storable"],
      ["good", "well", undefined],
    ] as const
  ) {
    const to = { protocol: Reply.arrive.protocol, key: name };
    const sent = sendReply(services, ids, to, new Route(Reply.arrive, `id-${name}`), reply);
    const collected = async () => {
      await clock.settle();
      return await replies.collect(name, name, over);
    };
    if (code === undefined) {
      await sent;
      assert.equal(await collected(), reply);
    } else {
      await assert.rejects(sent, { code });
      await assert.rejects(collected, { code, id: `id-${name}` });
    }
  }
});
