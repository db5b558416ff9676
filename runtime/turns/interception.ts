import type { Actor, Handler } from "../language/actor.ts";
import type { ActorId } from "../language/address.ts";
import { mergedHeaders } from "../language/given_headers.ts";
import type { Operation } from "../language/protocol.ts";
import { Publication, Topic } from "../messages/builtin_protocols.ts";
import { type MessageId, nameOf, type Route } from "../messages/envelope.ts";
import type { Ids } from "../messages/ids.ts";
import type { AddedHeaders, Interceptor } from "../ports/interceptor.ts";
import { MessageView } from "../ports/message_view.ts";
import { Passage } from "./passage.ts";
import type { Turn } from "./turn.ts";
import { turnOver } from "./turn_errors.ts";

/** Sends a message with the route that its interceptors have left. */
type Send = (route: Route) => unknown;

/** The interceptors of a system. */
export class Interception {
  readonly #turns: readonly Interceptor[];
  readonly #sends: readonly Interceptor[];
  readonly #ids: Ids;
  readonly #onFailure: (error: unknown) => void;

  /** Calls `onFailure` when an interceptor fails after it has sent its message. */
  constructor(interceptors: readonly Interceptor[], ids: Ids, onFailure: (error: unknown) => void) {
    this.#turns = interceptors.filter((one) => one.turn !== undefined);
    this.#sends = interceptors.filter((one) => one.send !== undefined);
    this.#ids = ids;
    this.#onFailure = onFailure;
  }

  /** Whether sends are intercepted. */
  get sends(): boolean {
    return this.#sends.length > 0;
  }

  /** The handlers of an actor with the interceptors around them. */
  around({ name, handlers }: Pick<Actor, "name" | "handlers">): readonly (Handler | undefined)[] {
    if (name === Topic.publish.protocol) return handlers;
    return handlers.map((handler) => handler && this.#around(handler, name.startsWith("~")));
  }

  /** Of built-in actors only the functions of users are intercepted, which hear publications. */
  #around(handler: Handler, builtIn: boolean): Handler {
    return (turn, value) => {
      if (builtIn && !Publication.is(value)) return handler(turn, value);
      return this.#turn(turn as Turn, builtIn ? value as Publication : undefined, handler, value);
    };
  }

  /** Whether the sends of an operation are intercepted: those of users. */
  takes(operation: Operation): boolean {
    const { protocol, name } = operation;
    return this.sends && (operation === Topic.publish || !(protocol.startsWith("~") || name.startsWith("~")));
  }

  /** Sends a message with the interceptors around `send`, which gets its route with the headers that they add. */
  send<Result>(to: ActorId, route: Route, payload: unknown, send: (route: Route) => Result): Result {
    const published = Publication.is(payload) ? payload.operation : undefined;
    const operation = published ?? route.operation;
    const key = published === undefined ? to.key : "";
    const id = route.extras?.id ?? this.#ids.next();
    return this.sendAt(0, operation, key, id, route, send) as Result;
  }

  /** Sends a message with the interceptors from there on around it. */
  sendAt(
    index: number,
    operation: Operation,
    key: string,
    id: MessageId,
    route: Route,
    send: Send,
  ): unknown {
    const interceptor = this.#sends[index];
    if (interceptor === undefined) return send(route);
    const view = new MessageView(this.#ids, operation, key, id, route, 0, undefined);
    return new SendPassage(this, index, operation, key, id, route, send)
      .send(interceptor, view, this.#onFailure);
  }

  #turn(turn: Turn, heard: Publication | undefined, handler: Handler, value: unknown): unknown {
    const { route, messageId, attempt, acceptedMs } = turn;
    const operation = heard === undefined ? route.operation : heard.operation;
    const key = heard === undefined ? turn.key : "";
    if (this.sends) turn.interception = this;
    const view = new MessageView(this.#ids, operation, key, messageId, route, attempt, acceptedMs);
    return this.turnAt(0, turn, view, handler, value);
  }

  /** Runs a turn with the interceptors from there on around it. */
  turnAt(index: number, turn: Turn, view: MessageView, handler: Handler, value: unknown): unknown {
    const interceptor = this.#turns[index];
    if (interceptor === undefined) return handler(turn, value);
    return new TurnPassage(this, index, turn, view, handler, value).turn(interceptor, view);
  }
}

/** A message as an interceptor sees it: that of an event or a survey has no key. */
function nameOfSeen(operation: Pick<Operation, "protocol" | "name">, key: string): string {
  return key === "" ? `${operation.protocol}.${operation.name}` : nameOf(operation, key);
}

/** The way of a message that is sent through one interceptor. */
class SendPassage extends Passage {
  readonly #interception: Interception;
  readonly #index: number;
  readonly #operation: Operation;
  readonly #key: string;
  readonly #id: MessageId;
  readonly #route: Route;
  readonly #send: Send;

  constructor(
    interception: Interception,
    index: number,
    operation: Operation,
    key: string,
    id: MessageId,
    route: Route,
    send: Send,
  ) {
    super();
    this.#interception = interception;
    this.#index = index;
    this.#operation = operation;
    this.#key = key;
    this.#id = id;
    this.#route = route;
    this.#send = send;
  }

  protected override get what(): string {
    return `send ${nameOfSeen(this.#operation, this.#key)}`;
  }

  protected override get headers(): AddedHeaders | undefined {
    return this.#route.extras?.headers;
  }

  protected override next(headers: AddedHeaders | undefined): unknown {
    const id = this.#id;
    const route = this.#route;
    const next = headers !== undefined
      ? route.with({ id, headers })
      : route.extras?.id === id
      ? route
      : route.with({ id });
    return this.#interception.sendAt(this.#index + 1, this.#operation, this.#key, id, next, this.#send);
  }
}

/** The way of a turn through one interceptor. */
class TurnPassage extends Passage {
  readonly #interception: Interception;
  readonly #index: number;
  readonly #turn: Turn;
  readonly #view: MessageView;
  readonly #handler: Handler;
  readonly #value: unknown;

  constructor(
    interception: Interception,
    index: number,
    turn: Turn,
    view: MessageView,
    handler: Handler,
    value: unknown,
  ) {
    super();
    this.#interception = interception;
    this.#index = index;
    this.#turn = turn;
    this.#view = view;
    this.#handler = handler;
    this.#value = value;
  }

  protected override get what(): string {
    const { protocol, operation: name, key } = this.#view;
    return `run the turn of ${nameOfSeen({ protocol, name }, key)}`;
  }

  protected override get headers(): AddedHeaders | undefined {
    return this.#turn.causedHeaders;
  }

  protected override requireOpen(): void {
    if (this.#turn.closed) throw turnOver("run a handler", this.#turn.actor);
  }

  protected override next(headers: AddedHeaders | undefined, added: AddedHeaders | undefined): unknown {
    const turn = this.#turn;
    if (headers !== undefined) {
      turn.added = { added: mergedHeaders(turn.added?.added ?? {}, added!), headers };
    }
    return this.#interception.turnAt(this.#index + 1, turn, this.#view, this.#handler, this.#value);
  }
}
