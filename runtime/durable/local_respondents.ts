import type { Address } from "../language/address.ts";
import { matchesSubject } from "../language/subject.ts";

interface Respondent {
  readonly to: Address;
  readonly pattern: readonly string[] | undefined;
}

/** Functions of this process that answer surveys. They end with the process, so they are in no store. */
export class LocalRespondents {
  readonly #byTopic = new Map<string, Set<Respondent>>();

  /** Adds a function, until the result is disposed of. */
  add(topic: string, to: Address, pattern: readonly string[] | undefined): Disposable {
    const respondent = { to, pattern };
    const all = this.#byTopic.get(topic) ?? new Set();
    this.#byTopic.set(topic, all.add(respondent));
    return {
      [Symbol.dispose]: () => {
        all.delete(respondent);
        if (all.size === 0 && this.#byTopic.get(topic) === all) this.#byTopic.delete(topic);
      },
    };
  }

  /** The functions of a topic whose pattern matches a subject. */
  of(topic: string, subject: string): Address[] {
    const tokens = subject.split(".");
    return [...this.#byTopic.get(topic) ?? []]
      .filter(({ pattern }) => pattern === undefined || matchesSubject(pattern, tokens))
      .map(({ to }) => to);
  }
}
