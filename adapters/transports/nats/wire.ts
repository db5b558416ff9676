import { utf8Length } from "../../../runtime/base/ascii.ts";
import type { Cancel, Clock } from "../../../runtime/base/clock.ts";
import { PosthornError } from "../../../runtime/base/errors.ts";
import { FrameReader } from "./frames.ts";
import { Gathered } from "./gathered.ts";
import { headerBlock, type Message } from "./message.ts";
import type { OpenPipe, Pipe } from "./pipe.ts";

/** What a server says about itself. */
export interface ServerInfo {
  readonly version?: string;
  readonly jetstream?: boolean;
  readonly max_payload?: number;
  readonly nonce?: string;
  readonly tls_required?: boolean;
  readonly tls_available?: boolean;
}

/** What a wire needs. */
export interface WireOptions {
  readonly open: OpenPipe;
  readonly clock: Clock;
  /** The name of this client, for who looks at the server. */
  readonly name: string;
  /** Whether there must be TLS. */
  readonly mustBeSecure: boolean;
  /** Connects no longer when it is aborted. What is connected stays. */
  readonly signal: AbortSignal;
  /** Who this program is, as the server wants to know it. */
  login(info: ServerInfo): Readonly<Record<string, string>>;
  /** Is told what a hearer has thrown: that concerns no other message, and not the connection. */
  report(error: unknown): void;
}

/** What the server does not let this program do with a subject. */
export interface Denial {
  readonly operation: "publish" | "subscription";
  readonly subject: string;
}

/** A server that does not let this program in. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
}

const connectMs = 5_000;
/**
 * How often the server is pinged. A connection is cut on which nothing comes while two pings wait for their answers. If
 * other things come, an answer may be behind them on a slow line: then so many may wait.
 */
const pingMs = 5_000;
const quietMax = 2;
const pingsMax = 12;
/** How long what is left may take to be written. */
const endMs = 1_000;
/** How many bytes may wait for a server, or a network, that does not take them. */
const waitingMax = 268_435_456;
/** What has been gathered is written at once when it has so many bytes: the server works on it while more is gathered. */
const gatheredMax = 7_168;

/**
 * One connection to a server of NATS: the part of its protocol that this adapter needs. What is published in one turn of
 * the microtasks is written at once; what comes is handed over as it comes, without a promise in between.
 */
export class Wire {
  /** Is called for each thing that the server does not allow. */
  onDenied: ((denial: Denial) => void) | undefined;
  /** Resolves when it has ended, with the reason if nobody has closed it. */
  readonly closed: Promise<Error | undefined>;
  info: ServerInfo = {};
  readonly #clock: Clock;
  readonly #report: WireOptions["report"];
  readonly #closed = Promise.withResolvers<Error | undefined>();
  /** Resolves when its pipe has ended. */
  readonly #gone = Promise.withResolvers<void>();
  readonly #greeted = Promise.withResolvers<void>();
  readonly #hearers = new Map<number, (message: Message) => void>();
  readonly #gathered = new Gathered();
  #reader = this.#newReader();
  /** Who waits for an answer of the server to a ping, in order. */
  readonly #pongs: (() => void)[] = [];
  readonly #write = () => this.#writeNow();
  readonly #pipe: Pipe;
  #subscriptions = 0;
  /** How many pings have no answer, and how many of them were sent since anything came. */
  #pings = 0;
  #quiet = 0;
  #isOver = false;
  #reason: Error | undefined;
  #cancelPing: Cancel = () => {};
  #cancelEnd: Cancel = () => {};

