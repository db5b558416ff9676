// Errors name what the caller named, and never a built-in actor.

import assert from "node:assert/strict";
import { PosthornError, type System } from "@posthorn/posthorn";
import { kinds, onEach, ref, Worker, worker } from "../runtime/durable/durable_stage.ts";
import { inEach, type World } from "../runtime/durable/worlds.ts";

/** Runs an action while time advances, and returns its error. */
async function errorOf(world: World, act: () => unknown): Promise<readonly [code: string, message: string]> {
  const told = (async () => await act())().then(() => undefined, (error) => error);
  await world.pass(100, 50);
  const error = await told;
  assert.ok(error instanceof PosthornError, String(error));
  return [error.code, error.message];
}

async function surveyed(system: System, payload: string, id: string): Promise<void> {
  for await (const _ of system.survey(Worker.quote, payload, { timeoutMs: 50, id }));
}

inEach("an id that comes again with another payload names the event or the survey", async (world) => {
  const system = await world.start([worker()]);
  const ways: readonly (readonly [name: string, act: (payload: string) => unknown])[] = [
    ["worker/ada note", (payload) => ref(system, "ada").tell(Worker.note, payload, { id: "1" })],
    ["worker.happened", (payload) => system.publish(Worker.happened, payload, { id: "1" })],
    ["worker.quote", (payload) => surveyed(system, payload, "1")],
  ];
  for (const [name, act] of ways) {
    const first = act("one");
    await world.pass(100, 50);
    await first;
    const why = 'the id "1" came before with another payload';
    assert.deepEqual(await errorOf(world, () => act("two")), ["id-reused", `Cannot accept ${name}: ${why}`]);
  }
});

onEach(kinds, "the keys of ids in the store contain the names of operations and topics", async (stage) => {
  const system = await stage.start([worker()]);
  await system.publish(Worker.happened, "de one", { id: "1" });
  await ref(system, "ada").tell(Worker.note, "tea", { id: "2" });
  assert.deepEqual(await stage.keys("mark"), [
    "mark out%20\nworker/ada note\n2",
    "mark out%20\n~topic/worker.happened publish\n1",
  ]);
});

inEach("a system that has stopped names what it was asked for", async (world) => {
  const system = await world.start([worker({ done: () => "done" })]);
  const sent = ref(system, "ada").submit(Worker.job, "done");
  await world.settle();
  const ticket = await sent;
  const stopped = system.stop();
  await world.settle();
  await stopped;
  const ways: readonly (readonly [what: string, act: () => unknown])[] = [
    ["accept worker/ada note", () => ref(system, "ada").tell(Worker.note, "tea")],
    ["accept worker.happened", () => system.publish(Worker.happened, "de one")],
    ["survey worker.quote", () => system.survey(Worker.quote, "a")],
    ["subscribe to worker.happened", () => system.subscribe(Worker.happened, () => {})],
    [
      "accept worker.happened",
      () => system.unsubscribe(Worker.happened, ref(system, "ada").at(Worker.note)),
    ],
    [`collect the reply ${ticket.id}`, () => ticket.reply()],
  ];
  for (const [what, act] of ways) {
    assert.deepEqual(await errorOf(world, act), ["stopping", `Cannot ${what}: the system has stopped`]);
  }
});

inEach(
  "an interceptor that does not go on is told the event or the survey by its own name",
  async (world) => {
    const told: string[] = [];
    const isTold = (error: unknown) => told.push((error as Error).message) > 0;
    const sender = await world.start([worker()], { intercept: [{ send: () => {} }] });
    await assert.rejects(sender.publish(Worker.happened, "de one"), isTold);
    await assert.rejects(async () => await surveyed(sender, "a", "1"), isTold);
    const stopped = sender.stop();
    await world.pass(1_000, 100);
    await stopped;
    assert.deepEqual(told, [
      "Cannot send worker.happened: its interceptor did not go on",
      "Cannot send worker.quote: its interceptor did not go on",
    ]);
    const hearer = await world.start([worker()], { intercept: [{ turn: () => {} }] });
    hearer.subscribe(Worker.happened, () => {});
    const published = hearer.publish(Worker.happened, "de one");
    await world.pass(20_000, 1_000);
    await published;
    const [{ message }] = hearer.deadLetters.list();
    assert.match(message, /Cannot run the turn of worker\.happened: its interceptor did not go on/);
  },
);
