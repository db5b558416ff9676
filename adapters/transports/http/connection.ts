import { PosthornError } from "../../../runtime/base/errors.ts";
import { fingerprint } from "../../../runtime/base/fingerprint.ts";
import { within } from "../../../runtime/base/within.ts";
import type {
  Channel,
  Delivery,
  Parcel,
  Receiver,
  Refusal,
  Tenure,
  TransportConnection,
  TransportServices,
  TransportState,
} from "../../../runtime/ports/transport.ts";
import type { Frame } from "./frames.ts";
import type { Settings } from "./options.ts";
import { receivedOf } from "./parcels.ts";
import { Peer } from "./peer.ts";
import { Reachability } from "./reachability.ts";
import { Sender } from "./sender.ts";
import { Serving } from "./serving.ts";

/** How long a start waits for the answers to its greetings, in milliseconds. */
const greetingsMs = 2_000;

/** What a connection tells. */
export interface ConnectionCallbacks {
  /** It reads something for the first time. */
  onReading(connection: HttpTransportConnection): void;
  onClose(): void;
}

/** The connection of one process to the other services. */
export class HttpTransportConnection implements TransportConnection {
  readonly serving: Serving;
  readonly #services: TransportServices;
  readonly #settings: Settings;
  readonly #peers: ReadonlyMap<string, Peer>;
  readonly #reachability: Reachability;
  readonly #sender: Sender;
  readonly #readings = new Set<Disposable>();
  /** Takes the replies that come with responses. */
  #asking:
    | { readonly receiver: Receiver; readonly tenure: Tenure; readonly begun: Promise<unknown> }
    | undefined;
  #greeted: Promise<unknown> = Promise.resolve();
  #drained: Promise<void> | undefined;
  #closed = false;
  #closing: Promise<void> | undefined;

  readonly #callbacks: ConnectionCallbacks;
  #reads = false;

  private constructor(services: TransportServices, settings: Settings, callbacks: ConnectionCallbacks) {
    this.#callbacks = callbacks;
    const { clock, random, service, instance, store } = services;
    this.#services = services;
    this.#settings = settings;
    const storePrint = store === undefined ? undefined : fingerprint(store);
    const isStored = store !== undefined;
    this.serving = new Serving({ clock, random, settings, service, instance, isStored, storePrint });
    const { messageBytes } = settings;
    const peerServices = {
      clock,
      random,
      service,
      messageBytes,
      replied: (frame: Frame, from: string) => this.#replied(frame, from),
      changed: () => this.#reachability.look(),
    };
    this.#peers = new Map(
      [...settings.peers].map(([name, peer]) => [name, new Peer(peer, peerServices)]),
    );
    const reachable = [...this.#peers.values()].filter(({ hasUrl }) => hasUrl);
    this.#reachability = new Reachability(clock, random, reachable, settings.greets);
    this.#sender = new Sender({ services, settings, peers: this.#peers, responses: this.serving.responses });
  }

  /**
   * Opens a connection. Resolves although no service can be reached. Rejects if a process of this service with another store
   * answers at its own url.
   */
  static async open(
    services: TransportServices,
    settings: Settings,
    callbacks: ConnectionCallbacks,
  ): Promise<HttpTransportConnection> {
    const connection = new HttpTransportConnection(services, settings, callbacks);
    try {
      if (settings.greets) await connection.#greetAll();
    } catch (error) {
      await connection.close();
      throw error;
    }
    return connection;
  }

  get state(): TransportState {
    return this.#reachability.state;
  }

