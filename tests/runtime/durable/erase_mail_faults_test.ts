// Mail is erased from a store that fails, while somebody begins to host the actors for which it waits.

import assert from "node:assert/strict";
import {
  type Actor,
  actor,
  ask,
  Failure,
  protocol,
  submit,
  System,
  tell,
  unchecked,
} from "@posthorn/posthorn";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import { SimulatedStore } from "@posthorn/posthorn/testing/simulation";

const Legacy = protocol("legacy", { work: submit(unchecked<number>(), unchecked<number>()) });
const Boss = protocol("boss", {
  send: tell(unchecked<number>()),
  done: tell(unchecked<number>()),
  failed: tell(Failure),
  told: ask(unchecked<readonly string[]>()),
});

const legacy: Actor = actor(Legacy, { state: () => null, on: { work: (_ctx, number) => number } });

/** Sends requests to an actor that the program does not have, and notes what becomes of each. */
const boss: Actor = actor(Boss, {
  state: (): readonly string[] => [],
  on: {
    send(ctx, count) {
      const addresses = { replyTo: ctx.self.at(Boss.done), failTo: ctx.self.at(Boss.failed) };
      for (let number = 0; number < count; number++) {
        ctx.ref(Legacy, `${number % 5}`).submit(Legacy.work, number, { ...addresses, id: `${number}` });
      }
    },
    done: (ctx, number) => void (ctx.state = [...ctx.state, `${number}`]),
    failed: (ctx, { id, code }) => void (ctx.state = [...ctx.state, code === "mail-erased" ? id : code]),
    told: (ctx) => ctx.state,
  },
});

const faults = {
  conflict: 0.1,
  locked: 0.1,
  unknownLanded: 0.1,
  unknownLost: 0.05,
  unknownLandsLate: 0.05,
  unreadable: 0.05,
  slow: 0.05,
  listBatch: 0.3,
};

Deno.test("each message is handled or erased, once, whatever the store does and whoever begins to host it", async () => {
  const ends = { erased: 0, handled: 0 };
  for (let seed = 1; seed <= 12; seed++) {
    const clock = new VirtualClock();
    const store = new SimulatedStore({ clock, random: seededRandom(seed) });
    const random = seededRandom(1_000 + seed);
    const begin = (actors: readonly Actor[], name: string) =>
      new System({ actors, store: store.instance(name), clock, random, drainMs: 0, log: false });
    const pass = async (byMs: number, stepMs = 50) => {
      for (let leftMs = byMs; leftMs > 0; leftMs -= stepMs) await clock.advance(stepMs);
    };
    const system = begin([boss], "1");
    await pass(1_000);
    const ref = system.ref(Boss, "b");
    const sent = ref.tell(Boss.send, 60);
    await pass(2_000);
    await sent;
    store.faults = faults;
    let erased = 0;
    let over = false;
    const erase = () => system.eraseMail({ protocol: "legacy" }).then((count) => erased += count);
    void (async () => {
      for (let round = 0; round < 20; round++) await erase().catch(() => {}); // the call can be repeated
      over = true;
    })();
    await pass(seed * 40, 10);
    const host = begin([legacy], "2");
    await pass(20_000, 200);
    store.faults = {};
    for (let seconds = 0; seconds < 120 && !over; seconds++) await pass(1_000, 500);
    await pass(60_000, 500);
    const asked = ref.ask(Boss.told);
    await pass(1_000);
    const told = await asked;
    const numbers = Array.from({ length: 60 }, (_, number) => `${number}`);
    assert.deepEqual(told.toSorted(), numbers.toSorted(), `seed ${seed}`);
    assert.deepEqual(store.snapshot().filter(({ key }) => key.startsWith("mail\u001flegacy")), []);
    ends.erased += erased;
    ends.handled += 60 - erased;
    await Promise.all([system.stop({ drainMs: 0 }), host.stop({ drainMs: 0 }), pass(20_000, 500)]);
  }
  assert.ok(ends.erased > 60 && ends.handled > 60, `${ends.erased} erased, ${ends.handled} handled`);
});
