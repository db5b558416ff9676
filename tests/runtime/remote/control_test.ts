// What an operator does to dead letters that go to other services.

import assert from "node:assert/strict";
import { protocol, tell } from "@posthorn/posthorn";
import { controlStore } from "@posthorn/posthorn/store";
import * as z from "zod";
import { inMemory } from "../durable/durable_stage.ts";
import { FakeTransport } from "./fake_transport.ts";

const Ledger = protocol("ledger", { note: tell(z.string()) });

inMemory(
  "a letter to another service is resent where there is a transport, and nowhere else",
  async (stage) => {
    const transport = new FakeTransport();
    const system = await stage.start([], { name: "shop", remote: [Ledger], transport });
    transport.answer = (batch) => batch.map(() => ({ code: "refused", message: "not now" }));
    for (const line of ["one", "two"]) await system.ref(Ledger, "main").tell(Ledger.note, line, { id: line });
    await stage.settle();
    transport.answer = undefined;
    await using control = await controlStore(stage.store, { clock: stage.clock });
    await assert.rejects(control.resend("one"), { code: "no-transport" });
    assert.deepEqual(await control.resendAll({}), { done: 0, failed: 2, more: false });
    assert.deepEqual(await stage.keys("mail"), []);
    assert.deepEqual(await system.control.resendAll({ protocol: "ledger" }), {
      done: 2,
      failed: 0,
      more: false,
    });
    await stage.settle();
    assert.deepEqual(transport.taken.map(({ id }) => id).sort(), ["one", "two"]);
    assert.deepEqual(await stage.keys("dead"), []);
  },
);
