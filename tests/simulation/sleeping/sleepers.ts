import { type Actor, actor, type Clock, protocol, RetryableError, tell, unchecked } from "@posthorn/posthorn";

/** What a message makes its actor do. */
export interface Chore {
  readonly tag: string;
  /** `after`: a schedule does it, so much later. `fail`: it fails once, and is tried again so much later. */
  readonly does: "note" | "await" | "after" | "fail";
  readonly ms: number;
  /** Who gets a message when it is done. */
  readonly next?: string;
}

/** An actor in a process that sleeps. */
export const Sleeper = protocol("sleeper", {
  chore: tell(unchecked<Chore>()),
});

/** Its turns tell which chore they have done. Each may run again, if it was not committed. */
export function sleeper(clock: Clock, ran: (tag: string) => void, order: "hold" | "aside"): Actor {
  return actor(Sleeper, {
    state: (): readonly string[] => [],
    on: {
      async chore(ctx, chore) {
        const { tag, does, ms, next } = chore;
        if (does === "await") await new Promise<void>((resolve) => void clock.setTimer(ms, resolve));
        if (does === "fail" && ctx.attempt === 1) throw new RetryableError("not now", { afterMs: ms });
        if (does === "after") {
          ctx.schedule(tag, { afterMs: ms }, ctx.self.at(Sleeper.chore), { tag, does: "note", ms: 0 });
          return;
        }
        ctx.state = [...ctx.state, tag];
        ran(tag);
        if (next !== undefined) {
          ctx.ref(Sleeper, next).tell(Sleeper.chore, { tag: `${tag}+`, does: "note", ms: 0 });
        }
      },
    },
    retry: { attempts: 50, baseMs: 500, maxMs: 600_000, order },
  });
}
