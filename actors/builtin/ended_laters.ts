import { BoundedSet } from "../../runtime/base/bounded_set.ts";
import { deadlineName, type EndedLaters } from "../../runtime/turns/later_actor.ts";

/** The laters of a process that were answered: the latest of them are known, so many. */
export function endedInMemory(most: number): EndedLaters {
  const answered = new BoundedSet(most);
  return {
    end(turn, why) {
      if (why === "answered") answered.add(turn.key);
      turn.state = undefined;
      turn.cancel(deadlineName);
      turn.passivate();
    },
    whyOf: ({ key }) => answered.has(key) ? "answered" : undefined,
  };
}
