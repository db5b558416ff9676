import type { Cancel, Clock } from "../../../runtime/base/clock.ts";
import { bytesOf } from "./incoming.ts";
import type { Message } from "./message.ts";
import type { Session } from "./session.ts";

/** A message of a stream. */
export interface Item {
  readonly message: Message;
  /** Its sequence in the stream. */
  readonly position: number;
}

/** What a pull needs. */
export interface PullOptions {
  readonly session: Session;
  readonly clock: Clock;
  readonly stream: string;
  /** The subjects that are read; all if there are none. */
  readonly subjects: readonly string[];
  /** Nothing comes any more: the stream or its consumer is gone. */
  ended(): void;
}

/** How many messages are asked for at a time. At most twice as many are held. */
const askedMax = 512;
/** How long the server keeps a request, and how much later it has said so at the latest. */
const expiryMs = 30_000;
const lateMs = 10_000;
/** How long the server keeps a consumer of which it hears nothing: longer than a batch may take. */
const idleMs = 300_000;
const bytesMin = 8_388_608;
const nanosPerMs = 1_000_000;
const encoder = new TextEncoder();

/** Reads a stream in order, from a position, by a consumer of its own that the server forgets. */
export class Pull {
  readonly #options: PullOptions;
  readonly #consumer: string;
  readonly #inbox: string;
  readonly #request: Uint8Array;
  readonly #held: Item[] = [];
  #asked = 0;
  #requests = 0;
  #answerTo = "";
  /** Whether a request was ended before it brought a message. */
  #isEmpty = false;
  /** The number of the last message among those of the consumer: none may be missing. */
  #last = 0;
  #over = false;
  #wake: (() => void) | undefined;
  #cancel: Cancel = () => {};
  #unsubscribe: (() => void) | undefined;

  constructor(options: PullOptions) {
    const { session } = options;
    this.#options = options;
    const name = session.name();
    this.#consumer = `posthorn-${session.inbox.slice(session.inbox.lastIndexOf(".") + 1)}-${name}`;
    this.#inbox = `${session.inbox}-pull.${name}`; // not below it, or each message would come twice
    const bytes = Math.max(bytesMin, 2 * session.payloadBytes);
    const request = { batch: askedMax, max_bytes: bytes, expires: expiryMs * nanosPerMs };
    this.#request = encoder.encode(JSON.stringify(request));
  }

  /** Begins to read behind a position. */
  async start(position: number): Promise<void> {
    const { session, stream, subjects } = this.#options;
    this.#unsubscribe = session.subscribe(`${this.#inbox}.*`, (message) => this.#heard(message));
    await session.api(`CONSUMER.CREATE.${stream}.${this.#consumer}`, {
      stream_name: stream,
      action: "create",
      config: {
        name: this.#consumer,
        deliver_policy: "by_start_sequence",
        opt_start_seq: position + 1,
        ack_policy: "none",
        inactive_threshold: idleMs * nanosPerMs,
        mem_storage: true,
        num_replicas: 1,
        ...(subjects.length > 0 ? { filter_subjects: subjects } : {}),
      },
    });
    this.#ask();
  }

  /** Takes the next messages: at most so many, and so many bytes unless it is one. */
  take(countMax: number, bytesMax: number): Item[] {
    let count = 0;
    for (let bytes = 0; count < this.#held.length && count < countMax; count++) {
      bytes += bytesOf(this.#held[count].message);
      if (count > 0 && bytes > bytesMax) break;
    }
    const items = this.#held.splice(0, count);
    this.#ask();
    return items;
  }

  /** Resolves when messages have come, or when it is woken. */
  arrival(sleeps: (wake: () => void) => void): Promise<void> {
    return new Promise((resolve) => {
      if (this.#held.length > 0 || this.#over) return resolve();
      sleeps(this.#wake = resolve);
    });
  }

  /** Reads nothing any more. */
  stop(): void {
    const { session, stream } = this.#options;
    this.#over = true;
    this.#cancel();
    this.#unsubscribe?.();
    const subject = `$JS.API.CONSUMER.DELETE.${stream}.${this.#consumer}`;
    session.publish({ subject, body: new Uint8Array(), headers: {} });
  }

  #ask(): void {
    if (this.#over || this.#asked > 0 || this.#held.length >= askedMax) return;
    const { session, clock, stream } = this.#options;
    this.#asked = askedMax;
    this.#answerTo = `${this.#inbox}.${++this.#requests}`;
    this.#isEmpty = true;
    this.#cancel();
    this.#cancel = clock.setTimer(expiryMs + lateMs, () => this.#end());
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${stream}.${this.#consumer}`;
    session.publish({ subject, body: this.#request, headers: {}, reply: this.#answerTo });
  }

  #heard(message: Message): void {
    if (this.#over) return;
    if (message.subject.startsWith(this.#inbox)) return this.#told(message);
    const tokens = message.reply.split("."); // $JS.ACK.[domain.account.]stream.consumer.count.sequence.own.time.rest
    const from = tokens.length > 9 ? 7 : 5;
    const position = Number(tokens[from]);
    if (Number(tokens[from + 1]) !== ++this.#last) return this.#end();
    this.#held.push({ message, position });
    this.#isEmpty = false;
    this.#asked--;
    if (this.#asked === 0) this.#ask();
    this.#notify();
  }

  /** The server says something about a request: it is over, or it never will be fulfilled. */
  #told({ subject, status: { code, description } }: Message): void {
    if (subject !== this.#answerTo) return; // that request has brought all that it should
    const isFull = code === 409 && /MaxBytes|Batch Completed/i.test(description) && !this.#isEmpty;
    if (code !== 408 && !isFull) return this.#end();
    this.#asked = 0;
    this.#ask();
  }

  #end(): void {
    this.#over = true;
    this.#options.ended();
    this.#notify();
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
