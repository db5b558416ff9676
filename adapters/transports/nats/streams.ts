import { PosthornError } from "../../../runtime/base/errors.ts";
import type { Settings } from "./options.ts";
import type { Names } from "./names.ts";
import { type Answer, ApiError, jsonOf, type Outgoing, type Session } from "./session.ts";

/** What a stream is like: the part of its configuration that the adapter uses. */
interface StreamConfig {
  readonly name: string;
  readonly subjects?: readonly string[];
  readonly metadata?: Readonly<Record<string, string>>;
  readonly [option: string]: unknown;
}

/** What the server says about a stream. */
export interface StreamInfo {
  readonly config: StreamConfig;
  /** When it was created: the identity of the log. */
  readonly created: string;
  readonly state: { readonly first_seq: number; readonly last_seq: number };
}

const nameInUse = 10_058;
const wrongLastSequence = 10_071;
const noMessage = 10_037;
const noStream = 10_059;
/** How long a reader that says nothing keeps its channel. */
export const leaseMs = 3_000;
const nanosPerMs = 1_000_000;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** How often the name of the store is written that somebody removes. */
const claimsMax = 10;

/** Makes the streams of a service, and reads and writes what it notes in them. */
export class Streams {
  readonly names: Names;
  readonly #service: string;
  readonly #settings: Settings;

  constructor(service: string, settings: Settings) {
    this.#service = service;
    this.#settings = settings;
    this.names = settings.names;
  }

