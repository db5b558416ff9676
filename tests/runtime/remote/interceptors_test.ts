// Headers that interceptors add, from service to service and back, in memory and with a store.

import assert from "node:assert/strict";
import { actor, type InspectedMessage, type Interceptor, protocol, submit, tell } from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import * as z from "zod";
import { Services } from "./services.ts";

const Kitchen = protocol("kitchen", { cook: submit(z.string(), z.string()) });
const Table = protocol("table", {
  order: tell(z.string()),
  served: tell(z.string()),
  sorry: tell(z.unknown()),
});

const kitchen = actor(Kitchen, {
  state: () => 0,
  on: {
    cook(_ctx, dish) {
      if (dish === "stone") throw new Error("cannot be cooked");
      return dish;
    },
  },
  retry: { attempts: 1 },
});
const table = actor(Table, {
  state: () => 0,
  on: {
    order(ctx, dish) {
      const [replyTo, failTo] = [ctx.self.at(Table.served), ctx.self.at(Table.sorry)];
      ctx.ref(Kitchen, "main").submit(Kitchen.cook, dish, { replyTo, failTo });
    },
    served() {},
    sorry() {},
  },
});

for (const stored of [false, true]) {
  Deno.test(`a reply of another service has the headers of the turn that gave it, ${stored ? "with stores" : "in memory"}`, async () => {
    await using services = new Services();
    const turns: string[] = [];
    const marks = (name: string): Interceptor => ({
      turn({ operation, headers }: InspectedMessage, goOn) {
        turns.push(`${operation} ${headers?.mark ?? "-"}`);
        return goOn({ mark: name });
      },
    });
    const options = (name: string) => ({ intercept: [marks(name)], ...stored && { store: memoryStore() } });
    await services.start("kitchens", [kitchen], { ...options("kitchens"), expose: [Kitchen] });
    const tables = await services.start("tables", [table], { ...options("tables"), remote: [Kitchen] });
    for (const dish of ["soup", "stone"]) {
      void tables.ref(Table, "1").tell(Table.order, dish);
      await services.pass(3_000);
    }
    assert.deepEqual(turns, [
      "order -",
      "cook tables",
      "served kitchens",
      "order -",
      "cook tables",
      "sorry tables", // a dead letter has the headers of its message
    ]);
  });
}

Deno.test("a header that an interceptor adds replaces one that differs in its letters alone, and both can be sent", async () => {
  await using services = new Services();
  const heard: unknown[] = [];
  const adds = (name: string): Interceptor => ({
    send: (_message, goOn) => goOn({ [name]: "send" }),
    turn: (_message, goOn) => goOn({ [name]: "turn" }),
  });
  const Shelf = protocol("shelf", { put: tell(z.string()) });
  const Hand = protocol("hand", { take: tell(z.string()) });
  const shelf = actor(Shelf, { state: () => 0, on: { put: (ctx) => void heard.push({ ...ctx.headers }) } });
  const hand = actor(Hand, {
    state: () => 0,
    on: { take: (ctx, what) => ctx.ref(Shelf, "main").tell(Shelf.put, what, { headers: { MARK: "own" } }) },
  });
  await services.start("shelves", [shelf], { expose: [Shelf] });
  const intercept = [adds("Mark"), adds("mark")];
  const hands = await services.start("hands", [hand], { intercept, remote: [Shelf] });
  void hands.ref(Hand, "left").tell(Hand.take, "a cup", { headers: { mARK: "own" } });
  void hands.ref(Shelf, "main").tell(Shelf.put, "a cup", { headers: { Mark: "own" } });
  await services.pass(3_000);
  assert.deepEqual(heard, [{ mark: "send" }, { mark: "send" }]);
  assert.equal(hands.deadLetters.total, 0);
});
