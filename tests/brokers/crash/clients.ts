import { PosthornError, StoreError, type System, type Ticket } from "@posthorn/posthorn";
import type { Promised, Report } from "./history.ts";
import { ears, heardBy, keys, otherOf, type PeerName, peers } from "./peers.ts";

const pauseMs = 15;
const answerTimeoutMs = 5_000;
/** How long the reply to a submit may take: as long as everything is away, and then some. */
const replyTimeoutMs = 120_000;

/** Those of one worker, which send to the other service in all modes until they are told to be quiet. */
export class Clients {
  readonly #system: System;
  readonly #own: PeerName;
  readonly #other: PeerName;
  readonly #sender: string;
  readonly #say: (report: Report) => void;
  readonly #running: Promise<void>[] = [];
  readonly #replies = new Set<Promise<void>>();
  #isQuiet = false;

  constructor(system: System, own: PeerName, sender: string, say: (report: Report) => void) {
    this.#system = system;
    this.#own = own;
    this.#other = otherOf(own);
    this.#sender = sender;
    this.#say = say;
  }

  start(): void {
    if (this.#running.length > 0) return;
    this.#running.push(
      ...keys.map((key) => this.#sendAll(key)),
      this.#askAll(),
      this.#publishAll(),
      this.#surveyAll(),
    );
  }

  /** Ends when nothing is under way any more. */
  async quiet(): Promise<void> {
    this.#isQuiet = true;
    await Promise.all(this.#running);
    await Promise.all(this.#replies);
  }

  /** Tells and submits, in one order. */
  async #sendAll(key: string): Promise<void> {
    const stream = `${this.#sender}>${this.#other}/${key}`;
    const { note, enter } = peers[this.#other];
    const ref = this.#system.ref(peers[this.#other], key);
    for (let number = 1; !this.#isQuiet; number++) {
      const message = { stream, number };
      await this.#send([stream], number, "in order", async () => {
        if (number % 4 !== 0) return await ref.tell(note, message);
        const ticket = await ref.submit(enter, message);
        this.#await(stream, number, replyOf(ticket));
      });
    }
  }

  async #askAll(): Promise<void> {
    for (let number = 1; !this.#isQuiet; number++) {
      const key = keys[number % keys.length];
      const stream = `ask ${this.#sender}>${this.#other}/${key}`;
      const ref = this.#system.ref(peers[this.#other], key);
      await this.#send([stream], number, "at most once", async () => {
        const { count } = peers[this.#other];
        const answer = await ref.ask(count, { stream, number }, { timeoutMs: answerTimeoutMs });
        this.#say({ is: "answered", stream, number, answer });
      });
    }
  }

  async #publishAll(): Promise<void> {
    const stream = `${this.#sender}>news`;
    const streams = ears.map((key) => heardBy(stream, this.#other, key));
    const { news } = peers[this.#own];
    for (let number = 1; !this.#isQuiet; number++) {
      await this.#send(streams, number, "in order", () => this.#system.publish(news, { stream, number }));
    }
  }

  async #surveyAll(): Promise<void> {
    const stream = `survey ${this.#sender}`;
    const streams = ears.map((key) => heardBy(stream, this.#other, key));
    const { vote } = peers[this.#other];
    for (let number = 1; !this.#isQuiet; number++) {
      await this.#send(streams, number, "at most once", async () => {
        const options = { timeoutMs: answerTimeoutMs, max: ears.length };
        for await (const { by, number: answer } of this.#system.survey(vote, { stream, number }, options)) {
          this.#say({ is: "answered", stream: heardBy(stream, this.#other, by), number, answer });
        }
      }, 200);
    }
  }

  /** Sends once, and says what has become of it. */
  async #send(
    streams: readonly string[],
    number: number,
    promised: Promised,
    send: () => Promise<unknown>,
    restMs = pauseMs,
  ): Promise<void> {
    for (const stream of streams) this.#say({ is: "sending", stream, number, promised });
    try {
      await send();
      for (const stream of streams) this.#say({ is: "accepted", stream, number });
    } catch (error) {
      const code = error instanceof PosthornError ? error.code : String(error);
      const isRefused = refusals.has(code);
      for (const stream of streams) {
        this.#say(
          isRefused ? { is: "refused", stream, number, code } : { is: "failed", stream, number, code },
        );
      }
    }
    await new Promise((resolve) => setTimeout(resolve, restMs));
  }

  #await(stream: string, number: number, reply: Promise<number>): void {
    const awaited = reply.then(
      (answer) => this.#say({ is: "answered", stream, number, answer }),
      (error: unknown) => {
        const code = error instanceof PosthornError ? error.code : String(error);
        this.#say({ is: "unanswered", stream, number, code });
      },
    );
    this.#replies.add(awaited);
    void awaited.then(() => this.#replies.delete(awaited));
  }
}

/** Awaits a reply, again whenever the store is away. */
async function replyOf(ticket: Ticket<number>): Promise<number> {
  for (const endMs = performance.now() + replyTimeoutMs;;) {
    try {
      return await ticket.reply({ timeoutMs: replyTimeoutMs });
    } catch (error) {
      if (!(error instanceof StoreError) || performance.now() > endMs) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** Codes of messages that certainly have no effect. */
const refusals: ReadonlySet<string> = new Set(["outbox-full", "stopping", "invalid-payload"]);
