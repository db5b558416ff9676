// What a program gives that no compiler has checked is refused in words that say what was expected.

import assert from "node:assert/strict";
import { actor, ask, protocol, System, unchecked } from "@posthorn/posthorn";
import { copyStore } from "@posthorn/posthorn/copy";
import { memoryStore, memoryTransport } from "@posthorn/posthorn/memory";
import { controlStore, observeStore } from "@posthorn/posthorn/store";
import { notesOf, ref, Worker, worker } from "../runtime/durable/durable_stage.ts";
import { inEach } from "../runtime/durable/worlds.ts";

const odd = <Value>(value: unknown) => value as Value;

Deno.test("what is no protocol is refused where a handle or an actor is made", async () => {
  const given = worker();
  const Meter = protocol("meter", { sum: ask(unchecked<string>()) });
  const meter = actor(Meter, {
    state: () => 0,
    on: { sum: (ctx) => String(ctx.ref(odd<typeof Worker>(given), "ada")) },
    retry: { attempts: 1 },
  });
  await using system = new System({ actors: [given, meter], log: false });
  const what = "Cannot use a protocol: it must be what protocol() returned, and is";
  const ofActor = `${what} the actor worker: give the protocol that it handles`;
  assert.throws(() => system.ref(odd<typeof Worker>(given), "ada"), { name: "TypeError", message: ofActor });
  assert.throws(() => actor(odd<typeof Worker>(given), odd<never>({})), {
    name: "TypeError",
    message: ofActor,
  });
  await assert.rejects(system.ref(Meter, "a").ask(Meter.sum), {
    message: /the actor worker: give the protocol/,
  });
  for (
    const [value, type] of [[undefined, "undefined"], [null, "null"], ["worker", "string"], [{}, "object"]]
  ) {
    assert.throws(() => system.ref(odd<typeof Worker>(value), "ada"), {
      name: "TypeError",
      message: `${what} of type ${type}`,
    });
  }
});

Deno.test("what is no store is refused where one is observed, controlled or copied", async () => {
  const refused = (verb: string, shown: string) => ({
    name: "TypeError",
    message:
      `Cannot ${verb} the store: it must be what memoryStore(), sqlite() or another of them returned, ` +
      `and is ${shown}`,
  });
  for (
    const [value, shown] of [
      ["x.db", "of type string"],
      [undefined, "of type undefined"],
      [null, "of type null"],
      [{}, "an object without `open` and `traits`"],
    ] as const
  ) {
    await assert.rejects(observeStore(odd(value)), refused("observe", shown));
    await assert.rejects(controlStore(odd(value)), refused("control", shown));
    await assert.rejects(copyStore(odd(value), memoryStore()), refused("copy from", shown));
    await assert.rejects(copyStore(memoryStore(), odd(value)), refused("copy to", shown));
  }
});

Deno.test("a transport in memory without its broker is refused", () => {
  const message = "Cannot use broker of memoryTransport: it must be what memoryBroker() returned";
  for (const options of [{}, { broker: "memory" }]) {
    assert.throws(() => memoryTransport(odd(options)), { name: "TypeError", message });
  }
});

inEach("what is no signal is refused, and leaves the actor as it is", async (world) => {
  const system = await world.start([worker()]);
  const sent = ref(system, "ada").tell(Worker.note, "kept");
  await world.pass(100, 50);
  await sent;
  for (const signal of ["kill", "toString", undefined]) {
    assert.throws(() => system.signal(ref(system, "ada"), odd<"erase">(signal)), {
      name: "RangeError",
      message: `Cannot use this signal: it must be one of passivate, restart, erase: current value is ` +
        (signal === undefined ? "undefined" : JSON.stringify(signal)),
    });
  }
  await world.pass(100, 50);
  const notes = notesOf(system, "ada");
  await world.pass(100, 50);
  assert.deepEqual(await notes, ["kept"]);
});
