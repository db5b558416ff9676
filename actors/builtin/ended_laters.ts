import { BoundedSet } from "../../runtime/base/bounded_set.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { deadlineName, type EndedLaters } from "../../runtime/turns/later_actor.ts";

/** The laters of a process that were answered: the latest of them are known, as many as ids are. */
export function endedInMemory({ options, laters, delivery }: Runtime): EndedLaters {
  const answered = new BoundedSet(options.limits.ids);
  return {
    keepEarly(turn, payload) {
      const { actor: { protocol }, key } = turn;
      const { routeAgain } = turn.envelope(payload);
      const kept = laters.holdEarly(key, () => delivery.deliverAny({ protocol, key }, routeAgain, payload));
      if (kept) turn.passivate();
      return kept;
    },
    end(turn, why) {
      if (why === "answered") answered.add(turn.key);
      turn.state = undefined;
      turn.cancel(deadlineName);
      turn.passivate();
    },
    whyOf: ({ key }) => answered.has(key) || laters.hasEarly(key) ? "answered" : undefined,
  };
}
