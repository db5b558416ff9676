// Schedules that are set, listed and cancelled from outside, in memory.

import assert from "node:assert/strict";
import { actor, type Address, protocol, type Scheduled, System, tell, unchecked } from "@posthorn/posthorn";
import { VirtualClock } from "@posthorn/posthorn/testing";
import * as z from "zod";
import { worker } from "../runtime/durable/durable_stage.ts";
import { inEach } from "../runtime/durable/worlds.ts";

const Box = protocol("box", { put: tell(z.string()), clear: tell(), set: tell(unchecked<string>()) });
const Echo = protocol("echo", { put: tell(z.string()) });
const hourMs = 3_600_000;
const nowMs = Date.UTC(2030, 0, 1, 12);

function begin() {
  const clock = new VirtualClock({ nowMs });
  const heard: string[] = [];
  const hear = (key: string, text: string) => void heard.push(`${key} ${text} ${clock.now() - nowMs}`);
  const box = actor(Box, {
    state: () => null,
    on: {
      put: (ctx, text) => hear(ctx.key, text),
      clear: (ctx) => ctx.cancel("night"),
      set: (ctx, cron) => {
        ctx.schedule("night", { cron }, ctx.self.at(Box.put), "turn");
        hear(ctx.key, "set");
      },
    },
    retry: { attempts: 1 },
  });
  const echo = actor(Echo, { state: () => null, on: { put: (ctx, text) => hear(ctx.key, text) } });
  const system = new System({ actors: [box, echo], clock, log: false });
  return { clock, heard, system, ada: system.ref(Box, "ada") };
}

async function list(schedules: AsyncIterable<Scheduled>): Promise<string[]> {
  const found: string[] = [];
  for await (const { actor: { protocol, key }, name, when, to, dueMs } of schedules) {
    found.push(`${protocol}/${key} ${name} ${JSON.stringify(when)} ${to.operation} ${dueMs - nowMs}`);
  }
  return found;
}

Deno.test("a schedule that is set at each start goes on, and a changed one replaces it", async () => {
  const { clock, heard, system, ada } = begin();
  await using _ = system;
  const set = (everyMs: number, text: string) =>
    system.schedule("hourly", { everyMs }, ada.at(Box.put), text);
  await set(hourMs, "a");
  await clock.advance(hourMs / 2);
  await set(hourMs, "a");
  await clock.advance(hourMs / 2);
  assert.deepEqual(heard, [`ada a ${hourMs}`], "its phase is that of the first");
  await set(hourMs, "b");
  await clock.advance(hourMs);
  assert.deepEqual(heard, [`ada a ${hourMs}`, `ada b ${2 * hourMs}`], "another payload replaces it");
  await clock.advance(hourMs / 2);
  await set(2 * hourMs, "b");
  await clock.advance(hourMs);
  assert.equal(heard.length, 2, "another interval replaces it");
});

Deno.test("a cron schedule is due at its times, in a turn and from outside", async () => {
  const { clock, heard, system, ada } = begin();
  await using _ = system;
  await ada.tell(Box.set, "0 14 * * *");
  await system.schedule(
    "berlin",
    { cron: "30 14 * * *", timeZone: "Europe/Berlin" },
    ada.at(Box.put),
    "outside",
  );
  await clock.advance(24 * hourMs);
  assert.deepEqual(heard, ["ada set 0", `ada outside ${1.5 * hourMs}`, `ada turn ${2 * hourMs}`]);
  await clock.advance(3 * hourMs);
  assert.deepEqual(heard.slice(3), [`ada outside ${25.5 * hourMs}`, `ada turn ${26 * hourMs}`]);
});

Deno.test("a turn whose cron expression is none fails, and sets nothing", async () => {
  const { clock, system, ada } = begin();
  await using _ = system;
  for (const cron of ["nonsense", "61 * * * *", "0 0 30 2 *"]) await ada.tell(Box.set, cron);
  await clock.settle();
  assert.deepEqual(system.deadLetters.list().map(({ payload }) => payload), [
    "nonsense",
    "61 * * * *",
    "0 0 30 2 *",
  ]);
  assert.deepEqual(await list(system.schedules()), []);
});

Deno.test("a schedule that is set only if there is none stays as it is until it has fired", async () => {
  const { clock, heard, system, ada } = begin();
  await using _ = system;
  const set = (text: string) =>
    system.schedule("once", { afterMs: 1_000, ifAbsent: true }, ada.at(Box.put), text);
  await set("first");
  await clock.advance(900);
  await set("second");
  await clock.advance(100);
  await set("third");
  await clock.advance(1_000);
  assert.deepEqual(heard, ["ada first 1000", "ada third 2000"]);
});

