import type { Cancel, Clock } from "../../../runtime/base/clock.ts";
import { PosthornError } from "../../../runtime/base/errors.ts";
import { guarded } from "../../../runtime/base/guarded.ts";
import type { Message } from "./message.ts";
import { askPart } from "./names.ts";
import { type Failed, UnprovenMessages } from "./unproven.ts";
import type { Denial, Wire } from "./wire.ts";

/** A message to be published. */
export interface Outgoing {
  readonly subject: string;
  readonly body: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
  /** The subject of its answer, for what is no exchange. */
  readonly reply?: string | undefined;
}

/** What became of a message: its answer, that nobody listens, or that this program may not publish it. */
export type Answer = Message | "unheard" | "denied";

/** An error of the interface of JetStream. */
export class ApiError extends PosthornError {
  /** The number of the error. */
  readonly number: number;

  constructor(what: string, number: number, description: string) {
    super("transport-unavailable", `Cannot use ${what} of NATS: ${description} (${number})`);
    this.number = number;
  }
}

interface Exchange {
  readonly messages: readonly Outgoing[];
  answer(index: number, answer: Answer): void;
  fail(error: PosthornError): void;
}

/** What a session needs. */
export interface SessionOptions {
  readonly connection: Pick<Wire, keyof Wire>;
  readonly clock: Clock;
  /** The subject under which all answers to this process come. Who is asked something knows it. */
  readonly inbox: string;
  /** A text that nobody knows: nobody but the server answers to what is named by it. */
  readonly secret: string;
  /** The server does not allow something. */
  denied(error: Error): void;
}

/** Some messages that were published without an answer of the server, and what is known of them. */
interface Post {
  readonly messages: readonly Outgoing[];
  /** Those for which nobody listens, by the subjects of their replies, and those that may not be published, by theirs. */
  readonly failed: Map<string, Answer>;
  settle(error?: PosthornError): void;
}

const answerMs = 10_000;
/** How long a reply is given to come before the server is asked whether it has a message, and how long it may take else. */
const replyMs = 1;
const postMs = 10;
/** When the server is asked at the latest whether it has what was published without waiting. */
const provenMs = 50;
/**
 * For so long after a subscription a server leads the reply to a request back to it in a cluster of another place, which may
 * not know of it yet. So it does only for a reply to the subject that the request has named.
 */
const newMs = 2_000;
const encoder = new TextEncoder();
const none = new Uint8Array();

