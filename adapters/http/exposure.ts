import { type Listed, listedIn } from "../../runtime/language/listed.ts";
import type { Mode, Operation } from "../../runtime/language/protocol.ts";
import { isUnchecked } from "../../runtime/language/schema.ts";
import { RequestError } from "./problem.ts";

/** An operation to expose, or a protocol to expose all its operations. */
export type Exposed = Listed;

/** Event names that a stream uses for its own frames (`gap`) or that an `EventSource` dispatches itself. */
const reservedEvents: ReadonlySet<string> = new Set(["gap", "open", "error"]);

/** The operations that can be reached over HTTP. All others do not exist for HTTP. */
export class Exposure {
  readonly #exposed = new Map<string, Map<string, Operation>>();
  readonly #publishable = new Set<Operation>();
  readonly #subscribable = new Set<Operation>();

  /**
   * Throws a `TypeError` if the payload of an inbound operation would not be validated, if an event has a
   * reserved name, if something else than an event is accepted, or if two protocols have the same name.
   */
  constructor(expose: readonly Exposed[], accept: readonly Operation<"event">[]) {
    for (const operation of listedIn("expose", expose)) {
      this.#add(operation, operation.mode !== "event");
      if (operation.mode === "event") this.#addSubscribable(operation);
    }
    for (const event of listedIn("accept", accept)) {
      if (event.mode !== "event") {
        throw new TypeError(
          `Cannot accept ${event.protocol}.${event.name}: it is no event, but of mode ${event.mode}`,
        );
      }
      this.#add(event, true);
      this.#publishable.add(event);
    }
  }

  /**
   * Returns an exposed operation with one of these modes. Throws a {@linkcode RequestError} (404) that states
   * the reason if there is none.
   */
  operation(protocol: string, name: string, modes: readonly Mode[]): Operation {
    const operations = this.#exposed.get(protocol);
    if (operations === undefined) {
      throw new RequestError(404, "unknown-protocol", `There is no protocol ${protocol} here`);
    }
    const operation = operations.get(name);
    if (operation !== undefined && modes.includes(operation.mode)) return operation;
    const elsewhere = operation === undefined ? "" : `: its route is ${routeOf(operation)}`;
    const why = `There is no operation ${name} of ${protocol} here${elsewhere}`;
    throw new RequestError(404, "unknown-operation", why);
  }

  /**
   * Throws a `TypeError` if nobody handles an operation that is sent to an actor. An event or a survey may be
   * exposed by who hosts no actor of it.
   */
  requireHandled(whyUnhandled: (operation: Operation) => string | undefined): void {
    for (const operation of [...this.#exposed.values()].flatMap((some) => [...some.values()])) {
      if (operation.mode === "event" || operation.mode === "survey") continue;
      const why = whyUnhandled(operation);
      if (why === undefined) continue;
      throw new TypeError(`Cannot expose ${operation.protocol}.${operation.name}: ${why}`);
    }
  }

  /** The HTTP methods that the route of an operation supports. */
  methods(operation: Operation): string {
    const subscribing = this.maySubscribe(operation) ? ["GET", "HEAD"] : [];
    const sending = operation.mode !== "event" || this.mayPublish(operation) ? ["POST"] : [];
    return [...subscribing, ...sending].join(", ");
  }

  /** Whether clients may publish an event. */
  mayPublish(event: Operation): boolean {
    return this.#publishable.has(event);
  }

  /** Whether clients may subscribe to an event. */
  maySubscribe(event: Operation): boolean {
    return this.#subscribable.has(event);
  }

  /** The events of a protocol that clients may subscribe to. */
  events(protocol: string): Operation[] {
    const operations = this.#exposed.get(protocol)?.values() ?? [];
    return [...operations].filter((operation) => this.maySubscribe(operation));
  }

  #addSubscribable(event: Operation): void {
    if (reservedEvents.has(event.name)) {
      throw new TypeError(
        `Cannot expose ${event.protocol}.${event.name}: the streams use that name themselves: ` +
          "give the event another name",
      );
    }
    this.#subscribable.add(event);
  }

  #add(operation: Operation, inbound: boolean): void {
    if (inbound && operation.payload !== undefined && isUnchecked(operation.payload)) {
      throw new TypeError(
        `Cannot expose ${operation.protocol}.${operation.name}: its payload is unchecked, and input from ` +
          "outside must be validated: give it a schema",
      );
    }
    const operations = this.#exposed.get(operation.protocol) ?? new Map<string, Operation>();
    if ((operations.get(operation.name) ?? operation) !== operation) {
      throw new TypeError(`Cannot expose ${operation.protocol}: two protocols have that name`);
    }
    operations.set(operation.name, operation);
    this.#exposed.set(operation.protocol, operations);
  }
}

/** The route of an operation. */
function routeOf({ protocol, mode, name }: Operation): string {
  if (mode === "event") return `/events/${protocol}/${name}`;
  return mode === "survey" ? `/surveys/${protocol}/${name}` : `/actors/${protocol}/{key}/${name}`;
}