  /** Declares the stream of an inbox. Rejects with `another-service` if another service has it. */
  async inbox(
    session: Session,
    protocol: string,
    subjects: readonly string[],
    asks: readonly string[],
  ): Promise<void> {
    const name = this.names.inboxStream(protocol);
    const owner = { "posthorn-service": this.#service };
    const { config } = await this.#declare(session, this.#kept(name, subjects, owner));
    const { "posthorn-service": other = this.#service } = config.metadata ?? {};
    if (other !== this.#service) {
      const why = `the service ${other} reads it. If it moves, delete the metadata of the stream ${name}`;
      throw new PosthornError("another-service", `Cannot read the inbox of ${protocol}: ${why}`);
    }
    const { subjects: known = [] } = config;
    const wanted = [...new Set([...known.filter((subject) => !asks.includes(subject)), ...subjects])];
    if (wanted.length === known.length && config.metadata?.["posthorn-service"] !== undefined) return;
    const metadata = { ...config.metadata, ...owner };
    await session.api(`STREAM.UPDATE.${name}`, { ...config, subjects: wanted, metadata });
  }

  /** Declares the stream of all events. */
  async events(session: Session): Promise<void> {
    await this.#declare(session, this.#kept(this.names.eventStream, [this.names.all("events")]));
  }

  /** Declares the stream of the replies to this service. */
  async replies(session: Session): Promise<void> {
    const { names } = this;
    const subjects = [names.serviceReplies(this.#service)];
    await this.#declare(session, this.#kept(names.replyStream(this.#service), subjects));
  }

  /** Keeps a message that this service does not handle. */
  async putAside(
    session: Session,
    protocol: string,
    { body, headers }: Omit<Outgoing, "subject">,
  ): Promise<void> {
    const { names } = this;
    const message = { subject: names.dead(protocol, this.#service), body, headers };
    await this.#publish(
      session,
      message,
      this.#kept(names.deadStream(protocol), [names.dead(protocol, ">")]),
    );
  }

  /** Whether a stream keeps what is sent to that subject. */
  async isCaptured(session: Session, subject: string): Promise<boolean> {
    const { streams } = await session.api<{ readonly streams?: readonly string[] | null }>("STREAM.NAMES", {
      subject,
    });
    return (streams ?? []).length > 0;
  }

  /** What the server says about a stream. */
  async info(session: Session, name: string): Promise<StreamInfo> {
    return await session.api<StreamInfo>(`STREAM.INFO.${name}`);
  }

  /** Writes the name of the store of this service, once for all its processes. Rejects if it has another one. */
  async claim(session: Session, store: string): Promise<void> {
    const subject = this.names.note(this.#service, "store");
    let known: string | undefined;
    for (let left = claimsMax; known === undefined; left--) { // it may be removed in between
      if (await this.note(session, "store", store, 0) !== undefined) return;
      known = await this.noted(session, "store");
      if (known === undefined && left === 0) {
        const why = `it was removed ${claimsMax} times while it was written`;
        throw new PosthornError("transport-unavailable", `Cannot note the store of ${this.#service}: ${why}`);
      }
    }
    if (known === store) return;
    throw new PosthornError(
      "another-store",
      `Cannot open the transport of the service ${this.#service}: a process of it has another store, and the processes ` +
        `of one service share one. If it was replaced for good: nats stream purge ${this.names.serviceStream} --subject=${subject}`,
    );
  }

  /**
   * Notes something about this service. Returns its number, or `undefined` if the last note of that name has another
   * number than expected.
   */
  async note(session: Session, name: string, text: string, expected?: number): Promise<number | undefined> {
    return await this.#put(session, this.#services(), this.names.note(this.#service, name), text, expected);
  }

  /** What was noted last under a name. */
  async noted(session: Session, name: string): Promise<string | undefined> {
    const last = { last_by_subj: this.names.note(this.#service, name) };
    try {
      const { message } = await session.api<{ readonly message: { readonly data?: string } }>(
        `STREAM.MSG.GET.${this.names.serviceStream}`,
        last,
      );
      return decoder.decode(
        Uint8Array.from(atob(message.data ?? ""), (character) => character.charCodeAt(0)),
      );
    } catch (error) {
      if (error instanceof ApiError && [noMessage, noStream].includes(error.number)) return undefined;
      throw error;
    }
  }

  /** Takes or renews the lease of a channel. Returns its number, or `undefined` if another process has it. */
  async lease(
    session: Session,
    channel: string,
    instance: string,
    last: number,
  ): Promise<number | undefined> {
    const subject = this.names.reader(this.#service, channel);
    return await this.#put(session, this.#readers(), subject, instance, last);
  }

  async #put(
    session: Session,
    config: StreamConfig,
    subject: string,
    text: string,
    expected: number | undefined,
  ): Promise<number | undefined> {
    const headers: Record<string, string> = expected === undefined
      ? {}
      : { "Nats-Expected-Last-Subject-Sequence": String(expected) };
    return await this.#publish(session, { subject, body: encoder.encode(text), headers }, config);
  }

  /** Publishes a message, and makes its stream if there is none. Returns its number, or `undefined` if another is last. */
  async #publish(session: Session, message: Outgoing, config: StreamConfig): Promise<number | undefined> {
    const [answer] = await session.exchange([message]);
    if (answer !== "unheard") return numberOf(config.name, answer);
    await this.#declare(session, config);
    return numberOf(config.name, (await session.exchange([message]))[0]);
  }

  /** A stream that keeps messages. */
  #kept(
    name: string,
    subjects: readonly string[],
    metadata?: Readonly<Record<string, string>>,
  ): StreamConfig {
    const { retentionMs, replicas } = this.#settings;
    return {
      name,
      subjects,
      retention: "limits",
      storage: "file",
      discard: "new", // a stream that is full refuses, and loses nothing
      max_age: retentionMs * nanosPerMs,
      num_replicas: replicas,
      // The names that the server compares are those of a chain. Ids are for the receiver, who knows whose they are.
      duplicate_window: 100 * nanosPerMs,
      ...(metadata === undefined ? {} : { metadata }),
    };
  }

  #services(): StreamConfig {
    return {
      ...this.#kept(this.names.serviceStream, [this.names.all("services")]),
      discard: "old",
      max_age: 0,
      max_msgs_per_subject: 1,
    };
  }

  #readers(): StreamConfig {
    const one = { discard: "old", max_age: leaseMs * nanosPerMs, max_msgs_per_subject: 1, storage: "memory" };
    return { ...this.#kept(this.names.readerStream, [this.names.all("readers")]), ...one };
  }

  /** Makes a stream. One that is there stays as it is: its options belong to who runs the server. */
  async #declare(session: Session, config: StreamConfig): Promise<StreamInfo> {
    try {
      return await session.api<StreamInfo>(`STREAM.CREATE.${config.name}`, config);
    } catch (error) {
      if (!(error instanceof ApiError) || error.number !== nameInUse) throw error;
      return await this.info(session, config.name);
    }
  }
}

function numberOf(stream: string, answer: Answer): number | undefined {
  const said = typeof answer === "string" ? undefined : jsonOf<{
    readonly seq?: number;
    readonly error?: { readonly err_code: number; readonly description: string };
  }>(answer);
  if (said?.error?.err_code === wrongLastSequence) return undefined;
  if (said?.error !== undefined) throw new ApiError(stream, said.error.err_code, said.error.description);
  if (said?.seq !== undefined) return said.seq;
  const why = answer === "denied" ? "this program may not publish there" : "it does not answer";
  throw new PosthornError("transport-unavailable", `Cannot use ${stream} of NATS: ${why}`);
}
