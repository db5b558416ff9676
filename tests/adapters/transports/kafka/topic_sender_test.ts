import assert from "node:assert/strict";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { Names } from "../../../../adapters/transports/kafka/names.ts";
import { settingsOf } from "../../../../adapters/transports/kafka/options.ts";
import { TopicSender } from "../../../../adapters/transports/kafka/topic_sender.ts";
import { Topics } from "../../../../adapters/transports/kafka/topics.ts";
import { ScriptedLink } from "./scripted_link.ts";

function stage() {
  const clock = new VirtualClock();
  const link = new ScriptedLink();
  const topics = new Topics(link, settingsOf({ brokers: ["h:1"] }), new Names(undefined, "s", "s-1"), clock);
  const closed = new AbortController();
  const sender = new TopicSender("order", link, topics, clock, closed.signal);
  return { clock, link, sender, closed };
}

function records(...values: string[]) {
  return values.map((value) => ({
    record: { key: new Uint8Array(), value: new TextEncoder().encode(value), headers: {} },
    partition: 0,
  }));
}

/** What a send came to: how many records were taken, or the code of the error. */
async function outcomeOf(clock: VirtualClock, sending: ReturnType<TopicSender["send"]>) {
  let settled = false;
  const outcome = sending.then(
    (answers) => answers.map((answer) => answer?.code ?? "sent").join(),
    ({ code }) => code,
  )
    .finally(() => settled = true);
  for (let step = 0; step < 1_000 && !settled; step++) await clock.advance(100);
  return await outcome;
}

Deno.test("what is sent while a request is under way goes together with the next", async () => {
  const { clock, link, sender } = stage();
  const sendings = ["a", "b", "c", "d"].map((value) => sender.send(records(value)));
  for (const sending of sendings) assert.equal(await outcomeOf(clock, sending), "sent");
  assert.deepEqual(link.log[0], ["a", "b", "c", "d"]);
  assert.deepEqual(link.attempts, ["1/0/0/4"]);
});

Deno.test("a batch whose answer is lost is sent again with the same number, and is there once", async () => {
  const { clock, link, sender } = stage();
  link.outcomes.push("lost");
  assert.equal(await outcomeOf(clock, sender.send(records("a", "b"))), "sent,sent");
  assert.equal(await outcomeOf(clock, sender.send(records("c"))), "sent");
  assert.deepEqual(link.log[0], ["a", "b", "c"]);
  assert.deepEqual(link.attempts, ["1/0/0/2", "1/0/0/2", "1/0/2/1"]);
});

Deno.test("no record gets the number of one that nobody knows about", async () => {
  const { clock, link, sender } = stage();
  for (let attempt = 0; attempt < 200; attempt++) link.outcomes.push("lost");
  assert.equal(await outcomeOf(clock, sender.send(records("a", "b"))), "CONNECTION");
  link.outcomes.length = 0;
  assert.equal(await outcomeOf(clock, sender.send(records("x", "y"))), "sent,sent");
  assert.deepEqual(link.log[0], ["a", "b", "x", "y"]); // with the numbers of a and b, Kafka would have dropped x and y
  assert.equal(link.attempts.at(-1), "2/0/0/2");
});

Deno.test("a producer that the broker has forgotten takes a new identity, and says that nobody knows", async () => {
  const { clock, link, sender } = stage();
  assert.equal(await outcomeOf(clock, sender.send(records("a"))), "sent");
  link.outcomes.push("UNKNOWN_PRODUCER_ID");
  assert.equal(await outcomeOf(clock, sender.send(records("b"))), "UNKNOWN_PRODUCER_ID");
  assert.equal(await outcomeOf(clock, sender.send(records("b"))), "sent");
  assert.deepEqual(link.attempts, ["1/0/0/1", "1/0/1/1", "2/0/0/1"]);
});

Deno.test("one partition that fails does not leave open what became of the others", async () => {
  const { clock, link, sender } = stage();
  link.outcomes.push("NOT_LEADER_FOR_PARTITION", "NOT_ENOUGH_REPLICAS");
  const [first, second] = [...records("a"), { ...records("b")[0], partition: 1 }];
  assert.equal(await outcomeOf(clock, sender.send([first, second])), "sent,sent");
  assert.deepEqual(link.log, [["a"], ["b"]]);
});

Deno.test("a batch that is too large for the broker is sent in parts, in order", async () => {
  const { clock, link, sender } = stage();
  link.recordsMax = 2;
  const values = Array.from({ length: 9 }, (_, index) => String(index));
  assert.equal(await outcomeOf(clock, sender.send(records(...values))), values.map(() => "sent").join());
  assert.deepEqual(link.log[0], values);
  link.recordsMax = 0;
  assert.equal(await outcomeOf(clock, sender.send(records("x", "y"))), "too-large,too-large");
});

Deno.test("a topic that is not there, and one that may not be written to, refuse", async () => {
  const { clock, link, sender } = stage();
  link.outcomes.push("TOPIC_AUTHORIZATION_FAILED");
  assert.equal(await outcomeOf(clock, sender.send(records("a"))), "refused");
  link.topic = undefined;
  link.outcomes.push("UNKNOWN_TOPIC_OR_PARTITION"); // it was there a moment ago
  assert.equal(await outcomeOf(clock, sender.send(records("a"))), "no-receiver");
  assert.equal(await outcomeOf(clock, sender.send(records("a"))), "no-receiver");
  assert.deepEqual(link.made, []);
});

Deno.test("a send ends when the connection is closed, and within 25 seconds if nothing answers", async () => {
  const { clock, link, sender, closed } = stage();
  link.outcomes.push("CONNECTION");
  const sending = outcomeOf(clock, sender.send(records("a")));
  closed.abort();
  assert.equal(await sending, "CONNECTION");
  const other = stage();
  other.link.produce = () => new Promise(() => {});
  const beganMs = other.clock.monotonicMs();
  assert.equal(await outcomeOf(other.clock, other.sender.send(records("a"))), "TIMED_OUT");
  assert.ok(other.clock.monotonicMs() - beganMs <= 25_200);
});
