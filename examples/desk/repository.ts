import { actor } from "@posthorn/posthorn";
import { counted } from "./counts.ts";
import { type Numbers, Repository, subjectOf } from "./protocols.ts";

const latestMax = 10;

/** Records the deliveries of one repository and publishes them. */
export const repository = actor(Repository, {
  state: (): Numbers => ({ deliveries: 0, byEvent: {}, latest: [] }),
  on: {
    record(ctx, delivery) {
      const { deliveries, byEvent, latest } = ctx.state;
      const recorded = { ...delivery, id: ctx.id, repository: ctx.key };
      ctx.state = {
        deliveries: deliveries + 1,
        byEvent: counted(byEvent, delivery.event),
        latest: [recorded, ...latest].slice(0, latestMax),
      };
      ctx.publish(Repository.recorded, recorded);
    },
    numbers: (ctx) => ctx.state,
    report(ctx) {
      const { deliveries, byEvent, latest } = ctx.state;
      const events = Object.entries(byEvent).sort(([a, m], [b, n]) => n - m || a.localeCompare(b));
      return [
        `# ${ctx.key}`,
        "",
        `Deliveries: ${deliveries}. Event types: ${events.length}.`,
        "",
        ...events.map(([event, count]) => `- ${event}: ${count}`),
        "",
        "## Latest",
        "",
        ...latest.map((recorded) => `- ${subjectOf(recorded)} by ${recorded.sender ?? "nobody"}`),
        "",
      ].join("\n");
    },
  },
});
