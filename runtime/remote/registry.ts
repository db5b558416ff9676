import { NotFoundError } from "../base/errors.ts";
import type { Actor } from "../language/actor.ts";
import { didYouMean } from "../base/did_you_mean.ts";
import { type Listed, listedIn } from "../language/listed.ts";
import type { Operation } from "../language/protocol.ts";
import { isUnchecked } from "../language/schema.ts";
import type { Channel, InboxOperation } from "../ports/transport.ts";

/** What a registry is made from. */
export interface RegistryParts {
  /** The actors that this system hosts, without the built-in ones. */
  readonly actors: readonly Pick<Actor, "name" | "operations" | "transient">[];
  /** What other services may send to, ask and hear. */
  readonly expose: readonly Listed[];
  /** What other services host, and what this one hears of them. */
  readonly remote: readonly Listed[];
  /** Whether the system has a store. */
  readonly stored: boolean;
}

type Operations = Map<string, Map<string, Operation>>;

/** What crosses the border of a service: the operations that it exposes, and those of other services that it reaches. */
export class Registry {
  readonly #actors: ReadonlyMap<string, Pick<Actor, "name" | "operations" | "transient">>;
  readonly #exposed: Operations = new Map();
  readonly #remote: Operations = new Map();
  /** The protocols of which other services host actors. */
  readonly #elsewhere = new Set<string>();
  readonly #stored: boolean;

  /** Throws a `TypeError` if the lists contradict each other, or what is hosted. */
  constructor({ actors, expose, remote, stored }: RegistryParts) {
    this.#actors = new Map(actors.map((actor) => [actor.name, actor]));
    this.#stored = stored;
    for (const operation of listedIn("expose", expose)) this.#expose(operation);
    for (const operation of listedIn("remote", remote)) this.#reach(operation);
  }

  /** Whether other services host actors of that protocol, as far as this one may speak to them. */
  has(protocol: string): boolean {
    return this.#elsewhere.has(protocol);
  }

  /** The operation of that name that actors of other services handle; absent if `remote` does not name it. */
  remote(protocol: string, name: string): Operation | undefined {
    const found = this.#remote.get(protocol)?.get(name);
    return found === undefined || isBroadcast(found) ? undefined : found;
  }

