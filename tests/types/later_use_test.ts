// What answers later, each in the way a program would write it: sent on in a payload of each library, kept in a state, and
// given to another submit.

import assert from "node:assert/strict";
import { actor, isLater, type Later, later, type LaterOf, protocol, submit, tell } from "@posthorn/posthorn";
import { type } from "arktype";
import * as v from "valibot";
import * as z from "zod";

const Verdict = z.object({ ok: z.boolean(), at: z.date().default(() => new Date()) });
const Desk = protocol("desk", { ask: submit(z.string(), Verdict), queued: submit(z.string(), Verdict) });
const Clerk = protocol("clerk", {
  bare: tell(later(Verdict)), // the payload is nothing else
  zod: tell(z.object({ question: z.string(), answer: z.custom<LaterOf<typeof Desk.ask>>(isLater) })),
  valibot: tell(
    v.object({ question: v.string(), answer: v.custom<Later<z.input<typeof Verdict>>>(isLater) }),
  ),
  arktype: tell(
    type({
      question: "string",
      answer: type.unknown.narrow((it) => isLater(it)).as<Later<z.input<typeof Verdict>>>(),
    }),
  ),
});

/** A state that a schema describes. */
const Waiting = z.object({
  waiting: z.array(z.object({ question: z.string(), answer: z.custom<LaterOf<typeof Desk.ask>>(isLater) }))
    .default([]),
});

const desk = actor(Desk, {
  state: () => Waiting.parse({}),
  on: {
    async ask(ctx, question) {
      await Promise.resolve();
      const answer = ctx.later();
      ctx.ref(Clerk, "a").tell(Clerk.bare, answer);
      ctx.ref(Clerk, "a").tell(Clerk.zod, { question, answer });
      ctx.ref(Clerk, "a").tell(Clerk.valibot, { question, answer });
      return answer;
    },
    queued(ctx, question) {
      if (question === "") return { ok: false }; // one branch answers, the other does not yet
      const answer = ctx.later();
      ctx.state = { waiting: [...ctx.state.waiting, { question, answer }] };
      return answer;
    },
  },
});
const clerk = actor(Clerk, {
  state: () => ({
    open: new Map<string, Later<{ ok: boolean }>>(),
    last: undefined as LaterOf<typeof Desk.ask> | undefined,
  }),
  on: {
    bare: (ctx, answer) => ctx.reply(answer, { ok: true }),
    zod(ctx, { question, answer }) {
      ctx.state = { open: new Map([...ctx.state.open, [question, answer]]), last: answer };
    },
    valibot(ctx) {
      for (const [question, answer] of ctx.state.open) {
        if (question.length > 3) ctx.reply(answer, { ok: false });
        else ctx.fail(answer, { code: "too-short", message: "Ask more" });
      }
      if (ctx.state.last) ctx.reply(ctx.state.last, { ok: true, at: new Date(ctx.now) });
    },
    arktype: (ctx, { answer }) => ctx.reply(answer, { ok: false }),
  },
});

Deno.test("what answers later in a right way compiles", () => {
  assert.deepEqual([desk.name, clerk.name], ["desk", "clerk"]);
});
