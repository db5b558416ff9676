import { BoundedSet } from "../../runtime/base/bounded_set.ts";
import type { Address } from "../../runtime/language/address.ts";
import { Route } from "../../runtime/messages/envelope.ts";
import { failureAddresses } from "../../runtime/messages/failure_addresses.ts";
import type { OpenRequest } from "../../runtime/messages/later.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { deadlineName, type EndedLaters, type LaterEnd } from "../../runtime/turns/later_actor.ts";
import type { Turn } from "../../runtime/turns/turn.ts";

/** The laters of a process that are in no store. Of those that were answered the latest are known, as many as ids are. */
export class MemoryLaters implements EndedLaters {
  readonly #runtime: Runtime;
  readonly #open = new Map<string, OpenRequest>();
  readonly #answered: BoundedSet;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.#answered = new BoundedSet(runtime.options.limits.ids);
  }

  opened({ key }: Turn, request: OpenRequest): void {
    this.#open.set(key, request);
  }

  keepEarly(turn: Turn, payload: unknown): boolean {
    const { laters, delivery } = this.#runtime;
    const { actor: { protocol }, key } = turn;
    const { routeAgain } = turn.envelope(payload);
    const kept = laters.holdEarly(key, () => delivery.deliverAny({ protocol, key }, routeAgain, payload));
    if (kept) turn.passivate();
    return kept;
  }

  end(turn: Turn, why: LaterEnd): void {
    this.#open.delete(turn.key);
    if (why === "answered") this.#answered.add(turn.key);
    turn.state = undefined;
    turn.cancel(deadlineName);
    turn.passivate();
  }

  whyOf({ key }: Turn): LaterEnd | undefined {
    return this.#answered.has(key) || this.#runtime.laters.hasEarly(key) ? "answered" : undefined;
  }

  /** The key of the open later of a request, by its id and where its reply goes. */
  of(requestId: string, { protocol, key }: Address): string | undefined {
    for (const [later, { id, replyTo }] of this.#open) {
      if (id === requestId && replyTo?.key === key && replyTo.protocol === protocol) return later;
    }
  }

  /** The system has stopped: tells all who wait, and who began something for them, that there will be no answer. */
  stop(): void {
    const { delivery } = this.#runtime;
    for (const { id, correlationId, headers, actor, replyTo, failTo, abandonTo } of this.#open.values()) {
      const { protocol, key, operation } = actor;
      const failure = {
        id,
        code: "stopping",
        message: `${protocol}/${key} ${operation}: the system stopped`,
      };
      for (const to of [...failureAddresses(replyTo, failTo), abandonTo]) {
        if (to === undefined) continue;
        const extras = headers && { headers };
        const route = new Route(delivery.operationAt(to), id, correlationId, undefined, undefined, extras);
        delivery.deliverAny({ protocol: to.protocol, key: to.key }, route, failure);
      }
    }
    this.#open.clear();
  }
}
