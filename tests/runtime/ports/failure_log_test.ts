import assert from "node:assert/strict";
import {
  actor,
  type Inspection,
  protocol,
  RetryableError,
  tell,
  TerminalError,
  unchecked,
} from "@posthorn/posthorn";
import { VirtualClock } from "@posthorn/posthorn/testing";
import type { DeadLetter } from "../../../runtime/ports/dead_letters.ts";
import { FailureLog } from "../../../runtime/ports/failure_log.ts";
import { Stage, Worker, worker } from "../memory_stage.ts";

function letter(id: string, message = "worker/ada run failed: No."): DeadLetter {
  const parts = { protocol: "worker", key: "ada", operation: "run", payload: undefined, atMs: 0 };
  return { ...parts, id, reason: "failed", message, attempts: 1 };
}

Deno.test("FailureLog tells the first failure of a message, and that it is dead", async () => {
  const lines: string[] = [];
  const events: Inspection[] = [];
  const log = (line: string, event: Inspection) => {
    lines.push(line.replace(/ at .*$/, "").replace(/after \d+ ms/, "after some ms"));
    events.push(event);
  };
  await using it = new Stage({ actors: [worker({ retry: { attempts: 3 } })], log });
  await it.ref("ada").tell(Worker.run, () => {
    throw new TypeError("it is broken");
  }, { id: "one" });
  await it.clock.advance(10_000);
  assert.deepEqual(lines, [
    "posthorn: worker/ada run failed, it is tried again after some ms: TypeError: it is broken",
    "posthorn: dead letter one to worker/ada run, failed after 3 attempts: worker/ada run failed: it is broken " +
    "(TypeError: it is broken",
  ]);
  assert.deepEqual(events.map(({ type }) => type), ["failed", "dead"]);
});

Deno.test("FailureLog says where an error was thrown", async () => {
  const lines: string[] = [];
  await using it = new Stage({ actors: [worker()], log: (line) => lines.push(line) });
  await it.ref("ada").tell(Worker.run, () => {
    throw new RetryableError("busy", { afterMs: 5 });
  });
  await it.clock.settle();
  assert.match(lines[0], /busy at .*failure_log_test\.ts/);
});

Deno.test("FailureLog logs a message without a receiver, and once a message that fails for good at once", async () => {
  const lines: string[] = [];
  const Stranger = protocol("stranger", { note: tell(unchecked<string>()) });
  await using it = new Stage({ actors: [worker()], log: (line) => lines.push(line) });
  await it.ref("ada").tell(Worker.run, (ctx) => ctx.ref(Stranger, "x").tell(Stranger.note, ""), { id: "a" });
  await it.ref("bob").tell(Worker.run, () => {
    throw new TerminalError("No.", { code: "refused" });
  });
  await it.clock.settle();
  assert.equal(lines.length, 2, lines.join("\n"));
  assert.match(lines[0], /stranger\/x note, unknown-protocol/);
  assert.match(lines[1], /worker\/bob run, refused after 1 attempt/);
});

Deno.test("FailureLog is silent if log is false", async () => {
  const { error } = console;
  const lines: unknown[] = [];
  console.error = (...parts) => void lines.push(parts);
  try {
    await using it = new Stage({ actors: [worker()], log: false });
    await it.ref("ada").tell(Worker.run, () => Promise.reject(new TerminalError("No.")));
    await it.clock.settle();
    assert.equal(it.dead.length, 1);
  } finally {
    console.error = error;
  }
  assert.deepEqual(lines, []);
});

Deno.test("FailureLog writes to stderr where no log is named", async () => {
  const { error } = console;
  const lines: string[] = [];
  console.error = (line: string) => void lines.push(line);
  try {
    await using it = new Stage({ actors: [worker()], log: undefined });
    await it.ref("ada").tell(Worker.run, () => Promise.reject(new TerminalError("No.")));
    await it.clock.settle();
  } finally {
    console.error = error;
  }
  assert.equal(lines.length, 1);
  assert.match(lines[0], /^posthorn: dead letter /);
});

