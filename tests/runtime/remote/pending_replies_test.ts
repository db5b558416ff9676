// Who waits in this process for replies of other services.

import assert from "node:assert/strict";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import { PendingReplies } from "../../../runtime/remote/pending_replies.ts";

Deno.test("a bounded number waits, and those that are over make room", async () => {
  const clock = new VirtualClock();
  const pending = new PendingReplies(clock, seededRandom(1));
  let over = false;
  const waiter = {
    get over() {
      return over;
    },
    reply() {},
    fail() {},
  };
  for (let count = 0; count < 100_000; count++) pending.wait(waiter);
  const full = {
    code: "too-many-replies",
    message: "Cannot wait for a reply: 100000 of 100000 replies of other services are waited for",
  };
  assert.throws(() => pending.wait(waiter), full);
  over = true;
  await clock.advance(1_000);
  pending.wait({ ...waiter, over: false });
  assert.equal(pending.size, 1);
});
