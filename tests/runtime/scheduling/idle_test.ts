import assert from "node:assert/strict";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { IdleList, type Idler } from "../../../runtime/scheduling/idle.ts";
import { Timers } from "../../../runtime/scheduling/timers.ts";
import { Stage, Worker, worker } from "../memory_stage.ts";

/** A clock that counts how often it is read. */
class CountingClock extends VirtualClock {
  looks = 0;

  override monotonicMs(): number {
    this.looks++;
    return super.monotonicMs();
  }
}

function listOf(idleMs: number) {
  const clock = new CountingClock();
  const timers = new Timers(clock);
  const list = new IdleList(idleMs, timers);
  const passivated: string[] = [];
  const member = (name: string, usedMs = clock.monotonicMs()): Idler => ({
    idleBefore: undefined,
    idleAfter: undefined,
    usedMs,
    idle: true,
    passivate: () => void passivated.push(name),
  });
  return { clock, timers, list, passivated, member, looks: () => clock.looks };
}

Deno.test("IdleList passivates in the order of joining", async () => {
  const { clock, list, passivated, member } = listOf(100);
  for (const name of ["a", "b", "c"]) list.join(member(name));
  await clock.advance(99);
  assert.deepEqual(passivated, []);
  await clock.advance(1);
  assert.deepEqual(passivated, ["a", "b", "c"]);
});

Deno.test("IdleList does not watch members that may be idle forever", () => {
  const { list, timers, member } = listOf(Infinity);
  const ada = member("ada");
  list.join(ada);
  assert.deepEqual([timers.size, ada.idleBefore], [0, undefined]);
  list.leave(ada);
});

for (const place of [0, 1, 2]) {
  Deno.test(`IdleList continues without number ${place} of three that leaves, and with it when it joins again`, async () => {
    const { clock, list, passivated, member } = listOf(100);
    const members = ["a", "b", "c"].map((name) => member(name));
    for (const one of members) list.join(one);
    list.leave(members[place]);
    list.leave(members[place]);
    await clock.advance(100);
    assert.deepEqual(passivated, ["a", "b", "c"].filter((_, index) => index !== place));
    list.join(members[place], clock.monotonicMs());
    await clock.advance(100);
    assert.equal(passivated.length, 3);
  });
}

Deno.test("IdleList takes a member once, however often it joins", async () => {
  const { clock, list, passivated, member } = listOf(100);
  const ada = member("ada");
  for (let times = 0; times < 3; times++) list.join(ada);
  await clock.advance(1_000);
  assert.deepEqual(passivated, ["ada"]);
});

Deno.test("IdleList lets a member leave, or join again, while others are passivated", async () => {
  const { clock, list, passivated, member } = listOf(100);
  const [one, other] = [member("one"), member("other")];
  one.passivate = () => {
    passivated.push("one");
    list.leave(other);
    list.join(one, clock.monotonicMs());
    one.passivate = () => void passivated.push("one again");
  };
  for (const each of [one, other]) list.join(each);
  await clock.advance(100);
  await clock.advance(200);
  assert.equal(passivated[0], "one");
  assert.equal(passivated.at(-1), "one again");
  assert(passivated.filter((name) => name === "other").length <= 1);
});

Deno.test("IdleList takes a member that was used long ago after it has looked at those of that time", async () => {
  const { clock, list, passivated, member } = listOf(100);
  list.join(member("one"));
  await clock.advance(100);
  list.join(member("other", 1));
  await clock.advance(200);
  assert.deepEqual(passivated, ["one", "other"]);
});

Deno.test("IdleList looks at a million members with one timer, reads no clock for them, and keeps nothing beside them", async () => {
  const { clock, list, timers, looks, member } = listOf(100);
  let passivated = 0;
  const count = 1_000_000;
  const first = member("first");
  list.join(first);
  const before = looks();
  const passivate = () => void passivated++;
  for (let made = 1; made < count; made++) {
    list.join({ idleBefore: undefined, idleAfter: undefined, usedMs: 0, idle: true, passivate });
  }
  assert.deepEqual([timers.size, looks() - before], [1, 0]);
  await clock.advance(100);
  assert.equal(passivated, count - 1);
  await clock.advance(1_000);
  assert.equal(timers.size, 0);
});

// --- In a system

Deno.test("IdleList passivates an actor that its messages find again, state and all", async () => {
  await using it = new Stage({ actors: [worker({ idleMs: 100 })] });
  it.watch("activated", "passivated");
  const ada = it.ref("ada");
  await ada.tell(Worker.note, "1");
  await it.clock.advance(100);
  assert.deepEqual(it.events, ["activated ada", "passivated ada"]);
  await ada.tell(Worker.note, "2");
  await it.clock.advance(1_000);
  assert.deepEqual(it.events.length, 4);
  assert.deepEqual(await ada.ask(Worker.call, (ctx) => ctx.state), ["1", "2"]);
});

Deno.test("IdleList lets an actor stay that is busy, or waits to try a message again", async () => {
  await using it = new Stage({ actors: [worker({ idleMs: 100, retry: { attempts: 3, baseMs: 1_000 } })] });
  it.watch("passivated");
  await it.ref("ada").tell(
    Worker.run,
    () => new Promise<void>((resolve) => void it.clock.setTimer(950, resolve)),
  );
  await it.clock.advance(949);
  assert.deepEqual(it.events, []);
  await it.clock.advance(1 + 200);
  assert.deepEqual(it.events, ["passivated ada"]);
});

Deno.test("IdleList forgets an actor that left memory by another way", async () => {
  for (const leave of ["passivate", "restart", "erase"] as const) {
    await using it = new Stage({ actors: [worker({ idleMs: 100 })] });
    it.watch("passivated", "restarted", "erased", "activated");
    await it.ref("ada").tell(Worker.run, () => {});
    await it.clock.settle();
    it.system.signal({ protocol: "worker", key: "ada" }, leave);
    await it.clock.settle();
    const before = it.events.length;
    assert.equal(before, 2);
    await it.clock.advance(1_000);
    assert.equal(it.events.length, before, it.events.join());
    await it.ref("ada").tell(Worker.run, () => {});
    await it.clock.advance(1_000);
    assert.deepEqual(it.events.slice(before), ["activated ada", "passivated ada"]);
  }
});
