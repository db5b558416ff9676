import type { Actor, Handler } from "../language/actor.ts";
import type { ActorId } from "../language/address.ts";
import { mergedHeaders } from "../language/given_headers.ts";
import type { Operation } from "../language/protocol.ts";
import { Publication, Topic } from "../messages/builtin_protocols.ts";
import { type MessageId, nameOf, type Route } from "../messages/envelope.ts";
import type { Ids } from "../messages/ids.ts";
import type { GoOn, Interceptor } from "../ports/interceptor.ts";
import { MessageView } from "../ports/message_view.ts";
import { Passage } from "./passage.ts";
import type { Turn } from "./turn.ts";
import { turnOver } from "./turn_errors.ts";
import type { InterceptedTurn } from "./turn_extras.ts";

/** A message that is sent, as its interceptors see it. */
class Sending {
  readonly operation: Operation;
  readonly key: string;
  readonly id: MessageId;
  readonly send: (route: Route) => unknown;

  constructor(operation: Operation, key: string, id: MessageId, send: (route: Route) => unknown) {
    this.operation = operation;
    this.key = key;
    this.id = id;
    this.send = send;
  }

  /** For error messages. */
  toString(): string {
    return nameOf(this.operation, this.key);
  }
}

/** The interceptors of a system. */
export class Interception {
  readonly #turns: readonly Interceptor[];
  readonly #sends: readonly Interceptor[];
  readonly #ids: Ids;
  readonly #onFailure: (error: unknown) => void;
  /** What is added to a turn before its interceptors have added anything. */
  readonly #sending: InterceptedTurn = { sends: this };

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
      return this.#turn(turn as Turn, builtIn ? value as Publication : undefined, () => handler(turn, value));
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
    return this.#sendAt(0, new Sending(operation, key, id, send), route) as Result;
  }

  #sendAt(index: number, sending: Sending, route: Route): unknown {
    const interceptor = this.#sends[index];
    if (interceptor === undefined) return sending.send(route);
    const { operation, key, id } = sending;
    const passage = new Passage("send", sending);
    const goOn: GoOn = (added) =>
      passage.go(route.extras?.headers, added, (headers) => {
        if (headers !== undefined) return this.#sendAt(index + 1, sending, route.with({ id, headers }));
        return this.#sendAt(index + 1, sending, route.extras?.id === id ? route : route.with({ id }));
      });
    const view = new MessageView(this.#ids, operation, key, id, route, 0, undefined);
    return passage.send(() => interceptor.send!(view, goOn), this.#onFailure);
  }

  #turn(turn: Turn, heard: Publication | undefined, handle: () => unknown): unknown {
    const { route, messageId, attempt } = turn;
    const operation = heard === undefined ? route.operation : heard.operation;
    const key = heard === undefined ? turn.key : "";
    if (this.sends) turn.intercepted = this.#sending;
    const view = new MessageView(
      this.#ids,
      operation,
      key,
      messageId,
      route,
      attempt,
      route.extras?.watch?.acceptedMs,
    );
    return this.#turnAt(0, turn, view, handle);
  }

  #turnAt(index: number, turn: Turn, view: MessageView, handle: () => unknown): unknown {
    const interceptor = this.#turns[index];
    if (interceptor === undefined) return handle();
    const passage = new Passage("run the turn of", turn);
    const goOn: GoOn = (added) => {
      if (turn.closed) throw turnOver("run a handler", turn.actor);
      return passage.go(turn.causedHeaders, added, (headers) => {
        if (headers !== undefined) {
          const all = mergedHeaders(turn.intercepted?.added ?? {}, added!);
          turn.intercepted = { ...turn.intercepted, added: all, headers };
        }
        return this.#turnAt(index + 1, turn, view, handle);
      });
    };
    return passage.turn(() => interceptor.turn!(view, goOn));
  }
}
