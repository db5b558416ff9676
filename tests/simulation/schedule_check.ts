import type { CommitHistory } from "./commit_history.ts";
import type { Job } from "./messages.ts";

/**
 * Compares schedules with the history: each fires unless it was cancelled or replaced, and no cancelled or
 * replaced one does.
 */
export class ScheduleCheck {
  /** The tag with which the latest schedule of each name was set, by actor and name. */
  readonly #latest = new Map<string, string>();
  readonly #due = new Set<string>();

  /** Called when a message of an actor has taken effect. */
  done(history: CommitHistory, actor: string, { tag, does, target = "" }: Job): void {
    if (does === "timer") this.#due.add(`${tag}!`);
    if (does !== "remind") return;
    const name = `${actor} ${target}`;
    const before = this.#latest.get(name);
    if (before !== undefined) history.cancelled.add(`${before}!`);
    history.cancelled.add(`${tag}~`);
    this.#latest.set(name, tag);
    this.#due.add(`${tag}!`);
  }

  /** Checks that no schedule is due any more. */
  checkAtRest({ mails, deaths, cancelled }: CommitHistory, fail: (why: string) => void): void {
    const came = new Set([...mails.values()].map(({ tag }) => tag));
    for (const { tag } of deaths.values()) came.add(tag);
    for (const tag of this.#due) {
      if (!came.has(tag) && !cancelled.has(tag)) fail(`the schedule of ${tag} has gone without a word`);
    }
  }
}
