import { actor } from "@posthorn/posthorn";
import { counted } from "./counts.ts";
import { Labels, type LabelTotals } from "./protocols.ts";

/** Counts by name how often labels were set, removed and edited. */
export const labels = actor(Labels, {
  state: (): LabelTotals => ({ set: {}, removed: {}, edited: {} }),
  on: {
    labeled(ctx, { label = "" }) {
      ctx.state = { ...ctx.state, set: counted(ctx.state.set, label) };
    },
    unlabeled(ctx, { label = "" }) {
      ctx.state = { ...ctx.state, removed: counted(ctx.state.removed, label) };
    },
    edited(ctx, { label = "" }) {
      ctx.state = { ...ctx.state, edited: counted(ctx.state.edited, label) };
    },
    totals: (ctx) => ctx.state,
  },
});
