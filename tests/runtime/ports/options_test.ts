import assert from "node:assert/strict";
import { System, type SystemOptions } from "@posthorn/posthorn";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { resolveOptions } from "../../../runtime/ports/options.ts";

Deno.test("resolveOptions fills in every default", () => {
  const { clock, random, log, ...rest } = resolveOptions({ actors: [] });
  assert.equal(typeof log, "function");
  assert.deepEqual(rest, {
    askTimeoutMs: 5_000,
    deduplicationWindowMs: 86_400_000,
    replyRetentionMs: 3_600_000,
    laterMs: 604_800_000,
    onWakeAt: undefined,
    drainMs: 1_000,
    limits: {
      actors: 1_000_000,
      answerBytes: 16_777_216,
      deadLetterBytes: 67_108_864,
      deadLetters: 1_000,
      delayed: 100_000,
      delayedBytes: 67_108_864,
      events: 1_000,
      ids: 10_000,
      outbox: 10_000,
      outboxBytes: 67_108_864,
      replies: 100_000,
      replyBytes: 67_108_864,
    },
    scheduler: { throughput: 4_096, mailboxMs: 1, sliceMs: 1.5 },
  });
  assert.equal(typeof clock.now(), "number");
  assert.equal(typeof random.next(), "number");
  assert.equal(typeof log, "function");
});

Deno.test("resolveOptions keeps what it is given", () => {
  const clock = new VirtualClock();
  const options = resolveOptions({
    actors: [],
    clock,
    drainMs: 0,
    deduplicationWindowMs: Infinity,
    limits: { ids: 3 },
  });
  assert.equal(options.clock, clock);
  assert.deepEqual([options.drainMs, options.deduplicationWindowMs, options.limits.ids], [0, Infinity, 3]);
});

Deno.test("resolveOptions names the option that is out of its bounds", () => {
  const wrong: readonly (readonly [Partial<SystemOptions>, string])[] = [
    [{ askTimeoutMs: 0 }, "askTimeoutMs"],
    [{ deduplicationWindowMs: -1 }, "deduplicationWindowMs"],
    [{ replyRetentionMs: NaN }, "replyRetentionMs"],
    [{ drainMs: -1 }, "drainMs"],
    [{ drainMs: NaN }, "drainMs"],
    [{ limits: { actors: 0 } }, "limits.actors"],
    [{ limits: { deadLetters: 1.5 } }, "limits.deadLetters"],
    [{ limits: { ids: Infinity } }, "limits.ids"],
    [{ limits: { answerBytes: 0 } }, "limits.answerBytes"],
    [{ limits: { replies: -1 } }, "limits.replies"],
    [{ scheduler: { throughput: 0 } }, "scheduler.throughput"],
    [{ scheduler: { mailboxMs: 0 } }, "scheduler.mailboxMs"],
    [{ scheduler: { sliceMs: 0 } }, "scheduler.sliceMs"],
  ];
  for (const [options, name] of wrong) {
    assert.throws(() => resolveOptions({ actors: [], ...options }), (error: Error) => {
      assert(error instanceof RangeError);
      assert(error.message.startsWith(`Cannot use ${name}: `), error.message);
      return true;
    });
  }
});

Deno.test("a system refuses an option that does not exist, also in limits and scheduler, and names the right one", () => {
  const cases: readonly (readonly [options: object, message: RegExp])[] = [
    [{ stor: undefined }, /^Cannot use stor of System: there is no such option\. Did you mean store\?$/],
    [
      { limits: { actor: 5 } },
      /^Cannot use limits\.actor of System: there is no such option\. Did you mean actors\?$/,
    ],
    [{ scheduler: { sliceMS: 5 } }, /^Cannot use scheduler\.sliceMS of System: .+\. Did you mean sliceMs\?$/],
    [{ something: 5 }, /^Cannot use something of System: there is no such option$/],
    [{ limits: 5 }, /^Cannot use limits of System: it must be an object$/],
  ];
  for (const [options, message] of cases) {
    const given = { actors: [], ...options } as SystemOptions;
    assert.throws(() => resolveOptions(given), { name: "TypeError", message });
    assert.throws(() => new System(given), { name: "TypeError", message });
  }
  assert.throws(() => new System(undefined as never), {
    name: "TypeError",
    message: /^Cannot use the options/,
  });
});
