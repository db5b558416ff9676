import assert from "node:assert/strict";
import { LimitExceededError, TerminalError } from "@posthorn/posthorn";
import { VirtualClock } from "@posthorn/posthorn/testing";
import fc from "fast-check";
import { resolveOptions } from "../../runtime/ports/options.ts";
import { InMemoryReplies, type KeptReply } from "../../runtime/in_memory_replies.ts";
import { Reply } from "../../runtime/messages/builtin_protocols.ts";
import { asks, type ReplyTarget, Route } from "../../runtime/messages/envelope.ts";
import { Timers } from "../../runtime/scheduling/timers.ts";

const failure = { id: "1", code: "failed", message: "No" };

/** Who waits for a reply, and how often it was told something. */
class Waiter implements ReplyTarget {
  readonly [asks] = true;
  readonly key: string;
  told = 0;
  over = false;

  constructor(key: string) {
    this.key = key;
  }

  reply(): void {
    this.told++;
    this.over = true;
  }

  fail(): void {
    this.reply();
  }
}

class Bench {
  readonly clock = new VirtualClock();
  readonly timers = new Timers(this.clock);
  readonly replies: InMemoryReplies;
  readonly opened: KeptReply[] = [];
  readonly waiters: Waiter[] = [];
  #last = 0;

  constructor(replies: number, replyBytes: number, keepMs: number) {
    const limits = { replies, replyBytes, ids: 10 };
    const options = resolveOptions({ actors: [], limits, replyRetentionMs: keepMs });
    this.replies = new InMemoryReplies(options, this.timers);
  }

  /** Keeps one more, if there is room. Returns whether there was. */
  open(caller: string | undefined, then?: "refused" | "settled" | "settled and refused"): boolean {
    return allowed(LimitExceededError, () => {
      const reply = this.replies.open(`R${++this.#last}`, caller);
      if (then?.startsWith("settled")) this.settle(reply, "x".repeat(300));
      if (then?.endsWith("refused")) return this.replies.remove(reply);
      this.opened.push(reply);
      this.replies.accepted();
    });
  }

  settle({ key }: KeptReply, value: unknown): void {
    const operation = value === failure ? Reply.refuse : Reply.arrive;
    allowed(
      TerminalError,
      () => this.replies.send({ protocol: "~reply", key }, new Route(operation), value),
    );
  }

  wait(reply: KeptReply): void {
    if (reply.outcome !== undefined || this.replies.find(reply.key) !== reply) return;
    const waiter = new Waiter(reply.key);
    this.waiters.push(waiter);
    reply.wait(waiter);
  }

  settled(reply: KeptReply): KeptReply {
    this.settle(reply, 1);
    return reply;
  }

  /** Its request was answered "later", perhaps after it had failed: then who waits from now on is told of what comes. */
  hold({ key }: KeptReply): void {
    const reply = this.replies.find(key);
    this.replies.hold(key, "L1");
    if (reply === undefined || reply.outcome !== undefined) return;
    for (const waiter of this.waiters.splice(0)) {
      if (waiter.key !== key || !waiter.over) this.waiters.push(waiter);
    }
  }

  collect(reply: KeptReply): void {
    if (reply.outcome !== undefined) this.replies.collect(reply);
  }
}

/** Whether it does not throw an error of that type. */
function allowed(type: new (...args: never[]) => Error, act: () => void): boolean {
  try {
    act();
    return true;
  } catch (error) {
    assert.ok(error instanceof type, String(error));
    return false;
  }
}

Deno.test("a reply that is evicted for what its getter submits takes no room", () => {
  const bench = new Bench(2, 1_000, 10_000);
  bench.open("ada");
  const [reply] = bench.opened;
  bench.wait(reply);
  bench.settle(reply, {
    get text() {
      while (bench.open(undefined));
      return "x".repeat(800);
    },
  });
  assert.equal(bench.replies.find(reply.key), undefined);
  assert.deepEqual(bench.waiters.map(({ told }) => told), [1]);
  bench.collect(bench.settled(bench.opened[1]));
  bench.collect(bench.settled(bench.opened[2]));
  assert.ok(bench.open("bob"));
  bench.settle(bench.opened[3], "x".repeat(50));
  bench.collect(bench.opened[3]);
  assert.ok(bench.open("bob"));
});

