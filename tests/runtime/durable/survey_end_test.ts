// A survey with topics in a store ends when each respondent of that moment has replied, abstained or failed.

import assert from "node:assert/strict";
import {
  actor,
  protocol,
  type Replies,
  survey,
  type System,
  TerminalError,
  unchecked,
} from "@posthorn/posthorn";
import {
  inMemory,
  kinds,
  missedMs,
  onEach,
  ref,
  sharedKinds,
  type Stage,
  Worker,
  worker,
} from "./durable_stage.ts";

/** A respondent whose key says what it does. */
const respondent = worker({
  quote: (ctx) => {
    switch (ctx.key) {
      case "abstains":
        return undefined;
      case "abstains later":
        return Promise.resolve(undefined);
      case "fails":
        throw new Error("failed");
      case "fails later":
        return Promise.reject(new Error("failed later"));
      case "refuses":
        throw new TerminalError("no");
      case "gives no data":
        return (() => {}) as never;
      case "gives too much":
        return "x".repeat(40_000_000);
      default:
        return `from ${ctx.key}`;
    }
  },
});

const Odd = protocol("odd", { quote: survey(unchecked<string>(), unchecked<string>()) });
const broken = actor(Odd, {
  state: (): null => {
    throw new Error("no state");
  },
  on: { quote: () => "never" },
});

async function subscribed(stage: Stage, system: System, ...respondents: string[]): Promise<void> {
  for (const key of respondents) {
    await system.subscribe(Worker.quote, ref(system, key).at(Worker.quote)).ready;
  }
  await stage.settle();
}

/** The replies of a survey that ends without a deadline, sorted, and why it ended. */
async function outcomeOf(stage: Stage, replies: Replies<string>): Promise<[string[], string | undefined]> {
  let all: string[] | undefined;
  const collecting = Array.fromAsync(replies).then((collected) => all = collected);
  await stage.until("the survey ends", () => all !== undefined);
  return [(await collecting).toSorted(), replies.end];
}

const forLong = { timeoutMs: 3_600_000 };

onEach(kinds, "a survey ends when all have replied, abstained or failed", async (stage) => {
  const system = await stage.start([respondent, broken]);
  const failing = ["abstains", "abstains later", "fails", "fails later", "refuses"];
  await subscribed(stage, system, "ada", "bob", ...failing);
  await system.subscribe(Worker.quote, system.ref(Odd, "a").at(Odd.quote)).ready;
  using _here = system.subscribe(Worker.quote, () => "here");
  using _silent = system.subscribe(Worker.quote, () => undefined);
  using _throwing = system.subscribe(Worker.quote, () => {
    throw new Error("no");
  });
  const replies = system.survey(Worker.quote, "quote", forLong);
  assert.deepEqual(await outcomeOf(stage, replies), [["from ada", "from bob", "here"], "all"]);
  await stage.settle();
  assert.deepEqual(await stage.keys("answer"), []);
  assert.equal(system.stats().protocols["~collector"].actors, 0);
});

onEach(kinds, "a survey of nobody ends at once", async (stage) => {
  const system = await stage.start([respondent]);
  assert.deepEqual(await outcomeOf(stage, system.survey(Worker.quote, "quote", forLong)), [[], "all"]);
});

inMemory("a reply that no commit takes is a failure of its respondent", async (stage) => {
  const system = await stage.start([respondent]);
  await subscribed(stage, system, "ada", "gives too much");
  const outcome = await outcomeOf(stage, system.survey(Worker.quote, "quote", forLong));
  assert.equal(outcome[1], "all");
});

onEach(sharedKinds, "a survey ends when those that other processes host are through", async (stage) => {
  const hosts = await stage.start([respondent]);
  await subscribed(stage, hosts, "ada", "abstains", "fails", "gives no data");
  const asks = await stage.start([actor(protocol("idle", {}), { state: () => null, on: {} })]);
  const replies = asks.survey(Worker.quote, "quote", { timeoutMs: 60_000 });
  let all: string[] | undefined;
  const collecting = Array.fromAsync(replies).then((collected) => all = collected);
  for (let ms = 0; all === undefined && ms < 20_000; ms += 20) await stage.pass(20, 20);
  await collecting;
  assert.deepEqual([all, replies.end], [["from ada"], "all"]);
  assert.deepEqual(await stage.keys("answer"), []);
});

inMemory("a survey with more respondents than one commit asks ends when all are through", async (stage) => {
  const system = await stage.start([respondent]);
  const keys = Array.from({ length: 450 }, (_, index) => `k${index}`);
  await subscribed(stage, system, ...keys, "abstains");
  using _here = system.subscribe(Worker.quote, () => "here");
  const [replies, end] = await outcomeOf(stage, system.survey(Worker.quote, "quote", forLong));
  assert.deepEqual([replies.length, end], [451, "all"]);
});

inMemory("a survey ends although a process ended in which a respondent was at work", async (stage) => {
  const never = worker({ quote: () => new Promise<string>(() => {}) });
  const hosts = await stage.start([never]);
  await subscribed(stage, hosts, "ada");
  const asks = await stage.start([actor(protocol("idle", {}), { state: () => null, on: {} })]);
  const replies = asks.survey(Worker.quote, "quote", forLong);
  let all: string[] | undefined;
  const collecting = Array.fromAsync(replies).then((collected) => all = collected);
  await stage.pass(500, 20);
  await stage.kill(hosts);
  await stage.start([respondent]);
  await stage.pass(missedMs * 2);
  assert.deepEqual([await collecting, all, replies.end], [["from ada"], ["from ada"], "all"]);
});

inMemory("a respondent that abstains writes no commit more than one that replies", async (stage) => {
  const commits: number[] = [];
  for (const key of ["ada", "abstains"]) {
    const system = await stage.start([respondent]);
    await subscribed(stage, system, key);
    const store = stage.storeOf(system);
    let count = 0;
    store.refuse = (parts) => void (count += parts.length);
    const [replies] = await outcomeOf(stage, system.survey(Worker.quote, "quote", forLong));
    await stage.settle();
    store.refuse = undefined;
    commits.push(count);
    assert.equal(replies.length, key === "ada" ? 1 : 0);
    await system.unsubscribe(Worker.quote, ref(system, key).at(Worker.quote));
    await stage.kill(system);
    await stage.pass(missedMs);
  }
  assert.equal(commits[0], commits[1]);
});

inMemory("a resent respondent is not counted twice", async (stage) => {
  let failing = true;
  const gate = Promise.withResolvers<string>();
  const flaky = worker({
    quote: () => {
      if (failing) throw new Error("failed");
      return "again";
    },
  });
  const system = await stage.start([flaky]);
  await subscribed(stage, system, "ada");
  using _slow = system.subscribe(Worker.quote, () => gate.promise);
  const replies = system.survey(Worker.quote, "quote", forLong);
  let all: string[] | undefined;
  const collecting = Array.fromAsync(replies).then((collected) => all = collected);
  await stage.until("it is a dead letter", () => system.deadLetters.list().length > 0);
  failing = false;
  await system.deadLetters.resend(system.deadLetters.list()[0].id);
  await stage.settle();
  assert.equal(all, undefined);
  gate.resolve("slow");
  await stage.settle();
  assert.deepEqual([await collecting, replies.end], [["again", "slow"], "all"]);
});