  private constructor({ clock, open, report }: WireOptions) {
    this.#clock = clock;
    this.#report = report;
    this.closed = this.#closed.promise;
    this.#pipe = open({
      data: (bytes) => this.#read(bytes),
      closed: (error) => {
        this.#ended(error);
        this.#gone.resolve();
      },
    });
  }

  /** Connects, and says who this program is. Rejects if the server is away, or does not let it in. */
  static async open(options: WireOptions): Promise<Wire> {
    const { clock, signal } = options;
    const wire = new Wire(options);
    const late = () => wire.#end(new Error(`the server has not answered within ${connectMs} ms`));
    const cancel = clock.setTimer(connectMs, late);
    const stop = () => wire.#end(new Error("it is not needed any more"));
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
    try {
      await Promise.race([wire.#connect(options), wire.closed.then((reason) => Promise.reject(reason))]);
      wire.#ping();
      return wire;
    } catch (error) {
      wire.#end(errorOf(error));
      throw wire.#reason ?? error;
    } finally {
      cancel();
      signal.removeEventListener("abort", stop);
    }
  }

  /** The maximum size of a message with its headers, in bytes. */
  get payloadBytes(): number {
    const { max_payload = 0 } = this.info;
    return max_payload > 0 ? max_payload : 1_048_576; // it may say that there is no limit
  }

  /** Whether it takes nothing any more. */
  get isClosed(): boolean {
    return this.#isOver;
  }

  /** Publishes a message. It is lost if the connection breaks. Throws if the server takes none of that size. */
  publish(
    subject: string,
    body: Uint8Array,
    reply: string,
    headers?: Readonly<Record<string, string>>,
  ): void {
    if (this.#isOver) return;
    const to = reply === "" ? subject : `${subject} ${reply}`;
    if (headers === undefined) {
      this.#requireRoom(subject, body.length);
      this.#gather(`PUB ${to} ${body.length}\r\n`);
    } else {
      const block = headerBlock(headers);
      const size = utf8Length(block);
      this.#requireRoom(subject, size + body.length);
      this.#gather(`HPUB ${to} ${size} ${size + body.length}\r\n${block}`);
    }
    this.#gathered.add(body);
    this.#gathered.addText("\r\n");
    if (this.#gathered.length > gatheredMax) this.#writeNow();
  }

  /**
   * Hears a subject until the result is called; `queue` names those that share it. What the server has sent before it knows
   * that is heard too: no other one of the queue will get it.
   */
  subscribe(subject: string, hear: (message: Message) => void, queue = ""): () => void {
    const number = ++this.#subscriptions;
    this.#hearers.set(number, hear);
    this.#gather(`SUB ${subject} ${queue === "" ? "" : `${queue} `}${number}\r\n`);
    let isLeft = false;
    return () => {
      if (isLeft) return;
      isLeft = true;
      this.#gather(`UNSUB ${number}\r\n`);
      void this.flush().then(() => this.#hearers.delete(number));
    };
  }

  /** Resolves when the server has done all that it was sent before. Never if the connection breaks. */
  flush(): Promise<void> {
    return new Promise((resolve) => {
      this.#pongs.push(resolve);
      this.#gather("PING\r\n");
    });
  }

  /** Writes what is left, and ends. */
  async close(): Promise<void> {
    if (!this.#isOver) {
      this.#writeNow();
      this.#isOver = true;
      this.#cancelPing();
      this.#cancelEnd = this.#clock.setTimer(endMs, () => this.#pipe.destroy());
      this.#pipe.end();
    }
    await this.#gone.promise;
  }

  async #connect({ name, mustBeSecure, login }: WireOptions): Promise<void> {
    const pipe = this.#pipe;
    await pipe.opened;
    await this.#greeted.promise;
    const { tls_required, tls_available } = this.info;
    const isSecure = pipe.secure === undefined;
    if (mustBeSecure && !isSecure && !tls_required && !tls_available) {
      throw new Error("the server does not support TLS");
    }
    const secures = !isSecure && (tls_required || tls_available || mustBeSecure);
    if (secures) {
      await pipe.secure!();
      this.#reader = this.#newReader(); // what came before, from anybody, is no part of what comes now
    }
    const said = {
      verbose: false,
      pedantic: false,
      ...(secures ? { tls_required: true } : {}),
      name,
      lang: "posthorn",
      version: "1",
      protocol: 1,
      headers: true,
      no_responders: true,
      ...login(this.info),
    };
    this.#gather(`CONNECT ${JSON.stringify(said)}\r\n`);
    await this.flush();
  }

  #newReader(): FrameReader {
    return new FrameReader({
      message: (subscription, message) => {
        if (this.#isOver) return;
        try {
          this.#hearers.get(subscription)?.(message);
        } catch (error) {
          this.#report(error);
        }
      },
      line: (name, rest) => this.#heard(name, rest),
    });
  }

  /** The server would end the connection. */
  #requireRoom(subject: string, bytes: number): void {
    if (bytes <= this.payloadBytes) return;
    const sizes = `it has ${bytes} of ${this.payloadBytes} bytes with its headers`;
    throw new PosthornError("too-large", `Cannot send to ${subject}: ${sizes}`);
  }

  #gather(text: string): void {
    if (this.#isOver) return;
    if (this.#gathered.length === 0) queueMicrotask(this.#write);
    this.#gathered.addText(text);
  }

  #writeNow(): void {
    if (this.#gathered.length === 0) return;
    const bytes = this.#gathered.take();
    if (this.#pipe.waitingBytes + bytes.length > waitingMax) {
      return this.#end(
        new Error(`the server has not taken ${this.#pipe.waitingBytes} of ${waitingMax} bytes`),
      );
    }
    this.#pipe.write(bytes);
  }

  #read(bytes: Uint8Array): void {
    if (this.#isOver) return; // what comes behind something that nobody understands means nothing
    this.#quiet = 0;
    try {
      this.#reader.read(bytes);
    } catch (error) {
      this.#end(errorOf(error));
    }
  }

  #heard(name: string, rest: string): void {
    switch (name) {
      case "PING":
        return this.#gather("PONG\r\n");
      case "PONG":
        return this.#pongs.shift()?.();
      case "INFO": {
        this.info = infoOf(rest);
        return this.#greeted.resolve();
      }
      case "-ERR":
        return this.#failed(rest.replace(/^'|'$/g, ""));
      case "+OK":
        return;
    }
    throw new Error("it is no server of NATS, or one that nobody understands");
  }

  /**
   * The server complains. If that does not concern one subject, it has ended the connection, or has not done what this
   * program relies on: as with more subscriptions than it allows.
   */
  #failed(words: string): void {
    if (/permissions violation/i.test(words)) {
      const [, operation, subject] = /(Publish|Subscription) to "(\S+)"/.exec(words) ?? [];
      if (subject === undefined) return;
      return this.#denied({ operation: operation === "Publish" ? "publish" : "subscription", subject });
    }
    const refuses = /authorization violation|authentication (expired|revoked|timeout)|maximum sub/i.test(
      words,
    );
    this.#end(refuses ? new RefusedError(words) : new Error(words));
  }

  #denied(denial: Denial): void {
    try {
      this.onDenied?.(denial);
    } catch (error) {
      this.#report(error);
    }
  }

  #ping(): void {
    if (this.#isOver) return;
    this.#cancelPing = this.#clock.setTimer(pingMs, () => {
      if (this.#quiet >= quietMax || this.#pings >= pingsMax) {
        return this.#end(new Error("the server does not answer"));
      }
      this.#quiet++;
      this.#pings++;
      void this.flush().then(() => this.#pings = 0);
      this.#ping();
    });
  }

  /** Ends at once. */
  #end(reason: Error): void {
    if (this.#isOver) return;
    this.#reason ??= reason;
    this.#ended(this.#reason);
    this.#pipe.destroy();
  }

  #ended(error: unknown): void {
    const wasClosed = this.#isOver;
    this.#isOver = true;
    this.#cancelPing();
    this.#cancelEnd();
    const reason = this.#reason ??
      (error === undefined ? new Error("the connection was closed") : errorOf(error));
    this.#closed.resolve(wasClosed ? undefined : reason);
  }
}

/** What a server says about itself. Throws if it is none. */
function infoOf(text: string): ServerInfo {
  const info: unknown = JSON.parse(text);
  if (typeof info !== "object" || info === null) throw new Error("it is no server of NATS");
  return info;
}

function errorOf(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