Deno.test("schedules are listed: all, those of a protocol, those of an actor", async () => {
  const { system, ada } = begin();
  await using _ = system;
  await system.schedule("every", { everyMs: hourMs }, ada.at(Box.put), "x");
  await system.schedule("at", { afterMs: 5 }, ada.at(Box.clear));
  await system.schedule("cron", { cron: "@hourly" }, system.ref(Box, "bob").at(Box.clear));
  await system.schedule("echo", { everyMs: 5 }, system.ref(Echo, "ada").at(Echo.put), "x");
  const adas = [
    'box/ada every {"everyMs":3600000} put 3600000',
    'box/ada at {"at":"2030-01-01T12:00:00.005Z"} clear 5',
  ];
  const boxes = [...adas, 'box/bob cron {"cron":"@hourly"} clear 3600000'];
  assert.deepEqual(await list(system.schedules(ada)), adas);
  assert.deepEqual(await list(system.schedules({ protocol: "box" })), boxes);
  assert.deepEqual(await list(system.schedules()), [...boxes, 'echo/ada echo {"everyMs":5} put 5']);
});

Deno.test("a schedule is cancelled from outside, and in a turn of its actor", async () => {
  const { clock, heard, system, ada } = begin();
  await using _ = system;
  await system.schedule("night", { everyMs: 1_000 }, ada.at(Box.put), "x");
  assert.equal(await system.cancelSchedule(ada, "night"), true);
  assert.equal(await system.cancelSchedule(ada, "night"), false);
  assert.equal(await system.cancelSchedule({ protocol: "box", key: "nobody" }, "night"), false);
  await system.schedule("night", { everyMs: 1_000 }, ada.at(Box.put), "x");
  await ada.tell(Box.clear);
  await clock.advance(5_000);
  assert.deepEqual(heard, []);
});

inEach("what nothing hosts has no schedule that could be cancelled, and that is no error", async (world) => {
  const system = await world.start([worker()]);
  const nobody = { protocol: "nobody", key: "x" };
  const cancelled = Promise.allSettled([
    system.cancelSchedule(nobody, "a"),
    system.control.cancelSchedule(nobody, "a"),
    system.cancelSchedule({ protocol: "~topic", key: "x" }, "a"),
  ]);
  await world.pass(100, 50);
  const [own, ofControl, ofBuiltIn] = await cancelled;
  assert.deepEqual([own, ofControl], Array(2).fill({ status: "fulfilled", value: false }));
  assert.equal(ofBuiltIn.status === "rejected" && ofBuiltIn.reason.code, "unknown-protocol");
});

Deno.test("what cannot be scheduled is refused, and nothing is set", async () => {
  const { system, ada } = begin();
  await using _ = system;
  const to = ada.at(Box.put);
  await assert.rejects(system.schedule("", { afterMs: 5 }, to, "x"), { name: "RangeError" });
  await assert.rejects(system.schedule("a", { afterMs: NaN }, to, "x"), { name: "RangeError" });
  await assert.rejects(system.schedule("a", { cron: "61 * * * *" }, to, "x"), { name: "RangeError" });
  await assert.rejects(system.schedule("a", { cron: "0 0 30 2 *" }, to, "x"), { name: "RangeError" });
  const both = { everyMs: 5, ifAbsent: true } as never;
  await assert.rejects(system.schedule("a", both, to, "x"), { name: "RangeError", message: /ifAbsent/ });
  await assert.rejects(system.schedule("a", { afterMs: 5 }, to, 5 as never), { code: "invalid-payload" });
  const at = (address: Address) => system.schedule("a", { afterMs: 5 }, address as Address<string>, "x");
  await assert.rejects(at({ ...to, operation: "~schedule" }), { code: "invalid-address" });
  for (const operation of ["nothing", "toString", "constructor"]) {
    await assert.rejects(at({ ...to, operation }), { code: "unknown-operation" });
  }
  await assert.rejects(at({ ...to, protocol: "nobody" }), {
    code: "unknown-protocol",
    message: "Cannot schedule a of nobody/ada: this system hosts no actor of nobody",
  });
  await assert.rejects(system.cancelSchedule({ protocol: "box", key: "" }, "a"), { code: "invalid-key" });
  await assert.rejects(system.cancelSchedule(ada, ""), {
    name: "RangeError",
    message: 'Cannot cancel the schedule "": a name is 1 to 512 bytes of text: it is empty',
  });
  assert.deepEqual(await list(system.schedules()), []);
});