Deno.test("FailureLog writes at most 20 lines a second, and says how many it left out", async () => {
  const clock = new VirtualClock();
  const lines: string[] = [];
  const log = new FailureLog((line) => lines.push(line), clock);
  for (let count = 0; count < 50; count++) log.dead(letter(String(count)));
  assert.equal(lines.length, 20);
  await clock.advance(1_000);
  log.dead(letter("next"));
  log.dead(letter("last"));
  assert.match(lines[20], /next .*\(30 failures before it were left out\)$/);
  assert.doesNotMatch(lines[21], /left out/);
});

Deno.test("FailureLog escapes what would move the cursor, colour the terminal or begin a line", () => {
  const lines: string[] = [];
  const log = new FailureLog((line) => lines.push(line), new VirtualClock());
  log.dead(letter("1", "a\nposthorn: forged\u001b[2J\u009b\u2028\u202e"), new Error("b\r\nc"));
  assert.equal(lines.length, 1);
  // deno-lint-ignore no-control-regex -- control characters are what must not be there
  assert.doesNotMatch(lines[0], /[\u0000-\u001f\u007f-\u009f\u2028-\u202e]/);
  assert.match(lines[0], /a\\u000aposthorn: forged\\u001b\[2J/);
});

Deno.test("FailureLog cuts what an error says, and shows what cannot be shown", () => {
  const lines: string[] = [];
  const log = new FailureLog((line) => lines.push(line), new VirtualClock());
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const mean = Object.defineProperty(new Error(""), "message", {
    get() {
      throw new Error("no words");
    },
  });
  const endless = "x".repeat(10_000);
  for (const error of [proxy, mean, Symbol("s"), null, 5, { toString: 1 }, new Error(endless)]) {
    log.dead(letter("1"), error);
  }
  assert.equal(lines.length, 7);
  assert.ok(lines.every((line) => line.length < 2_500));
  // as untrusted clients can cause it
  log.dead(letter("1", endless), new Error(`${endless}\n    at ${endless}`));
  assert.ok(lines[7].length < 6_500);
});

Deno.test("FailureLog tells no credentials, and no place that the words of an error make up", () => {
  const lines: string[] = [];
  const log = new FailureLog((line) => lines.push(line), new VirtualClock());
  log.dead(letter("1"), new Error("Cannot reach http://user:hunter2@db/x\n    at forged.ts:1:1"));
  log.dead(letter("2", `${"x".repeat(980)} http://user:hunter2hunter2@db`), new Error("No."));
  assert.doesNotMatch(lines.join(), /hunter2/);
  assert.match(lines[0], /http:\/\/…@db\/x\\u000a +at forged\.ts:1:1 at .*failure_log_test\.ts/);
});

Deno.test("a FailureLog that throws does not change what it reports", async () => {
  const { error } = console;
  const written: string[] = [];
  console.error = (line: string) => void written.push(line);
  try {
    const Job = protocol("job", { run: tell(unchecked<string>()) });
    const ran: string[] = [];
    const job = actor(Job, {
      state: () => null,
      retry: { attempts: 1 },
      on: {
        run(_ctx, text) {
          ran.push(text);
          if (text === "bad") throw new Error("boom");
        },
      },
    });
    await using it = new Stage({
      actors: [job],
      log: () => {
        throw new Error("the disk is full");
      },
    });
    const ref = it.system.ref(Job, "a");
    await ref.tell(Job.run, "bad");
    await ref.tell(Job.run, "good");
    await it.clock.settle();
    assert.deepEqual(ran, ["bad", "good"]);
    assert.deepEqual(it.dead, ["a run: failed"]);
  } finally {
    console.error = error;
  }
  assert.equal(written.length, 2);
  assert.match(written[1], /the log failed: Error: the disk is full/);
});
