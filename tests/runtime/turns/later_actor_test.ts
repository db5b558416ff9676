import assert from "node:assert/strict";
import { type Address } from "@posthorn/posthorn";
import { turn } from "@posthorn/posthorn/testing";
import { type Operation, operationsOf } from "../../../runtime/language/protocol.ts";
import { LaterReply, type OpenRequest } from "../../../runtime/messages/later.ts";
import { laterActor } from "../../../runtime/turns/later_actor.ts";

const address = (operation: string): Address => ({ protocol: "client", key: "c", operation });
const request: OpenRequest = {
  id: "request-1",
  correlationId: "request-1",
  actor: { protocol: "desk", key: "d", operation: "ask" },
  replyTo: address("got"),
  failTo: address("failed"),
  abandonTo: { protocol: "desk", key: "d", operation: "abandoned" },
  untilMs: 5_000,
};

/** Runs one operation of the actor of a request, which is open or over. */
async function runs(operation: keyof typeof LaterReply & string, payload: unknown, open = true) {
  const ended: string[] = [];
  const keeps = laterActor(LaterReply, {
    end: (turn, why) => {
      turn.state = undefined;
      ended.push(why);
    },
    whyOf: () => "answered",
  }, true);
  const options = { state: open ? request : undefined, storable: false };
  const run: Operation = operationsOf(LaterReply)[operation];
  const { error, sent, state, reply } =
    await (run.payload === undefined
      ? turn(keeps, run as never, options as never)
      : turn(keeps, run as never, payload as never, options as never));
  const code = (error as { code?: string } | undefined)?.code;
  return { code, ended, state, reply, sent: sent.map(({ operation, payload }) => [operation, payload]) };
}

Deno.test("a request that is taken back is over, and both who asked and who began something hear of it", async () => {
  const { sent, reply, ended } = await runs("withdraw", undefined);
  const failure = {
    id: "request-1",
    code: "cancelled",
    message: "desk/d ask was taken back by its caller",
  };
  assert.deepEqual(sent, [["failed", failure], ["abandoned", failure]]);
  assert.deepEqual([reply, ended], ["withdrawn", ["abandoned"]]);
});

Deno.test("a request that is over cannot be taken back, expires without a word, and takes no answer", async () => {
  assert.deepEqual(await runs("withdraw", undefined, false), {
    code: undefined,
    ended: ["abandoned"],
    state: undefined,
    reply: "over",
    sent: [],
  });
  assert.deepEqual((await runs("expire", undefined, false)).sent, []);
  assert.equal((await runs("answer", 1, false)).code, "already-answered");
  assert.equal((await runs("fail", { code: "no", message: "no" }, false)).code, "already-answered");
});

Deno.test("who began something hears nothing of an answer", async () => {
  assert.deepEqual((await runs("answer", 1)).sent, [["got", 1]]);
  const failure = { id: "request-1", code: "no", message: "never" };
  assert.deepEqual((await runs("fail", { id: "other", code: "no", message: "never" })).sent, [[
    "failed",
    failure,
  ]]);
});