Deno.test("a schedule has one time, and no option that means nothing there", async () => {
  const { system, ada } = begin();
  await using _ = system;
  const set = (when: unknown) => system.schedule("a", when as { everyMs: number }, ada.at(Box.put), "x");
  const refused: readonly (readonly [unknown, RegExp])[] = [
    [undefined, /needs one of afterMs, at, everyMs and cron: none of them is given$/],
    [null, /none of them is given$/],
    [5, /none of them is given$/],
    [{ evryMs: 5 }, /none of them is given$/],
    [{ afterMs: 5, at: new Date(nowMs) }, /afterMs and at are given$/],
    [{ cron: "* * * * *", everyMs: 5 }, /everyMs and cron are given$/],
    [{ cron: "0 2 * * *", timezone: "Europe/Berlin" }, /no option timezone\. Did you mean timeZone\?$/],
    [{ everyMs: 5, timeZone: "UTC" }, /a time with everyMs has no option timeZone$/],
    [{ afterMs: 5, ifAbset: true }, /Did you mean ifAbsent\?$/],
  ];
  for (const [when, message] of refused) {
    await assert.rejects(set(when), { name: "RangeError", message });
  }
  assert.deepEqual(await list(system.schedules()), []);
  await set({ cron: "0 2 * * *", timeZone: undefined });
});

Deno.test("an actor with 1,000 schedules takes no other from outside", async () => {
  const { system, ada } = begin();
  await using _ = system;
  for (let n = 0; n < 1_000; n++) await system.schedule(`s${n}`, { afterMs: 5_000 }, ada.at(Box.clear));
  await assert.rejects(system.schedule("more", { afterMs: 5_000 }, ada.at(Box.clear)), {
    code: "too-many-schedules",
    message: "Cannot schedule for box/ada: it would have 1001 of 1000 schedules",
  });
  await system.schedule("s7", { afterMs: 9_000 }, ada.at(Box.clear));
});

for (const overflow of ["reject", "drop-oldest", "drop-newest"] as const) {
  Deno.test(`a schedule is refused or set, and no dead letter, in a full mailbox: ${overflow}`, async () => {
    const clock = new VirtualClock({ nowMs });
    const box = actor(Box, {
      state: () => null,
      on: { put: () => {}, clear: () => {}, set: () => {} },
      mailbox: { capacity: 2, overflow },
    });
    await using system = new System({ actors: [box], clock, log: false });
    const ada = system.ref(Box, "ada");
    const set = (name: string) => system.schedule(name, { everyMs: hourMs }, ada.at(Box.clear));
    const first = set("first"); // waits in the mailbox while the others come
    const sent = ["a", "b", "c"].map((text) => ada.tell(Box.put, text));
    const late = set("late");
    void Promise.allSettled([...sent, late]);
    await first;
    await assert.rejects(late, { code: "mailbox-full" });
    const dead = { "reject": [], "drop-oldest": ["put a", "put b"], "drop-newest": ["put b", "put c"] };
    const letters = system.deadLetters.list().map(({ operation, payload }) => `${operation} ${payload}`);
    assert.deepEqual(letters, dead[overflow]);
    assert.deepEqual(await list(system.schedules()), [
      `box/ada first {"everyMs":${hourMs}} clear ${hourMs}`,
    ]);
    await ada.tell(Box.put, "d");
    await clock.settle();
    assert.equal(system.stats().waiting, 0);
  });
}

Deno.test("what comes is dropped if only changes of schedules wait in a full mailbox", async () => {
  const clock = new VirtualClock({ nowMs });
  const on = { put: () => {}, clear: () => {}, set: () => {} };
  const box = actor(Box, { state: () => null, on, mailbox: { capacity: 1, overflow: "drop-oldest" } });
  await using system = new System({ actors: [box], clock, log: false });
  const ada = system.ref(Box, "ada");
  const setting = system.schedule("first", { everyMs: hourMs }, ada.at(Box.clear));
  await ada.tell(Box.put, "a");
  await setting;
  assert.deepEqual(system.deadLetters.list().map(({ payload, reason }) => [payload, reason]), [[
    "a",
    "dropped",
  ]]);
  assert.equal(system.stats().waiting, 0);
});

Deno.test("a system that has stopped schedules nothing", async () => {
  const { system, ada } = begin();
  await system.stop();
  await assert.rejects(system.schedule("a", { afterMs: 5 }, ada.at(Box.clear)), { code: "stopping" });
});
