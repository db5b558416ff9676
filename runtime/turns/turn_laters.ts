import { PosthornError } from "../base/errors.ts";
import { type OptionNames, requireKnownOptions } from "../base/option_names.ts";
import { requireDuration } from "../base/require.ts";
import { shorten } from "../base/shorten.ts";
import { endAt, timeAfter } from "../base/times.ts";
import type { Address } from "../language/address.ts";
import { isLater, type Later, type LaterParts, laterParts } from "../language/later.ts";
import type { LaterOptions, Reason } from "../language/later_options.ts";
import { parse } from "../language/parse.ts";
import { isReplyTarget } from "../messages/envelope.ts";
import type { OpenRequest } from "../messages/later.ts";
import { codeOfHandler, wordsMax } from "../ports/dead_letters.ts";
import type { Turn } from "./turn.ts";

/** A request that its turn answers later. */
export interface OpenedLater {
  readonly later: Later;
  /** The key of the actor that keeps it. */
  readonly key: string;
  /** How long its answer may take, in milliseconds. */
  readonly timeoutMs: number;
  readonly request: OpenRequest;
}

/** What a turn answered: a reply or a failure. */
export type LaterAnswer =
  & { readonly later: Later }
  & ({ readonly reply: unknown } | { readonly failure: Reason });

const optionNames: OptionNames<LaterOptions> = { failTo: true, timeoutMs: true };

/** What one turn does with laters: it may open one for its own request, and answer others. */
export class TurnLaters {
  /** The later of its own request. */
  own: OpenedLater | undefined = undefined;
  readonly #turn: Turn;
  readonly #answers = new Map<string, LaterAnswer>();

  constructor(turn: Turn) {
    this.#turn = turn;
  }

  /** What it answered, in order. */
  get answers(): readonly LaterAnswer[] {
    return [...this.#answers.values()];
  }

  open(options: LaterOptions = {}): Later {
    requireKnownOptions("ctx.later", options, optionNames);
    const { timeoutMs, failTo } = options;
    const turn = this.#turn;
    const { actor, route } = turn;
    const { services: { laters, ids } } = actor;
    const { mode, name } = route.operation;
    if (mode !== "submit") {
      throw new TypeError(
        `Cannot answer ${turn} later: only the handler of a submit can, and it is a ${mode}`,
      );
    }
    if (this.own !== undefined) {
      throw new TypeError(`Cannot answer ${turn} later twice: keep the first later`);
    }
    if (timeoutMs !== undefined) requireDuration("timeoutMs of a later", timeoutMs);
    const takesMs = timeoutMs ?? laters.defaultMs;
    const key = laters.newKey(actor.transient);
    const { replyTo, extras } = route;
    const addresses = isReplyTarget(replyTo) ? replyTo.origin : { replyTo, failTo: extras?.failTo };
    const request: OpenRequest = {
      id: turn.id,
      correlationId: ids.text(route.correlationId ?? turn.messageId),
      headers: extras?.headers,
      actor: { protocol: actor.protocol, key: actor.key, operation: name },
      replyTo: addresses?.replyTo,
      failTo: addresses?.failTo,
      abandonTo: laters.addresses({ failTo }).failTo,
      untilMs: endAt(timeAfter(turn.now, takesMs)),
    };
    const later = Object.freeze(laters.of(route.operation, key));
    this.own = { later, key, timeoutMs: takesMs, request };
    return later;
  }

  /** Its turn has ended. */
  close(): void {
    if (this.own !== undefined) this.#turn.actor.services.laters.settled(this.own.key);
  }

  reply(later: Later, value: unknown): void {
    const parts = this.#required(later);
    const { protocol, operation: name } = parts;
    const operation = this.#turn.actor.services.delivery.operationAt({ protocol, key: "", operation: name });
    if (operation.mode === "submit" && operation.repliesUnchecked !== true) {
      parse(operation.reply, value, "Cannot answer", `${protocol} ${name}`);
    }
    this.#answers.set(later["~later"], { later, reply: value });
    this.#send(this.#addressOf(parts, "answer"), value);
  }

  fail(later: Later, reason: Reason): void {
    const parts = this.#required(later);
    const { code, message } = reason;
    if (typeof code !== "string" || typeof message !== "string") {
      throw new TypeError(
        `Cannot fail ${parts.protocol} ${parts.operation}: a reason has a code and a message`,
      );
    }
    const failure = { code, message: shorten(message, wordsMax) };
    this.#answers.set(later["~later"], { later, failure });
    this.#send(this.#addressOf(parts, "fail"), { id: this.#turn.id, ...failure, ...codeOfHandler(code) });
  }

  /** What a later contains. Throws if it is none, or if this turn has answered it. */
  #required(later: Later): LaterParts {
    const parts = laterParts(later);
    if (parts === undefined) throw new TypeError(`Cannot answer in ${this.#turn}: what it gives is no later`);
    if (!this.#answers.has(later["~later"])) return parts;
    const what = `${parts.protocol} ${parts.operation}`;
    throw new PosthornError("already-answered", `Cannot answer ${what} twice: this turn has answered it`);
  }

  #addressOf(parts: LaterParts, operation: "answer" | "fail"): Address {
    return this.#turn.actor.services.laters.addressOf(parts, operation);
  }

  #send(to: Address, payload: unknown): void {
    const operation = this.#turn.actor.services.delivery.operationAt(to);
    this.#turn.send({ protocol: to.protocol, key: to.key }, operation, payload);
  }
}

/** The later that a handler returned instead of a reply. Throws a `TypeError` if that is of another turn. */
export function openedIn(
  turn: Turn,
  laters: TurnLaters | undefined,
  result: unknown,
): OpenedLater | undefined {
  if (turn.route.operation.mode !== "submit" || !isLater(result)) return undefined;
  if (laters?.own?.later === result) return laters.own;
  throw new TypeError(
    `Cannot answer ${turn} with a later of another turn: give it to another actor instead`,
  );
}
