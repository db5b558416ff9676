import type { Activation } from "../../runtime/activations/activation.ts";
import type { ActorId, Address } from "../../runtime/language/address.ts";
import type { Subscribed } from "../../runtime/language/context.ts";
import type { Operation } from "../../runtime/language/protocol.ts";
import type { Target } from "../../runtime/target.ts";
import { parseSubjectPattern } from "../../runtime/language/subject.ts";

/** One subscription of a topic, with the cached activation of its subscriber. */
export class Subscriber implements Target {
  readonly to: Address;
  /** The operation with which the subscriber gets it. */
  readonly operation: Operation;
  /** Tells it from another subscription of the same address. */
  readonly token: number | string | undefined;
  /** The tokens of its subject pattern; absent if it takes everything. */
  readonly pattern: readonly string[] | undefined;
  target: Activation | undefined = undefined;

  constructor(
    to: Address,
    operation: Operation,
    token: number | string | undefined,
    subject: string | undefined,
  ) {
    this.to = to;
    this.operation = operation;
    this.token = token;
    this.pattern = subject === undefined ? undefined : parseSubjectPattern(subject);
  }

  get protocol(): string {
    return this.to.protocol;
  }

  /** The subscription as a user sees it. */
  get subscribed(): Subscribed {
    const { protocol, key, operation } = this.to;
    const to = { protocol, key, operation };
    return this.pattern === undefined ? { to } : { to, subject: this.pattern.join(".") };
  }

  get key(): string {
    return this.to.key;
  }

  cacheTarget(found: Activation): void {
    this.target = found;
  }
}

/** The subscribers of one topic: by actor, because an erased actor loses all its subscriptions, then by operation. */
export class Subscribers {
  readonly #byActor = new Map<string, Map<string, Subscriber>>();
  /** All of them as a list, made when it is read after a change. */
  #all: readonly Subscriber[] | undefined;
  /** How many there are. */
  size = 0;

  has(to: Address): boolean {
    return this.#byActor.get(nameOf(to))?.has(to.operation) ?? false;
  }

  /** Whether an operation of an actor subscribes. */
  hasActor(actor: ActorId): boolean {
    return this.#byActor.has(nameOf(actor));
  }

  /** Subscribes an address, in place of its earlier subscription. */
  set(subscriber: Subscriber): void {
    const { to } = subscriber;
    const name = nameOf(to);
    const own = this.#byActor.get(name) ?? new Map<string, Subscriber>();
    this.#byActor.set(name, own);
    const before = own.size;
    own.set(to.operation, subscriber);
    this.size += own.size - before;
    this.#all = undefined;
  }

  /** Ends the subscription of an address; with a token, only the one with that token. Returns whether there was one. */
  delete(to: Address, token: number | string | undefined): boolean {
    const own = this.#byActor.get(nameOf(to));
    const found = own?.get(to.operation);
    if (own === undefined || found === undefined || (token !== undefined && found.token !== token)) {
      return false;
    }
    own.delete(to.operation);
    this.size--;
    if (own.size === 0) this.#byActor.delete(nameOf(to));
    this.#all = undefined;
    return true;
  }

  /** Ends all subscriptions of an actor. */
  leave(actor: ActorId): void {
    const name = nameOf(actor);
    this.size -= this.#byActor.get(name)?.size ?? 0;
    this.#byActor.delete(name);
    this.#all = undefined;
  }

  /** All subscriptions, by actor. */
  list(): readonly Subscriber[] {
    return this.#all ??= this.#byActor.values().flatMap((own) => own.values()).toArray();
  }
}

function nameOf({ protocol, key }: ActorId): string {
  return `${protocol}/${key}`;
}
