import assert from "node:assert/strict";
import { VirtualClock } from "@posthorn/posthorn/testing";
import fc from "fast-check";
import { IdleList, type Idler } from "../../runtime/scheduling/idle.ts";
import { Timers } from "../../runtime/scheduling/timers.ts";

/**
 * A member that behaves as an actor does: it joins when it is used, records when, and leaves when it is
 * passivated.
 */
class Member implements Idler {
  idleBefore: Idler | undefined = undefined;
  idleAfter: Idler | undefined = undefined;
  usedMs = 0;
  idle = true;
  joined = false;
  passivatedMs: number | undefined;
  private readonly it: World;

  constructor(it: World) {
    this.it = it;
  }

  use(): void {
    this.usedMs = Math.trunc(this.it.clock.monotonicMs());
    this.joined = true;
    this.passivatedMs = undefined;
    this.it.list.join(this);
  }

  leave(): void {
    this.joined = false;
    this.it.list.leave(this);
  }

  passivate(): void {
    assert(this.joined && this.idle, "it was not there to be passivated");
    this.joined = false;
    this.passivatedMs = this.it.clock.monotonicMs();
    this.it.passivated++;
    assert(this.passivatedMs - this.usedMs >= this.it.idleMs, "it was not idle for long enough");
    assert.deepEqual([this.idleBefore, this.idleAfter], [undefined, undefined]);
  }
}

class World {
  readonly clock = new VirtualClock();
  readonly timers = new Timers(this.clock);
  readonly list: IdleList;
  readonly idleMs: number;
  passivated = 0;

  constructor(idleMs: number) {
    this.idleMs = idleMs;
    this.list = new IdleList(idleMs, this.timers);
  }
}

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("use" as const), which: fc.nat(29), byMs: fc.constant(0) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("leave" as const), which: fc.nat(29), byMs: fc.constant(0) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("work" as const), which: fc.nat(29), byMs: fc.constant(0) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("rest" as const), which: fc.nat(29), byMs: fc.constant(0) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("pass" as const), which: fc.constant(0), byMs: fc.nat(60) }),
  },
);

Deno.test("IdleList passivates members that were idle for their time, never earlier, and before twice that time", async () => {
  let passivated = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(7, 20, 50, 100),
      fc.array(step, { maxLength: 50, size: "max" }),
      async (idleMs, steps) => {
        const it = new World(idleMs);
        const members = Array.from({ length: 30 }, () => new Member(it));
        for (const { kind, which, byMs } of steps) {
          const member = members[which];
          if (kind === "use") member.use();
          else if (kind === "leave") member.leave();
          else if (kind === "work") member.idle = false;
          else if (kind === "rest" && !member.idle) {
            member.idle = true;
            member.usedMs = it.clock.monotonicMs(); // its turn has ended
          }
          if (byMs > 0) await it.clock.advance(byMs);
          const nowMs = it.clock.monotonicMs();
          for (const { joined, idle, usedMs } of members) {
            assert(
              !joined || !idle || nowMs - usedMs <= 2 * idleMs + 1,
              `it is there after ${nowMs - usedMs} ms`,
            );
          }
          assert(it.timers.size <= 1, "one timer is enough");
        }
        for (const member of members) member.idle = true;
        await it.clock.advance(3 * idleMs);
        assert.deepEqual(members.filter(({ joined }) => joined), []);
        await it.clock.advance(3 * idleMs);
        assert.equal(it.timers.size, 0, "it watches an empty list");
        passivated += it.passivated;
      },
    ),
    { seed: 8, numRuns: 60 },
  );
  assert(passivated > 100);
});