Deno.test("the reply to a request that failed and is answered later waits again, and for its caller's share", async () => {
  const bench = new Bench(4, 1_000, 60_000);
  bench.open("ada");
  const [reply] = bench.opened;
  bench.settle(reply, failure);
  bench.collect(reply);
  bench.hold(reply);
  await bench.clock.advance(600_000);
  assert.equal(bench.replies.find(reply.key)?.outcome, undefined);
  assert.deepEqual([bench.open("ada"), bench.open("ada")], [true, false]);
  bench.wait(reply);
  bench.settle(reply, "x");
  assert.equal(bench.waiters[0].told, 1);
});

const place = fc.nat(1_000);
const caller = fc.constantFrom(undefined, "ada", "bob");
const then = fc.constantFrom(
  undefined,
  "refused" as const,
  "settled" as const,
  "settled and refused" as const,
);
const step = fc.oneof(
  fc.record({ open: caller, then }),
  fc.record({ settle: place, length: fc.nat(600) }),
  fc.record({ refuse: place }),
  fc.record({ hold: place }),
  fc.record({ wait: place }),
  fc.record({ collect: place }),
  fc.record({ advance: fc.constantFrom(1, 59_999, 60_000, 100_000) }),
);

Deno.test("InMemoryReplies keep to their bounds and settle every waiter, whatever the order of events", async () => {
  const bounds = fc.record({
    replies: fc.integer({ min: 1, max: 9 }),
    replyBytes: fc.constantFrom(300, 700, 2_000),
    keepMs: fc.constantFrom(10, 70_000, 200_000, Infinity),
  });
  await fc.assert(
    fc.asyncProperty(
      bounds,
      fc.array(step, { maxLength: 80, size: "max" }),
      async ({ replies, replyBytes, keepMs }, steps) => {
        const bench = new Bench(replies, replyBytes, keepMs);
        const at = (place: number, act: (reply: KeptReply) => void) => {
          if (bench.opened.length > 0) act(bench.opened[place % bench.opened.length]);
        };
        for (const next of steps) {
          if ("then" in next) bench.open(next.open, next.then);
          else if ("settle" in next) at(next.settle, (reply) => bench.settle(reply, "x".repeat(next.length)));
          else if ("refuse" in next) at(next.refuse, (reply) => bench.settle(reply, failure));
          else if ("hold" in next) at(next.hold, (reply) => bench.hold(reply));
          else if ("wait" in next) at(next.wait, (reply) => bench.wait(reply));
          else if ("collect" in next) at(next.collect, (reply) => bench.collect(reply));
          else await bench.clock.advance(next.advance);
          assert.ok(bench.replies.size <= replies);
          for (const { key, told } of bench.waiters) {
            const reply = bench.replies.find(key);
            assert.equal(told, reply !== undefined && reply.outcome === undefined ? 0 : 1);
          }
        }
        for (const reply of bench.opened) {
          bench.settle(reply, "x");
          bench.collect(reply);
        }
        await bench.clock.advance(300_000);
        assert.deepEqual([bench.replies.size, bench.timers.size], [0, 0]);
        let count = 0;
        while (bench.open("ada")) count++;
        assert.equal(count, Math.ceil(replies / 2)); // its share is as it was at the beginning
        while (bench.open(undefined)) count++;
        assert.equal(count, replies);
      },
    ),
    {
      numRuns: 500,
      examples: [[
        { replies: 8, replyBytes: 300, keepMs: 10 },
        [{ open: "ada", then: undefined }, { open: "ada", then: "settled and refused" }],
      ]],
    },
  );
});
