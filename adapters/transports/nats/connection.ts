import { PosthornError } from "../../../runtime/base/errors.ts";
import { within } from "../../../runtime/base/within.ts";
import type {
  Channel,
  Parcel,
  Receiver,
  Refusal,
  TransportConnection,
  TransportServices,
  TransportState,
} from "../../../runtime/ports/transport.ts";
import { Link } from "./link.ts";
import type { Settings } from "./options.ts";
import { routeOf, type Sending } from "./outgoing.ts";
import { Reading } from "./reading.ts";
import { denied, noReceiver, Sender } from "./sender.ts";
import type { Answer, Outgoing, Session } from "./session.ts";
import { Streams } from "./streams.ts";

/** A message, and its place in the batch. */
interface Routed {
  readonly index: number;
  readonly message: Outgoing;
}

const graceMs = 2_000;

/** The connection of one process to a NATS server. */
export class NatsTransportConnection implements TransportConnection {
  readonly #services: TransportServices;
  readonly #settings: Settings;
  readonly #streams: Streams;
  readonly #sender: Sender;
  readonly #link: Link;
  readonly #readings = new Set<Reading>();
  #drained: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  /** Whether the replies to the asks of a process share a subject. */
  #mayShare = true;

  private constructor(services: TransportServices, settings: Settings) {
    const { random, clock, service, store } = services;
    this.#services = services;
    this.#settings = settings;
    this.#streams = new Streams(service, settings);
    this.#sender = new Sender(() => random.ulid(clock.now()));
    this.#link = new Link({
      settings,
      services,
      prepare: async (session) => {
        if (store !== undefined) await this.#streams.claim(session, store);
      },
      began: (session) => {
        for (const reading of this.#readings) reading.begin(session);
      },
    });
  }

  /** Opens a connection. Resolves after the first attempt, also if the server is away. */
  static async open(services: TransportServices, settings: Settings): Promise<NatsTransportConnection> {
    const connection = new NatsTransportConnection(services, settings);
    try {
      await connection.#link.tried;
    } catch (error) {
      await connection.close();
      throw error;
    }
    return connection;
  }

  get state(): TransportState {
    return this.#link.state;
  }

  async send(batch: readonly Parcel[]): Promise<readonly (Refusal | undefined)[]> {
    if (this.#closed !== undefined) throw closed("send");
    const session = this.#requireSession();
    const answers: (Refusal | undefined)[] = new Array(batch.length).fill(undefined);
    const stored: Routed[] = [];
    const posted: Routed[] = [];
    const captured = new Map<string, boolean>();
    const sending = this.#sendingIn(session);
    for (const [index, parcel] of batch.entries()) {
      const route = routeOf(parcel, sending);
      if ("code" in route) answers[index] = route;
      else {
        const isStored = route.by === "address"
          ? await this.#isStored(session, route.outgoing, captured)
          : route.by === "stream";
        (isStored ? stored : posted).push({ index, message: route.outgoing });
      }
    }
    try {
      await Promise.all([
        this.#store(session, stored, batch[0]?.to.kind === "event", answers),
        this.#post(session, posted, answers),
      ]);
    } catch (error) {
      if (error instanceof PosthornError && error.code === "transport-full") {
        this.#link.blocked(error.message);
      }
      throw error;
    }
    if (stored.length > 0) this.#link.blocked(undefined);
    return answers;
  }

  sendNow(parcel: Parcel, failed: (refusal: Refusal | undefined) => void): boolean {
    const { session } = this.#link;
    if (session === undefined || session.ended.aborted || this.#closed !== undefined) return false;
    const route = routeOf(parcel, this.#sendingIn(session), true);
    if ("code" in route || route.by !== "core") return false;
    const { outgoing } = route;
    const { to } = parcel;
    return session.postNow(outgoing, (answer) => {
      if (answer === "denied" && to.kind === "reply" && to.address !== outgoing.subject) {
        this.#mayShare = false; // a server may allow a reply only where it was asked for
        if (!this.sendNow(parcel, failed)) failed(undefined); // there is no room now: it is a matter of `send`
        return;
      }
      failed(answer && refusalOf(answer, outgoing));
    });
  }

  receive(channel: Channel, receiver: Receiver): Disposable & { readonly ready: Promise<void> } {
    if (this.#closed !== undefined || this.#drained !== undefined) throw closed(`read ${channel.kind}`);
    const reading = new Reading({ channel, receiver, services: this.#services, streams: this.#streams });
    this.#readings.add(reading);
    if (this.#link.session !== undefined) reading.begin(this.#link.session);
    return {
      ready: reading.ready,
      [Symbol.dispose]: () => {
        reading.stop();
        this.#readings.delete(reading);
      },
    };
  }

  drain(): Promise<void> {
    return this.#drained ??= Promise.all(Array.from(this.#readings, (reading) => reading.drain())).then(
      () => {},
    );
  }

  watch(onChange: (state: TransportState) => void): Disposable {
    return this.#link.watch(onChange);
  }

  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  async #close(): Promise<void> {
    for (const reading of this.#readings) reading.stop();
    const ended = Promise.all(Array.from(this.#readings, (reading) => reading.ended()));
    const left = ended.then(() => this.#link.session?.flush()); // others can read at once
    await within(this.#services.clock, graceMs, left);
    await this.#link.close();
    await ended;
  }

  #sendingIn({ inbox, payloadBytes, isNew }: Session): Sending {
    const { service } = this.#services;
    const { messageBytes, names } = this.#settings;
    return { service, names, messageBytes, inbox, payloadBytes, mayShare: this.#mayShare, isNew };
  }

  #requireSession(): Session {
    const { session, state: { status, reason } } = this.#link;
    if (session !== undefined && !session.ended.aborted) return session;
    const code = status === "refused" ? "transport-refused" : "transport-unavailable";
    throw new PosthornError(code, reason ?? "The connection to NATS is not open");
  }

  /** Whether a stream keeps what goes to an address that a stranger has given: only the server knows. */
  async #isStored(
    session: Session,
    { subject }: Outgoing,
    captured: Map<string, boolean>,
  ): Promise<boolean> {
    const known = captured.get(subject) ?? await this.#streams.isCaptured(session, subject);
    captured.set(subject, known);
    return known;
  }

  async #store(
    session: Session,
    routed: readonly Routed[],
    isEvent: boolean,
    answers: (Refusal | undefined)[],
  ): Promise<void> {
    if (routed.length === 0) return;
    const results = await this.#sender.send(session, routed.map(({ message }) => message));
    const missing = isEvent ? results.findIndex((result) => result?.code === "no-receiver") : -1;
    for (const [at, { index }] of routed.entries()) answers[index] = results[at];
    if (missing < 0) return;
    await this.#streams.events(session); // whoever publishes first makes it
    await this.#store(session, routed.slice(missing), false, answers);
  }

  async #post(session: Session, routed: readonly Routed[], answers: (Refusal | undefined)[]): Promise<void> {
    if (routed.length === 0) return;
    const results = await session.post(routed.map(({ message }) => message));
    for (const [at, { index, message }] of routed.entries()) {
      const answer = results[at];
      if (answer !== undefined) answers[index] = refusalOf(answer, message);
    }
  }
}

/** What the server has against a message, if anything: a reply says nothing against it. */
function refusalOf(answer: Answer, { subject }: Outgoing): Refusal | undefined {
  if (answer === "unheard") return noReceiver(subject);
  return answer === "denied" ? denied(subject) : undefined;
}

function closed(what: string): PosthornError {
  return new PosthornError("transport-closed", `Cannot ${what}: the connection is closed or drained`);
}
