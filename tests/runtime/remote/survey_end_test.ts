// A survey of several services ends when all of them are through, if the call says how many they are.

import assert from "node:assert/strict";
import { type Actor, actor, protocol, type Replies, survey, type System } from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import * as z from "zod";
import { Services } from "./services.ts";

const Carrier = protocol("carrier", { quote: survey(z.number(), z.number()) });
const Van = protocol("van", { quote: survey(z.number(), z.number()) });

/** A respondent whose key says what it does. */
function van(): Actor {
  return actor(Van, {
    state: () => null,
    on: {
      quote(ctx, grams) {
        if (ctx.key === "abstains") return undefined;
        if (ctx.key === "fails") throw new Error("failed");
        return grams * Number(ctx.key);
      },
    },
    onFailure: "resume",
  });
}

/** Starts a service that takes part, with these respondents. */
async function takingPart(
  services: Services,
  name: string,
  stored: boolean,
  ...respondents: readonly string[]
): Promise<System> {
  const system = await services.start(name, [van()], {
    ...stored && { store: memoryStore() },
    expose: [Carrier.quote],
  });
  for (const key of respondents) {
    await services.during(system.subscribe(Carrier.quote, system.ref(Van, key).at(Van.quote)).ready);
  }
  await services.pass(200);
  return system;
}

/** The replies of a survey, sorted, why it ended, and about when. */
async function outcomeOf(
  services: Services,
  replies: Replies<number>,
): Promise<[number[], string | undefined, boolean]> {
  const beganMs = services.clock.now();
  const all = await services.during(Array.fromAsync(replies), 60_000);
  return [all.toSorted((a, b) => a - b), replies.end, services.clock.now() - beganMs < 5_000];
}

const atLast = { timeoutMs: 30_000 };

for (const stored of [true, false]) {
  const where = stored ? "with stores" : "without stores";

  Deno.test(`${where}, a survey ends when as many services are through as take part`, async () => {
    await using services = new Services();
    await takingPart(services, "north", stored, "2", "3", "abstains", "fails");
    const south = await takingPart(services, "south", stored, "abstains");
    using _here = south.subscribe(Carrier.quote, (grams) => grams * 5);
    using _silent = south.subscribe(Carrier.quote, () => undefined);
    const asks = await services.start("asks", [], {
      ...stored && { store: memoryStore() },
      remote: [Carrier.quote],
    });
    const two = asks.survey(Carrier.quote, 10, { ...atLast, services: 2 });
    assert.deepEqual(await outcomeOf(services, two), [[20, 30, 50], "all", true]);
    const three = asks.survey(Carrier.quote, 10, { timeoutMs: 10_000, services: 3 });
    assert.deepEqual(await outcomeOf(services, three), [[20, 30, 50], "deadline", false]);
  });

  Deno.test(`${where}, the service that asks takes part if it has respondents`, async () => {
    await using services = new Services();
    await takingPart(services, "north", stored, "2");
    const asks = await takingPart(services, "asks", stored, "3", "abstains");
    using _here = asks.subscribe(Carrier.quote, () => 1);
    const both = asks.survey(Carrier.quote, 10, { ...atLast, services: 2 });
    assert.deepEqual(await outcomeOf(services, both), [[1, 20, 30], "all", true]);
  });

  Deno.test(`${where}, a service without respondents is through at once`, async () => {
    await using services = new Services();
    await takingPart(services, "north", stored);
    const asks = await takingPart(services, "asks", stored);
    const replies = asks.survey(Carrier.quote, 10, { ...atLast, services: 1 });
    assert.deepEqual(await outcomeOf(services, replies), [[], "all", true]);
  });

  Deno.test(`${where}, a survey that does not say how many services take part lasts to its deadline`, async () => {
    await using services = new Services();
    await takingPart(services, "north", stored, "2");
    const asks = await takingPart(services, "asks", stored, "3");
    const replies = asks.survey(Carrier.quote, 10, { timeoutMs: 10_000 });
    assert.deepEqual(await outcomeOf(services, replies), [[20, 30], "deadline", false]);
  });

  Deno.test(`${where}, enough replies end a survey of several services`, async () => {
    await using services = new Services();
    await takingPart(services, "north", stored, "2", "3");
    const asks = await takingPart(services, "asks", stored);
    const replies = asks.survey(Carrier.quote, 10, { ...atLast, services: 1, max: 1 });
    assert.deepEqual((await outcomeOf(services, replies)).slice(1), ["max", true]);
  });
}
