import type { ActorId, Address } from "../language/address.ts";
import type { Actor } from "../language/actor.ts";
import type { Operation } from "../language/protocol.ts";
import { guarded } from "../base/guarded.ts";
import { messageOf, StoppedError } from "../base/errors.ts";
import type { RuntimeServices } from "../activations/runtime_services.ts";
import type { LocalRespondents } from "../durable/local_respondents.ts";
import type { OpenStore } from "../durable/open_store.ts";
import type { Acceptance } from "../durable/delivery/acceptance.ts";
import type { RemoteRows } from "../durable/delivery/remote_rows.ts";
import type { RemotePart, RemoteWritingServices } from "../durable/remote_part.ts";
import { StartupQueue } from "../durable/startup_queue.ts";
import { Publication, Topic } from "../messages/builtin_protocols.ts";
import type { Route } from "../messages/envelope.ts";
import type { Ids } from "../messages/ids.ts";
import { eventReceiver, Remote as RemoteProtocol } from "../messages/remote_address.ts";
import type { TransportHealth } from "../ports/health.ts";
import type { ResolvedOptions } from "../ports/options.ts";
import type { LaneStats } from "../ports/stats.ts";
import type { Transport } from "../ports/transport.ts";
import type { Border } from "./border.ts";
import { PendingReplies, type PendingRequest, type Waiter } from "./pending_replies.ts";
import type { StoreBorder } from "./store_border.ts";
import type { Listed } from "../language/listed.ts";
import { Registry, requirePublishable, requireRemote } from "./registry.ts";

const none: readonly never[] = [];

/** What the part for other services needs of its system. */
export interface RemoteParts {
  readonly transport: Transport;
  /** The name of this service. */
  readonly service: string;
  readonly remote: readonly Listed[];
  /** The actors of the user. */
  readonly actors: readonly Actor[];
  readonly options: ResolvedOptions;
  readonly services: RuntimeServices;
  readonly ids: Ids;
  readonly stored: boolean;
  /** Functions in this process that answer surveys beside a store; `undefined` without a store. */
  respondents(): LocalRespondents | undefined;
  /** The key of the later in memory of a request that is answered later, by its id and where its reply goes. */
  laterOf(requestId: string, replyTo: Address): Promise<string | undefined>;
  /** Puts a message from outside a turn into its mailbox, as `Delivery.accept` does. */
  accept(to: ActorId, operation: Operation, payload: unknown, route: Route): Promise<unknown> | undefined;
  /** Reports what no call can report. */
  report(error: unknown): void;
}

/**
 * The other services, for one system: what is sent to them, and what they send. What sends and receives (`Border`) is
 * loaded when the transport is opened, and until then messages wait.
 */
export class Remote implements RemotePart {
  readonly registry: Registry;
  readonly pending: PendingReplies;
  readonly parts: RemoteParts;
  readonly #startup = new StartupQueue();
  #module: Promise<typeof import("./border.ts")> | undefined;
  /** With a store: what was begun with it, and is not open yet. */
  #begun: StoreBorder | undefined;
  #border: Border | undefined;
  #failure: unknown;
  #opened: Promise<void> | undefined;
  #ending = false;

  /** Throws a `TypeError` if what is exposed, hosted and remote contradict each other. */
  constructor(parts: RemoteParts) {
    const { transport, remote, actors, options, stored } = parts;
    this.parts = parts;
    this.registry = new Registry({ actors, expose: transport.expose, remote, stored });
    this.pending = new PendingReplies(options.clock, options.random);
  }

  /** Opens the transport of a system without a store. With a store it is opened after that. */
  begin(): void {
    if (this.parts.stored) return;
    this.#begin(this.load().then(() => this.#open(undefined)));
  }

  /**
   * Resolves when the transport is open and its channels are declared in the broker, or the broker is away. Rejects if that
   * will never be.
   */
  get opened(): Promise<void> {
    return this.#opened ?? Promise.resolve();
  }

  /** Whether other services host actors of that protocol. */
  has(protocol: string): boolean {
    return this.registry.has(protocol);
  }

  /** The operation at an address in another service; `undefined` if there is none. */
  operation(protocol: string, name: string): Operation | undefined {
    if (protocol !== RemoteProtocol.arrive.protocol) return this.registry.remote(protocol, name);
    const { arrive, refuse, take, pass, asked } = RemoteProtocol;
    return [refuse, take, pass, asked].find((operation) => operation.name === name) ?? arrive;
  }

  /** Throws a `NotFoundError` (`unknown-operation`) if `remote` does not name an operation of another service. */
  require({ protocol, name }: Operation): void {
    requireRemote(this.registry, protocol, name);
  }

  /** Whether a message of a turn leaves this service, and is delivered nowhere here. */
  takes({ protocol }: ActorId): boolean {
    return protocol === RemoteProtocol.arrive.protocol || this.registry.has(protocol);
  }

  /** Whether other services get a publication too, and nobody else tells them. */
  copies(to: ActorId, { operation }: Route, payload: unknown): payload is Publication {
    if (this.parts.stored || operation !== Topic.publish || !Publication.is(payload) || payload.heard) {
      return false;
    }
    const { protocol, name, mode } = payload.operation;
    return mode === "event" && to.protocol === Topic.publish.protocol && this.registry.sends(protocol, name);
  }

  /**
   * What other services get of a publication; nothing if they get none. It has receivers of its own: if it becomes a dead
   * letter, it is sent to them again, and not to the subscribers of this service.
   */
  copiesOf(to: ActorId, route: Route, payload: unknown): readonly { to: ActorId; route: Route }[] {
    if (!this.copies(to, route, payload)) return none;
    const receivers = guarded(() => this.eventReceivers(payload), none); // else its topic says why it cannot be published
    return receivers.map((to) => ({ to, route: route.of(RemoteProtocol.publish) }));
  }

