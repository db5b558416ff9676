import { messageOf, TerminalError } from "../base/errors.ts";
import { type Actor, actor } from "../language/actor.ts";
import type { Address } from "../language/address.ts";
import type { Reason } from "../language/later_options.ts";
import { parse } from "../language/parse.ts";
import { nameOf, Route } from "../messages/envelope.ts";
import { failureAddresses, toldTo } from "../messages/failure_addresses.ts";
import type { ToldFailure } from "../messages/told_failure.ts";
import {
  laterAddress,
  type LaterReply,
  type OpenRequest,
  type TransientLaterReply,
} from "../messages/later.ts";
import type { Turn } from "./turn.ts";

/** Why a later takes no answer any more. */
export type LaterEnd = "answered" | "abandoned";

/** What is known of laters beside what their actors keep: above all of those that are over. */
export interface EndedLaters {
  /** The later of this turn is open. */
  opened?(turn: Turn, request: OpenRequest): void;
  /** Keeps an answer whose request is not open yet until it is. Returns whether it does. */
  keepEarly?(turn: Turn, payload: unknown): boolean;
  /** The later of this turn is over: adds that to the turn, after which nothing is left of its actor. */
  end(turn: Turn, why: LaterEnd): void;
  /** Why the later of this turn is over; `undefined` if that is known no longer, or it never was. */
  whyOf(turn: Turn): LaterEnd | undefined | Promise<LaterEnd | undefined>;
}

/** A turn of the actor that keeps a request. */
interface LaterTurn extends Turn {
  state: OpenRequest | undefined;
}

/** The name of its only schedule. */
export const deadlineName = "deadline";

/**
 * The actor that keeps one request which is answered later. The first answer goes to who waits, and ends it; an answer that
 * finds nothing becomes a dead letter. In a store its record is written by the commit of the turn that answered "later".
 */
export function laterActor(
  protocol: typeof LaterReply | typeof TransientLaterReply,
  ended: EndedLaters,
  stored: boolean,
): Actor {
  const handlers = {
    open(turn: LaterTurn, request: OpenRequest) {
      turn.state = request;
      ended.opened?.(turn, request);
      const { untilMs } = request;
      if (untilMs === undefined) return;
      turn.schedule(deadlineName, { at: new Date(untilMs) }, laterAddress(turn.key, "expire"));
    },
    answer(turn: LaterTurn, value: unknown) {
      const request = turn.state;
      if (request === undefined) return refuse(turn, value, ended);
      requireReply(turn, request.actor, value);
      forward(turn, request, request.replyTo, value);
      ended.end(turn, "answered");
    },
    fail(turn: LaterTurn, reason: Reason & Pick<ToldFailure, "ofHandler">) {
      const request = turn.state;
      if (request === undefined) return refuse(turn, reason, ended);
      const failure = failureOf(request, reason);
      for (const to of failureAddresses(request.replyTo, request.failTo)) {
        forward(turn, request, to, toldTo(to, { ...failure, ofHandler: reason.ofHandler }));
      }
      ended.end(turn, "answered");
    },
    expire(turn: LaterTurn) {
      const request = turn.state;
      if (request === undefined) return ended.end(turn, "abandoned"); // it was answered when it was due
      const { protocol, key, operation } = request.actor;
      const message = `${protocol}/${key} ${operation} was not answered before its deadline`;
      abandon(turn, request, ended, { code: "deadline", message });
    },
    withdraw(turn: LaterTurn) {
      const request = turn.state;
      if (request === undefined) {
        ended.end(turn, "abandoned");
        return "over";
      }
      const { protocol, key, operation } = request.actor;
      const message = `${protocol}/${key} ${operation} was taken back by its caller`;
      abandon(turn, request, ended, { code: "cancelled", message });
      return "withdrawn";
    },
  };
  return actor(protocol as typeof LaterReply, {
    transient: !stored,
    state: (): OpenRequest | undefined => undefined,
    on: handlers as never,
    onFailure: "resume",
    ...stored ? {} : { idleMs: Infinity, onIdle: "drop" }, // in memory it ends itself
  });
}

/** Tells the caller, and who began something for it, that there will be no answer. */
function abandon(turn: LaterTurn, request: OpenRequest, ended: EndedLaters, reason: Reason): void {
  const failure = failureOf(request, reason);
  const told: ToldFailure = { ...failure, ...reason.code === "cancelled" && { outcome: "withdrawn" } };
  for (const to of failureAddresses(request.replyTo, request.failTo)) {
    forward(turn, request, to, toldTo(to, told));
  }
  forward(turn, request, request.abandonTo, failure);
  ended.end(turn, "abandoned");
}

function failureOf({ id }: OpenRequest, { code, message }: Reason) {
  return { id, code: String(code), message: String(message) };
}

/** Sends something in answer to the request. */
function forward(turn: Turn, request: OpenRequest, to: Address | undefined, payload: unknown): void {
  if (to === undefined) return;
  const { id, correlationId, headers } = request;
  const operation = turn.actor.services.delivery.operationAt(to);
  const extras = headers && { headers };
  const route = new Route(operation, id, correlationId, undefined, undefined, extras);
  turn.post({ protocol: to.protocol, key: to.key }, route, payload);
}

/** Throws a `TerminalError` (`invalid-reply`) if an answer does not fit the schema of the reply. */
function requireReply(turn: Turn, to: Address, value: unknown): void {
  const operation = turn.actor.services.delivery.operationAt(to);
  if (operation.mode !== "submit" || operation.repliesUnchecked === true) return; // it is not hosted here
  try {
    parse(operation.reply, value, "Cannot answer", nameOf(operation, to.key));
  } catch (error) {
    throw new TerminalError(messageOf(error), { code: "invalid-reply", cause: error });
  }
}

/** Throws a `TerminalError` that says why an answer finds no request, unless the request is not open yet. */
function refuse(turn: Turn, payload: unknown, ended: EndedLaters): void | Promise<void> {
  if (ended.keepEarly?.(turn, payload)) return;
  const why = ended.whyOf(turn);
  if (why instanceof Promise) return why.then(throwLate);
  throwLate(why);
}

function throwLate(why: LaterEnd | undefined): never {
  if (why === "answered") {
    throw new TerminalError("Cannot answer a request twice: another answer came before", {
      code: "already-answered",
    });
  }
  throw new TerminalError("Cannot answer a request for which nobody waits any more", { code: "late-reply" });
}
