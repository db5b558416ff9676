import { actor } from "@posthorn/posthorn";
import { counted } from "./counts.ts";
import { Audit, type AuditNumbers } from "./protocols.ts";

const latestMax = 50;

/** Records every delivery of every repository. */
export const audit = actor(Audit, {
  state: (): AuditNumbers => ({ deliveries: 0, byRepository: {}, latest: [] }),
  on: {
    write(ctx, recorded) {
      const { deliveries, byRepository, latest } = ctx.state;
      ctx.state = {
        deliveries: deliveries + 1,
        byRepository: counted(byRepository, recorded.repository),
        latest: [recorded, ...latest].slice(0, latestMax),
      };
    },
    numbers: (ctx) => ctx.state,
  },
});