  /** The other services that get an event one by one; `[undefined]` if a broker divides it among them. */
  get peers(): readonly (string | undefined)[] {
    const { transport: { recipients }, service } = this.parts;
    return recipients?.filter((name) => name !== service) ?? [undefined];
  }

  /** The receivers that stand for a publication in other services. Throws what its schema or its `subject` throws. */
  eventReceivers(publication: Publication): readonly ActorId[] {
    const { protocol, name } = publication.operation;
    const { subject } = publication.check();
    const one = { event: { protocol, name }, subject, key: this.parts.service };
    return this.peers.map((service) => eventReceiver({ ...one, service }));
  }

  /** Throws a `NotFoundError` (`unknown-operation`) if only other services publish an event. */
  requirePublishable(event: Operation): void {
    requirePublishable(this.registry, event);
  }

  /**
   * Accepts a message from outside a turn, which has been checked. With a store it resolves when the store has it, or, if
   * it is an ask, when the broker has it; without a store, when the broker has it.
   */
  accept(to: ActorId, route: Route, payload: unknown, ticket?: string): Promise<Acceptance> {
    return this.#whenOpen((border) => border.accept(to, route, payload, ticket), route.extras?.bytes);
  }

  /** Takes back a request whose reply is kept in memory: tells its service. Returns the request, if there is one. */
  cancel(replyKey: string): PendingRequest | undefined {
    return this.#border?.cancel(replyKey);
  }

  /** Sends a message of a turn, or a dead letter again. */
  send(to: ActorId, route: Route, payload: unknown): Promise<unknown> {
    if (Publication.is(payload)) return this.#whenOpen((border) => border.publish(payload, route, [to]));
    return this.#whenOpen((border) => border.send(to, route, payload));
  }

  /** Publishes to other services, without a store. */
  publish(publication: Publication, route: Route): Promise<void> {
    const send = (border: Border) => border.publish(publication, route, this.eventReceivers(publication));
    return this.#whenOpen(send, route.extras?.bytes);
  }

  /** Whether respondents of other services may hear of a survey. */
  asks({ protocol, name }: Operation): boolean {
    return this.registry.sends(protocol, name);
  }

  /** Asks the respondents of other services. */
  survey(publication: Publication, route: Route, waiter: Waiter): void {
    this.#whenOpen((border) => border.survey(publication, route, waiter)).catch(this.parts.report);
  }

  /** Whether a batch is under way that a stop waits for. */
  get busy(): boolean {
    return this.#border?.busy === true;
  }

  get health(): TransportHealth {
    const { name } = this.parts.transport.traits;
    if (this.#failure !== undefined) return { name, status: "refused", reason: messageOf(this.#failure) };
    return { name, ...this.#border?.health ?? { status: "connecting" } };
  }

  /** What waits to be sent, by lane. */
  get lanes(): Readonly<Record<string, LaneStats>> {
    return this.#border?.lanes ?? {};
  }

  /** How many messages wait in the memory of this process to be sent, by lane. */
  get countsInMemory(): ReadonlyMap<string, number> {
    return this.#border?.countsInMemory ?? new Map();
  }

  /** Loads what sends and receives. */
  async load(): Promise<void> {
    await (this.#module ??= import("./border.ts"));
  }

  /** The store is being opened: what turns send to other services is written by the result. */
  async beginRows(services: RemoteWritingServices): Promise<RemoteRows> {
    const [{ StoreBorder }] = await Promise.all([import("./store_border.ts"), this.load()]);
    this.#begun = new StoreBorder(this, services);
    return this.#begun.outbox;
  }

  /** The store is open. */
  storeOpened(store: OpenStore): void {
    this.#begin(this.#open(store));
  }

  /** An attempt to open the store failed. */
  storeFailed(error: unknown): void {
    this.#startup.fail(error);
  }

  /** Whether something waits to be sent, or nobody has looked yet. */
  get waits(): boolean {
    if (this.#border === undefined) return this.#failure === undefined;
    return this.#border.health.waiting! > 0;
  }

  /** Finds what nobody sends. */
  async heartbeat(): Promise<void> {
    await this.#border?.heartbeat();
  }

  /** Hands over nothing more of what other services send. */
  async drain(): Promise<void> {
    this.#ending = true;
    await this.#border?.drain();
  }

  /** Sends nothing more. The store must still be open. */
  async endSending(): Promise<void> {
    this.#startup.fail(new StoppedError("Cannot send to another service: the system has stopped"));
    await this.#border?.endSending();
  }

  /** Closes the connection. */
  async close(): Promise<void> {
    await this.#border?.close();
  }

  async #open(store: OpenStore | undefined): Promise<void> {
    const { Border } = await this.#module!;
    if (this.#ending) return;
    this.#border = new Border(this, store, this.#begun);
    this.#startup.run();
    await this.#border.open();
  }

  #begin(opening: Promise<void>): void {
    opening.catch((error) => this.#fail(error));
    this.#opened = opening.then(() => this.#border?.declared);
    this.#opened.catch(() => {}); // it is reported, and `ready` rejects with it
  }

  #fail(error: unknown): void {
    this.#failure = error;
    this.parts.report(error);
    this.#startup.fail(error);
    this.#border?.fail(error);
  }

  #whenOpen<Result>(act: (border: Border) => Promise<Result>, bytes?: number): Promise<Result> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#border !== undefined) return act(this.#border);
    return this.#startup.ask(async () => await act(this.#border!), bytes);
  }
}
