import { type Actor, actor, type Clock } from "@posthorn/posthorn";
import { Reviewer } from "./protocols.ts";

interface ReviewerState {
  readonly languages: readonly string[];
  readonly thinksMs: number;
}

/** A reviewer, who thinks for a while before replying; `clock` provides the delay. */
export function reviewer(clock: Clock): Actor<"reviewer", ReviewerState> {
  return actor(Reviewer, {
    state: (): ReviewerState => ({ languages: [], thinksMs: 0 }),
    on: {
      join(ctx, skills) {
        ctx.state = skills;
        ctx.subscribe(Reviewer.review, ctx.self.at(Reviewer.review));
      },
      async review(ctx, { repository, number, author, language }) {
        const { languages, thinksMs } = ctx.state;
        if (ctx.key === author) return undefined; // abstains: nobody reviews their own work
        if (!languages.includes(language)) return undefined;
        await new Promise<void>((resolve) => clock.setTimer(thinksMs, resolve));
        return { reviewer: ctx.key, text: `I know ${language} and take ${repository}#${number}` };
      },
    },
    idleMs: Infinity, // stays in memory
  });
}