  /** The names of the protocols that are hosted here, or by other services. */
  get names(): string[] {
    return [...this.#actors.keys(), ...[...this.#remote.keys()].filter((protocol) => this.has(protocol))];
  }

  /** The operation of that name that other services may send to; absent if it is not exposed. */
  exposed(protocol: string, name: string): Operation | undefined {
    const found = this.#exposed.get(protocol)?.get(name);
    return found === undefined || isBroadcast(found) ? undefined : found;
  }

  /** Whether a publication leaves this service: an event that it exposes, or a survey that it exposes or hears. */
  sends(protocol: string, event: string): boolean {
    const exposed = this.#exposed.get(protocol)?.get(event);
    if (exposed !== undefined) return isBroadcast(exposed);
    return this.#remote.get(protocol)?.get(event)?.mode === "survey";
  }

  /** The event or survey of that name that this service hears of others; absent if it hears none. */
  heard(protocol: string, event: string): Operation | undefined {
    const found = this.#remote.get(protocol)?.get(event);
    if (found !== undefined) return isBroadcast(found) ? found : undefined;
    const exposed = this.#exposed.get(protocol)?.get(event);
    return exposed?.mode === "survey" ? exposed : undefined;
  }

  /** Whether only other services publish that event. */
  isForeign(protocol: string, event: string): boolean {
    return this.#remote.get(protocol)?.get(event)?.mode === "event" && !this.sends(protocol, event);
  }

  /** What this service reads from the broker. */
  get channels(): Channel[] {
    const channels: Channel[] = [{ kind: "process" }];
    if (this.#stored) channels.push({ kind: "replies" });
    for (const [protocol, actor] of this.#actors) {
      const operations = this.#inboxOf(protocol);
      const answered = this.#submits && this.#stored && !actor.transient;
      if (operations.length > 0 || answered) channels.push({ kind: "inbox", protocol, operations });
    }
    const heard = new Set([...broadcasts(this.#remote), ...broadcasts(this.#exposed)]);
    for (const { protocol, name, mode } of heard) {
      if (this.heard(protocol, name) === undefined) continue;
      if (channels.some((one) => one.kind === "event" && one.protocol === protocol && one.event === name)) {
        continue;
      }
      channels.push({ kind: "event", protocol, event: name, mode: mode === "survey" ? mode : "event" });
    }
    return channels;
  }

  /** Whether actors of this service may wait for replies of others. */
  get #submits(): boolean {
    return this.#remote.values().some((operations) =>
      operations.values().some(({ mode }) => mode === "submit")
    );
  }

  #inboxOf(protocol: string): InboxOperation[] {
    const exposed = [...this.#exposed.get(protocol)?.values() ?? []];
    return exposed.filter((operation) => !isBroadcast(operation)).map(inboxOperation);
  }

  #expose(operation: Operation): void {
    const { protocol, name } = operation;
    const what = `Cannot expose ${protocol}.${name}`;
    if (operation.mode === "survey") requireChecked(operation, what); // others ask it here
    if (isBroadcast(operation)) return add(this.#exposed, operation, what);
    const actor = this.#actors.get(protocol);
    if (actor === undefined) {
      const near = didYouMean(protocol, [...this.#actors.keys()]);
      throw new TypeError(`${what}: this system hosts no actor of ${protocol}${near}`);
    }
    if (actor.operations[name] !== operation) {
      throw new TypeError(
        `${what}: the ${protocol} that this system hosts has another operation of that name`,
      );
    }
    requireChecked(operation, what);
    add(this.#exposed, operation, what);
  }

  #reach(operation: Operation): void {
    const { protocol, name } = operation;
    const what = `Cannot reach ${protocol}.${name} in another service`;
    if (!isBroadcast(operation) && this.#actors.has(protocol)) {
      throw new TypeError(`${what}: this system hosts ${protocol} itself`);
    }
    if (isBroadcast(operation)) {
      requireChecked(operation, `Cannot hear ${protocol}.${name} of other services`);
    }
    add(this.#remote, operation, what);
    if (!isBroadcast(operation)) this.#elsewhere.add(operation.protocol);
  }
}

/** An operation as the inbox of its protocol takes it. */
export function inboxOperation({ name, mode }: Operation): InboxOperation {
  return { name, mode: mode as InboxOperation["mode"] };
}

/** Throws a `TypeError` if this service could not validate what others send. */
function requireChecked({ payload }: Operation, what: string): void {
  if (payload === undefined || !isUnchecked(payload)) return;
  const why = "its payload is unchecked, and input from outside must be validated: give it a schema";
  throw new TypeError(`${what}: ${why}`);
}

/** Whether an operation has many receivers. */
function isBroadcast({ mode }: Operation): boolean {
  return mode === "event" || mode === "survey";
}

function broadcasts(operations: Operations): Operation[] {
  return [...operations.values()].flatMap((some) => [...some.values()]).filter(isBroadcast);
}

function add(operations: Operations, operation: Operation, what: string): void {
  const { protocol, name } = operation;
  const some = operations.get(protocol) ?? new Map<string, Operation>();
  if ((some.get(name) ?? operation) !== operation) {
    throw new TypeError(`${what}: two protocols have the name ${protocol}`);
  }
  operations.set(protocol, some.set(name, operation));
}

/** An operation of another service. Throws a `NotFoundError` (`unknown-operation`) if `remote` does not name it. */
export function requireRemote(registry: Registry, protocol: string, name: string): Operation {
  const found = registry.remote(protocol, name);
  if (found !== undefined) return found;
  const why = `another service hosts ${protocol}, and \`remote\` does not name its operation ${name}`;
  throw new NotFoundError("unknown-operation", `Cannot send to ${protocol}: ${why}`);
}

/** Throws a `NotFoundError` (`unknown-operation`) if only other services publish an event. */
export function requirePublishable(registry: Registry, { protocol, name }: Operation): void {
  if (!registry.isForeign(protocol, name)) return;
  const why = "it is in `remote`, so another service publishes it, and this one does not expose it";
  throw new NotFoundError("unknown-operation", `Cannot publish ${protocol}.${name}: ${why}`);
}