/** One connection to the server, until it breaks. */
export class Session {
  readonly clock: Clock;
  readonly inbox: string;
  /** Is aborted when the connection has broken, with the reason. */
  readonly ended: AbortSignal;
  /** Takes the replies to the asks and surveys of this process. */
  onReply: ((message: Message) => void) | undefined;
  readonly #options: SessionOptions;
  readonly #connection: SessionOptions["connection"];
  readonly #ended = new AbortController();
  readonly #exchanges = new Map<string, Exchange>();
  readonly #posts = new Set<Post>();
  readonly #unproven = new UnprovenMessages();
  /** When the server is asked about the posts; absent if it will not be asked. */
  #asking: { readonly atMs: number; readonly cancel: Cancel } | undefined;
  #named = 0;
  #isNew = true;
  readonly #newUntilMs: number;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.clock = options.clock;
    this.#newUntilMs = options.clock.monotonicMs() + newMs;
    this.inbox = options.inbox;
    this.ended = this.#ended.signal;
    this.#connection = options.connection;
    this.#connection.onDenied = (denial) => this.#refused(denial);
    this.#connection.subscribe(`${this.inbox}.>`, (message) => this.#heard(message));
    void this.#connection.closed.then((reason) => this.end(reason));
  }

  /** The maximum size of a message with its headers, in bytes. */
  get payloadBytes(): number {
    return this.#connection.payloadBytes;
  }

  /** Whether servers that are far away may not know yet who hears its inbox. */
  get isNew(): boolean {
    return this.#isNew &&= this.clock.monotonicMs() < this.#newUntilMs;
  }

  /** A part of a subject that no other part of this session has, and that nobody can guess. */
  name(): string {
    return `${this.#options.secret}-${++this.#named}`;
  }

  /** Publishes messages in order, and resolves with their answers. Rejects if one does not come in time. */
  exchange(messages: readonly Outgoing[]): Promise<readonly Answer[]> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly Answer[]>();
    const answers: Answer[] = new Array(messages.length);
    const name = this.name();
    let missing = messages.length;
    const over = () => {
      this.#exchanges.delete(name);
      cancel();
    };
    const fail = (error: unknown) => {
      over();
      reject(error);
    };
    const cancel: Cancel = this.clock.setTimer(answerMs, () => fail(silent(messages[0].subject)));
    this.#exchanges.set(name, {
      messages,
      fail,
      answer(index, answer) {
        if (index in answers || messages[index] === undefined) return;
        answers[index] = answer;
        if (--missing > 0) return;
        over();
        resolve(answers);
      },
    });
    try {
      this.#requireOpen();
      for (const [index, message] of messages.entries()) {
        this.#publish(message, `${this.inbox}.a.${name}.${index}`);
      }
    } catch (error) {
      fail(error);
    }
    return promise;
  }

  /**
   * Publishes messages in order, and resolves when the server has them: with what is known of those that failed. Their
   * replies show it too. So the server is asked only if they do not come at once, and about many messages together.
   */
  async post(messages: readonly Outgoing[]): Promise<readonly (Answer | undefined)[]> {
    this.#requireOpen();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const failed = new Map<string, Answer>();
    const post: Post = {
      messages,
      failed,
      settle: (error) => {
        if (!this.#posts.delete(post)) return;
        if (error === undefined) resolve();
        else reject(error);
      },
    };
    for (const message of messages) this.#publish(message, message.reply);
    this.#posts.add(post);
    this.#askIn(messages.some(({ reply }) => reply !== undefined) ? replyMs : postMs);
    await promise;
    return messages.map(({ subject, reply = "" }) => failed.get(reply) ?? failed.get(subject));
  }

  /**
   * Publishes a message without waiting. Returns `false` if it did not, because too much is on its way, or the connection
   * is closing. `failed` is called later if it comes to nobody, or if the session ends before the server has shown that it
   * has it.
   */
  postNow(message: Outgoing, failed: (answer: Failed) => void): boolean {
    if (!this.#isOpen || !this.#unproven.hasRoom(message)) return false;
    this.#publish(message, message.reply);
    this.#unproven.add(message, failed);
    if (this.#unproven.isMany) this.#ask();
    else if (this.#asking === undefined) this.#askIn(provenMs);
    return true;
  }

  #askIn(ms: number): void {
    const atMs = this.clock.monotonicMs() + ms;
    if (this.#asking !== undefined && this.#asking.atMs <= atMs) return;
    this.#asking?.cancel();
    this.#asking = { atMs, cancel: this.clock.setTimer(ms, () => this.#ask()) };
  }

  /** Asks the server about the posts that no reply has settled. */
  #ask(): void {
    this.#asking?.cancel();
    this.#asking = undefined;
    const posts = [...this.#posts];
    if (posts.length === 0 && this.#unproven.size === 0) return;
    const settle = (error?: PosthornError) => posts.forEach((post) => post.settle(error));
    this.flush().then(() => settle(), settle);
  }

  /** Resolves when the server has done all that it was sent before, and what it refused of that has been heard. */
  async flush(): Promise<void> {
    this.#requireOpen();
    const total = this.#unproven.ask();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const end = () => reject(reasonOf(this.ended));
    const cancel = this.clock.setTimer(answerMs, () => reject(silent("a ping")));
    this.ended.addEventListener("abort", end);
    void this.#connection.flush().then(() => {
      this.#unproven.prove(total);
      resolve();
    });
    try {
      await promise;
    } finally {
      cancel();
      this.ended.removeEventListener("abort", end);
    }
  }

  /** Calls the interface of JetStream. Rejects with an {@linkcode ApiError} if it answers with one. */
  async api<Result>(name: string, request: unknown = undefined): Promise<Result> {
    const body = request === undefined ? none : encoder.encode(JSON.stringify(request));
    const [answer] = await this.exchange([{ subject: `$JS.API.${name}`, body, headers: {} }]);
    if (answer === "denied") {
      throw new PosthornError("transport-refused", `Cannot use ${name} of NATS: this program may not`);
    }
    const result = answer === "unheard" ? undefined : jsonOf<Result & FailedCall>(answer);
    if (result === undefined) {
      throw new ApiError(name, 10_039, "JetStream is not enabled, or does not answer");
    }
    if (result.error !== undefined) {
      throw new ApiError(name, result.error.err_code, result.error.description);
    }
    return result;
  }

  /** Publishes one message without an answer. What becomes of it nobody knows. */
  publish(message: Outgoing): void {
    if (this.#isOpen) this.#publish(message, message.reply);
  }

  /** Hears a subject until the result is called; `queue` names those that share it. */
  subscribe(subject: string, hear: (message: Message) => void, queue?: string): () => void {
    this.#requireOpen();
    return this.#connection.subscribe(subject, hear, queue);
  }

  /** Closes the connection. */
  async close(): Promise<void> {
    await this.#connection.close();
    this.end(undefined);
  }

  /** The connection is not used any more. */
  end(reason: unknown): void {
    if (this.ended.aborted) return;
    this.#ended.abort(
      reason ?? new PosthornError("transport-unavailable", "The connection to NATS has ended"),
    );
    for (const exchange of [...this.#exchanges.values()]) exchange.fail(reasonOf(this.ended));
    for (const post of [...this.#posts]) post.settle(reasonOf(this.ended));
    this.#unproven.end();
    this.#asking?.cancel();
  }

  /** Whether it takes messages: a connection is closed a moment before it says so, and then throws. */
  get #isOpen(): boolean {
    return !this.ended.aborted && !this.#connection.isClosed;
  }

  #requireOpen(): void {
    if (!this.#isOpen) throw reasonOf(this.ended);
  }

  #publish({ subject, body, headers }: Outgoing, reply = ""): void {
    for (const _ in headers) return this.#connection.publish(subject, body, reply, headers); // it has one
    this.#connection.publish(subject, body, reply);
  }

  #heard(message: Message): void {
    const { subject } = message;
    const at = this.inbox.length + 1;
    const isUnheard = message.data.length === 0 && message.hasHeaders && message.status.code === 503;
    if (subject.startsWith("a.", at)) {
      const [, name, index] = subject.slice(at).split(".");
      return this.#exchanges.get(name)?.answer(Number(index), isUnheard ? "unheard" : message);
    }
    if (!subject.startsWith("r.", at) && !subject.startsWith(askPart, at)) return;
    if (this.#posts.size > 0) this.#replied(subject, isUnheard);
    if (isUnheard) this.#unproven.unheard(subject);
    else this.onReply?.(message);
  }

  /**
   * A reply shows that the server has its message, and all that was published before, and has told what is wrong with
   * those. So does the word that nobody listens.
   */
  #replied(subject: string, isUnheard: boolean): void {
    const before: Post[] = [];
    for (const post of this.#posts) {
      const index = post.messages.findIndex(({ reply }) => reply === subject);
      if (index < 0) {
        before.push(post);
        continue;
      }
      if (isUnheard) post.failed.set(subject, "unheard");
      if (index === post.messages.length - 1) before.push(post);
      for (const post of before) post.settle();
      return;
    }
  }

  /** The server does not let this program hear a subject. Without its answers a session is of no use. */
  #denied(subject: string): void {
    const isInbox = subject.startsWith(this.inbox); // nobody should know it
    const what = isInbox ? "_INBOX.>" : subject;
    const error = new PosthornError(
      "transport-refused",
      `Cannot use NATS: the user of this program may not subscribe to ${what}`,
    );
    if (!isInbox) return this.#options.denied(error);
    this.end(error);
    void this.#connection.close();
  }

  /** Hears what the server does not allow: it says so apart from the message that it concerns. */
  #refused({ operation, subject }: Denial): void {
    if (operation !== "publish") return this.#denied(subject);
    for (const { failed } of this.#posts) failed.set(subject, "denied");
    this.#unproven.denied(subject);
    for (const exchange of [...this.#exchanges.values()]) {
      for (const [index, message] of exchange.messages.entries()) {
        if (message.subject === subject) exchange.answer(index, "denied");
      }
    }
  }
}

interface FailedCall {
  readonly error?: { readonly err_code: number; readonly description: string };
}

/** The answer as JSON; `undefined` if it is none. */
export function jsonOf<Result>(message: Message): Result | undefined {
  return guarded(() => message.json<Result>(), undefined);
}

function reasonOf(ended: AbortSignal): PosthornError {
  const { reason } = ended;
  if (reason instanceof PosthornError) return reason;
  return new PosthornError("transport-unavailable", "The connection to NATS has ended");
}

function silent(subject: string): PosthornError {
  return new PosthornError(
    "transport-unavailable",
    `Cannot use NATS: it has not answered ${subject} within ${answerMs} ms`,
  );
}
