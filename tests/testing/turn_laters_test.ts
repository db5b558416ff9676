import assert from "node:assert/strict";
import { actor, isLater, type Later, protocol, submit, tell } from "@posthorn/posthorn";
import { fakeLater, turn } from "@posthorn/posthorn/testing";
import * as z from "zod";

const Placed = z.object({ parcel: z.string() });
const Order = protocol("order", {
  place: submit(z.string(), Placed),
  shipped: tell(z.string()),
  refused: tell(z.string()),
  twice: tell(),
  misread: tell(),
});
interface Open {
  answer?: Later<z.infer<typeof Placed>>;
}
const order = actor(Order, {
  state: (): Open => ({}),
  on: {
    place(ctx, sku) {
      if (sku === "ready") return { parcel: "p0" };
      const answer = ctx.later({ timeoutMs: 60_000 });
      ctx.state = { answer };
      return answer;
    },
    shipped: (ctx, parcel) => ctx.reply(ctx.state.answer!, { parcel }),
    refused: (ctx, message) => ctx.fail(ctx.state.answer!, { code: "refused", message }),
    twice(ctx) {
      ctx.reply(ctx.state.answer!, { parcel: "p1" });
      ctx.reply(ctx.state.answer!, { parcel: "p2" });
    },
    misread: (ctx) => ctx.reply("an id" as unknown as Later<never>, undefined as never),
  },
});
const answer = fakeLater<z.infer<typeof Placed>>("a");

Deno.test("a turn shows the later that its handler returned, which its state may keep", async () => {
  const { later, state, reply, error } = await turn(order, Order.place, "tea");
  assert.equal(error, undefined);
  assert(isLater(later));
  assert.deepEqual([state.answer, reply], [later, undefined]);
  assert.deepEqual((await turn(order, Order.place, "ready")).reply, { parcel: "p0" });
});

Deno.test("a turn shows what it answered, with a reply or a failure", async () => {
  const { answered, sent } = await turn(order, Order.shipped, "p1", { state: { answer } });
  assert.deepEqual(answered, [{ later: answer, reply: { parcel: "p1" } }]);
  assert.deepEqual(sent, []);
  const refused = await turn(order, Order.refused, "no", { state: { answer } });
  assert.deepEqual(refused.answered, [{ later: answer, failure: { code: "refused", message: "no" } }]);
});

Deno.test("a turn that answers twice, or answers what is no later, fails and answers nothing", async () => {
  const twice = await turn(order, Order.twice, { state: { answer } });
  assert.equal((twice.error as { code?: string }).code, "already-answered");
  assert.deepEqual(twice.answered, []);
  const misread = await turn(order, Order.misread, { state: { answer } });
  assert(misread.error instanceof TypeError);
});

Deno.test("fakeLater gives the same later for the same name", () => {
  assert(isLater(answer));
  assert.deepEqual(fakeLater("a"), answer);
  assert.notDeepEqual(fakeLater("b"), answer);
});
