// The code with which a handler fails is the handler's, also if the runtime has the same word: whoever asked gets a
// TerminalError with it, wherever the handler ran.

import assert from "node:assert/strict";
import {
  actor,
  ask,
  type Later,
  protocol,
  type Ref,
  submit,
  System,
  tell,
  TerminalError,
} from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import * as z from "zod";
import { kinds, onEach } from "../durable/durable_stage.ts";
import { Services } from "../remote/services.ts";

const codes = [
  "deadline",
  "stopping",
  "given-up",
  "outcome-unknown",
  "mailbox-full",
  "cancelled",
  "sold-out",
];

const Desk = protocol("desk", {
  ask: ask(z.string(), z.string()),
  submit: submit(z.string(), z.string()),
  later: submit(z.string(), z.string()),
  fail: tell(z.string()),
});

const desk = actor(Desk, {
  state: (): { readonly answer?: Later<string> } => ({}),
  on: {
    ask: (_ctx, code) => refuse(code),
    submit: (_ctx, code) => refuse(code),
    later(ctx) {
      const answer = ctx.later();
      ctx.state = { answer };
      return answer;
    },
    fail: (ctx, code) => ctx.fail(ctx.state.answer!, { code, message: "in its own words" }),
  },
});

function refuse(code: string): never {
  throw new TerminalError("in its own words", { code });
}

type During = <Result>(promise: Promise<Result>) => Promise<Result>;

/** Fails requests of each mode with codes that the runtime has as well. */
async function failIn(of: (key: string) => Ref<"desk">, answers: System, during: During): Promise<void> {
  for (const code of codes) {
    const isOwn = (error: unknown) => {
      assert(error instanceof TerminalError, `${code} is ${error}`);
      assert.deepEqual([error.code, error.message.includes("in its own words")], [code, true]);
      return true;
    };
    const submitted = await during(of(code).submit(Desk.submit, code));
    await assert.rejects(during(submitted.reply()), isOwn);
    await assert.rejects(during(of(code).ask(Desk.ask, code)), isOwn);
    const later = await during(of(code).submit(Desk.later, code));
    await during(later.reply({ timeoutMs: 10 }).catch(() => {}));
    await during(answers.ref(Desk, code).tell(Desk.fail, code));
    await assert.rejects(during(later.reply()), isOwn);
  }
}

Deno.test("without a store the code of a handler stays its own", async () => {
  const clock = new VirtualClock();
  await using system = new System({ actors: [desk], clock, random: seededRandom(1), log: false });
  const during: During = async (promise) => {
    promise.catch(() => {});
    for (let turn = 0; turn < 5; turn++) await clock.advance(5);
    return await promise;
  };
  await failIn((key) => system.ref(Desk, key), system, during);
});

onEach(kinds, "with a store, and from a front, the code of a handler stays its own", async (stage) => {
  const system = await stage.start([desk]);
  const front = await stage.start([], { peers: [Desk] });
  const during: During = async (promise) => {
    let over = false;
    promise.finally(() => over = true).catch(() => {});
    for (let steps = 0; !over && steps < 400; steps++) await stage.pass(5, 5);
    return await promise;
  };
  for (const through of [system, front]) await failIn((key) => through.ref(Desk, key), system, during);
});

for (const [home, caller] of [[true, true], [true, false], [false, true], [false, false]]) {
  const where = `${home ? "with" : "without"} a store, of a caller ${caller ? "with" : "without"} one`;
  Deno.test(`over a broker the code of a handler stays its own, ${where}`, async () => {
    await using services = new Services();
    const stored = (has: boolean) => has ? { store: memoryStore() } : {};
    const office = await services.start("office", [desk], { ...stored(home), expose: [Desk] });
    const boss = await services.start("boss", [], { ...stored(caller), remote: [Desk] });
    await failIn((key) => boss.ref(Desk, key), office, (promise) => services.during(promise));
  });
}
