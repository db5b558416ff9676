import assert from "node:assert/strict";
import {
  DeadLetterError,
  DeadlineExceededError,
  DeadlockError,
  IdConflictError,
  InvalidPayloadError,
  LimitExceededError,
  MailboxFullError,
  NotFoundError,
  PosthornError,
  ReplyPendingError,
  RetryableError,
  StoppedError,
  TerminalError,
} from "@posthorn/posthorn";
import { messageOf } from "../../../runtime/base/errors.ts";

Deno.test("every error has its name, its code and its words, and is a PosthornError", () => {
  const cases: readonly (readonly [error: PosthornError, name: string, code: string, message: string])[] = [
    [new PosthornError("odd", "Odd"), "PosthornError", "odd", "Odd"],
    [
      new InvalidPayloadError("Cannot", []),
      "InvalidPayloadError",
      "invalid-payload",
      "Cannot: the schema refuses it",
    ],
    [
      new MailboxFullError("order/ada", 5, 5),
      "MailboxFullError",
      "mailbox-full",
      "Cannot deliver to order/ada: its mailbox holds 5 of 5 messages",
    ],
    [new LimitExceededError("too-many-actors", "Full"), "LimitExceededError", "too-many-actors", "Full"],
    [new DeadlineExceededError("Late"), "DeadlineExceededError", "deadline", "Late"],
    [new ReplyPendingError("Later"), "ReplyPendingError", "deadline", "Later"],
    [new StoppedError("Stopped"), "StoppedError", "stopping", "Stopped"],
    [new NotFoundError("unknown-reply", "Who?"), "NotFoundError", "unknown-reply", "Who?"],
    [new DeadLetterError("dropped", "Dropped"), "DeadLetterError", "dropped", "Dropped"],
    [
      new DeadlockError(["s/a", "s/b", "s/a"]),
      "DeadlockError",
      "cycle",
      "Cannot ask s/b: the answer would wait for itself: s/a → s/b → s/a",
    ],
    [new IdConflictError("Again"), "IdConflictError", "id-reused", "Again"],
    [new TerminalError("Never"), "TerminalError", "terminal", "Never"],
    [new TerminalError("Never", { code: "no-money" }), "TerminalError", "no-money", "Never"],
    [new RetryableError("Busy", { afterMs: 5 }), "RetryableError", "retry", "Busy"],
  ];
  for (const [error, name, code, message] of cases) {
    assert.ok(error instanceof PosthornError && error instanceof Error);
    assert.deepEqual([error.name, error.code, error.message], [name, code, message]);
    assert.equal(String(error), `${name}: ${message}`);
  }
});

Deno.test("an error keeps its cause and what belongs to it", () => {
  const cause = new Error("why");
  assert.equal(new TerminalError("Never", { cause }).cause, cause);
  assert.equal(new RetryableError("Busy", { afterMs: 0, cause }).cause, cause);
  assert.equal(new DeadLetterError("failed", "Failed", { cause }).cause, cause);
  assert.equal(new MailboxFullError("order/ada", 5, 7).capacity, 7);
  assert.deepEqual(new DeadlockError(["a", "b", "a"]).chain, ["a", "b", "a"]);
});

Deno.test("a payload's error says the first thing that is wrong, and keeps all", () => {
  const issues = [{ message: "Expected number", path: ["lines", 0, "cents"] }, {
    message: "Too long",
    path: [],
  }];
  const error = new InvalidPayloadError("Cannot accept order/ada add", issues);
  assert.equal(error.message, "Cannot accept order/ada add: Expected number at lines.0.cents (and 1 more)");
  assert.deepEqual(error.issues, issues);
  assert.equal(new InvalidPayloadError("Cannot", issues.slice(1)).message, "Cannot: Too long");
});

Deno.test("a payload's error keeps 20 of its issues, cut to what people read, and how many there were", () => {
  const issue = (index: number) => ({
    message: `${index} ${"☕".repeat(100_000)}`,
    path: Array.from({ length: 100 }, () => "k".repeat(1_000)),
  });
  const error = new InvalidPayloadError("Cannot", Array.from({ length: 300 }, (_, index) => issue(index)));
  assert.deepEqual([error.issues.length, error.issuesTotal], [20, 300]);
  for (const { message, path } of error.issues) {
    assert.equal(message.length, 200);
    assert.deepEqual([path.length, String(path[0]).length], [16, 64]);
  }
  assert.ok(error.message.length < 2_000);
  assert.match(error.message, / \(and 299 more\)$/);
  assert.equal(new InvalidPayloadError("Cannot", [issue(0)], 7).issuesTotal, 7);
});

Deno.test("a retry needs a time of at least 0, and one that comes", () => {
  assert.equal(new RetryableError("Busy", { afterMs: 0 }).afterMs, 0);
  for (const afterMs of [-1, NaN, Infinity, "5" as never]) {
    assert.throws(() => new RetryableError("Busy", { afterMs }), {
      name: "RangeError",
      message:
        `Cannot retry after afterMs: it must be a finite number of at least 0: current value is ${afterMs}`,
    });
  }
});

Deno.test("messageOf() gives a message for any thrown value", () => {
  assert.deepEqual([new Error("broken"), "text", 5, null, undefined].map(messageOf), [
    "broken",
    "text",
    "5",
    "null",
    "undefined",
  ]);
});

Deno.test("messageOf() gives a message for an error whose message is not text", () => {
  const error = Object.assign(new Error("x"), { message: Object.create(null) });
  assert.equal(messageOf(error), "something that has no words");
});