  async send(batch: readonly Parcel[]): Promise<readonly (Refusal | undefined)[]> {
    if (this.#closed) throw closed("send");
    return await this.#sender.send(batch);
  }

  sendNow(parcel: Parcel, failed: (refusal: Refusal | undefined) => void): boolean {
    return !this.#closed && this.#sender.sendNow(parcel, failed);
  }

  receive(channel: Channel, receiver: Receiver): Disposable & { readonly ready: Promise<void> } {
    if (this.#closed || this.#drained !== undefined) throw closed(`read ${channel.kind}`);
    const checks = channel.kind === "inbox" && this.#settings.greets;
    const reading = this.serving.read(channel, receiver, !checks);
    if (channel.kind === "process") this.#beginProcess(receiver);
    const ready = checks
      ? this.#declare(channel.protocol).then(
        () => void (reading.isDeclared = true),
        (error) => {
          this.serving.leave(channel, reading); // it will never be read
          throw error;
        },
      )
      : Promise.resolve();
    ready.catch(() => {}); // whoever does not look at it is not told
    const receiving = {
      ready,
      [Symbol.dispose]: () => {
        if (!this.#readings.delete(receiving)) return;
        this.serving.leave(channel, reading);
        if (this.#asking?.receiver === receiver) this.#asking = undefined;
      },
    };
    this.#readings.add(receiving);
    if (!this.#reads) this.#callbacks.onReading(this);
    this.#reads = true;
    return receiving;
  }

  drain(): Promise<void> {
    return this.#drained ??= this.serving.drain();
  }

  watch(onChange: (state: TransportState) => void): Disposable {
    return this.#reachability.watch(onChange);
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#closed = true;
    for (const receiving of this.#readings) receiving[Symbol.dispose]();
    this.#reachability.close();
    this.#sender.close();
    const over = [this.serving.close(), ...this.#peers.values().map((peer) => peer.close(closed("send")))];
    this.#callbacks.onClose();
    await Promise.all(over);
  }

  /** Greets all services. Waits for this one only: whether a process of it runs that has another store. */
  async #greetAll(): Promise<void> {
    const { clock, service, store } = this.#services;
    const greetings: Promise<unknown>[] = [];
    let own: Promise<unknown> | undefined;
    let ownStore: string | undefined;
    for (const peer of this.#peers.values()) {
      if (!peer.hasUrl) continue;
      const greeting = peer.greet().then((said) => {
        if (peer.name === service) ownStore = said.store;
      }, () => {}); // its health says why
      greetings.push(greeting);
      if (peer.name === service) own = greeting;
    }
    this.#greeted = within(clock, greetingsMs, Promise.all(greetings));
    if (own !== undefined) await within(clock, greetingsMs, own);
    if (store === undefined || ownStore === undefined || ownStore === fingerprint(store)) return;
    const why = "a process of it has another store: the processes of one service share one";
    throw new PosthornError("another-store", `Cannot open the transport of the service ${service}: ${why}`);
  }

  /** Rejects if another service has that inbox, as far as they answer. */
  async #declare(protocol: string): Promise<void> {
    await this.#greeted;
    const host = this.#sender.otherHostOf(protocol);
    if (host === undefined) return;
    const why = `the service ${host} reads it`;
    throw new PosthornError("another-service", `Cannot read the inbox of ${protocol}: ${why}`);
  }

  #beginProcess(receiver: Receiver): void {
    const tenure: Tenure = { shard: "responses", once: true, signal: new AbortController().signal };
    const begun = receiver.begin(tenure).catch((error) => this.#services.report(error));
    this.#asking = { receiver, tenure, begun };
  }

  /** A reply came with a response. */
  #replied(frame: Frame, from: string): void {
    const asking = this.#asking;
    const { messageBytes } = this.#settings;
    const received = receivedOf(readable(frame, messageBytes), from, messageBytes);
    if (asking === undefined || "code" in received) return;
    const { replyTo: _, ...one } = received;
    const delivery: Delivery = { ...one, key: "", operation: undefined, again: false };
    asking.begun.then(() => asking.receiver.take([delivery], asking.tenure))
      .catch((error) => this.#services.report(error));
  }
}

/** A reply, or the failure that stands for one that is too large for this service: its asker alone waits in vain. */
function readable(frame: Frame, messageBytes: number): Frame {
  const { head, skipped } = frame;
  if (skipped === undefined) return frame;
  const detail = `its turn is over, but its reply has ${skipped} of ${messageBytes} bytes`;
  const body = new TextEncoder().encode(JSON.stringify({ code: "too-large", detail }));
  return { head: { ...head, contentType: "application/problem+json" }, body };
}

function closed(what: string): PosthornError {
  return new PosthornError("transport-closed", `Cannot ${what}: the connection is closed or drained`);
}
