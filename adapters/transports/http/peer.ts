import type { Clock } from "../../../runtime/base/clock.ts";
import { PosthornError } from "../../../runtime/base/errors.ts";
import type { Random } from "../../../runtime/base/random.ts";
import type { Refusal } from "../../../runtime/ports/transport.ts";
import { readAnswer } from "./answers.ts";
import { Attempt } from "./attempt.ts";
import { awayFault, NotTakenError, type Problem, problemOf } from "./faults.ts";
import { encodeFrames, type Frame, FrameReader, framesType } from "./frames.ts";
import { KeyRing } from "./key_ring.ts";
import type { PeerSettings } from "./options.ts";
import { byteSequence, contentDigest, type Covered, labelled, signatureBase } from "./signature.ts";
import { UnderWay } from "./under_way.ts";

/** How long a service has for its answer, in milliseconds. */
const sendMs = 25_000;
/** How long it has to say what it reads. */
const greetMs = 4_000;
/** For how long it is asked again about a channel that it will read soon, and how often. */
const soonMs = 2_000;
const askAgainMs = 50;
/** How long a request is valid, in seconds. */
const validSeconds = 30;
/** How long a response without a deadline stays open, and how much longer than its deadline, in milliseconds. */
const repliesMs = 600_000;
const nothing = new Uint8Array();

/** What peers need. */
export interface PeerServices {
  readonly clock: Clock;
  readonly random: Random;
  /** The name of this service. */
  readonly service: string;
  readonly messageBytes: number;
  /** A reply came with the response to a request. */
  replied(frame: Frame, from: string): void;
  /** Its health has changed. */
  changed(): void;
}

/** Whether the last request to a service was answered. */
export type PeerHealth =
  | { readonly status: "unknown" | "up" }
  | { readonly status: "down" | "refused"; readonly reason: string };

/** What a service says of itself. */
export interface Greeting {
  /** The paths of the channels that it reads, and of those that it will soon. */
  readonly channels: ReadonlySet<string>;
  readonly soon: ReadonlySet<string>;
  /** A hash of the name of its store, which it tells only its own processes. */
  readonly store: string | undefined;
}

/** What became of a request with parcels. */
export type Posted =
  | { readonly answers: readonly (Refusal | undefined)[] }
  /** Nobody reads that channel. */
  | "unread"
  /** A server on the way takes no request of that size. */
  | "too-large";

/** For how long a request with parcels is worth something. */
export interface PostLimits {
  /** How long it may take, in milliseconds. */
  readonly limitMs: number;
  /**
   * For how long it is sent again if the service refused it before it took anything, in milliseconds: as long as somebody
   * waits for a reply.
   */
  readonly againMs: number;
  /** If replies come with the response, it stays open until they have come, at most until then, in milliseconds since 1970. */
  readonly repliesUntilMs: number | undefined;
}

/** Another service: what is sent to it, and what it answers. */
export class Peer {
  readonly name: string;
  readonly hasUrl: boolean;
  health: PeerHealth = { status: "unknown" };
  /** The channels that it has said it reads. */
  readonly reads = new Set<string>();
  readonly #settings: PeerSettings;
  readonly #services: PeerServices;
  readonly #ring: KeyRing;
  readonly #attempts = new Set<Attempt>();
  /** What ends the pauses of requests that were refused, and are sent again. */
  readonly #pauses = new Set<() => void>();
  readonly #hashes = new UnderWay();
  #greeting: Promise<Greeting> | undefined;
  #nextGreeting: Promise<Greeting> | undefined;
  /** Until when it wants to be left alone. */
  #restUntilMs = 0;
  #closed = false;

  constructor(settings: PeerSettings, services: PeerServices) {
    this.name = settings.name;
    this.hasUrl = settings.url !== undefined;
    this.#settings = settings;
    this.#services = services;
    this.#ring = new KeyRing(settings.keys);
  }

  /** How many requests are under way or wait to be sent again, and responses open. */
  get busy(): number {
    return this.#attempts.size + this.#pauses.size;
  }

  /** Asks it what it reads, with a request that begins now or later. Those who ask at the same time share one. */
  greet(): Promise<Greeting> {
    const running = this.#greeting;
    if (running === undefined) {
      return this.#greeting = this.#greet().finally(() => void (this.#greeting = undefined));
    }
    // Its answer may have been given before the caller had a reason to ask.
    return this.#nextGreeting ??= running.catch(() => {}).then(() => {
      this.#nextGreeting = undefined;
      return this.greet();
    });
  }

  /** Whether it reads a channel: it is asked unless it has said so, and again while it starts to read it. */
  async hears(path: string): Promise<boolean> {
    const { clock } = this.#services;
    const untilMs = clock.monotonicMs() + soonMs;
    while (!this.reads.has(path)) {
      const { channels, soon } = await this.greet();
      if (!soon.has(path)) return channels.has(path);
      if (clock.monotonicMs() < untilMs) {
        await new Promise<void>((resolve) => void clock.setTimer(askAgainMs, resolve));
        continue;
      }
      const why = `it does not read ${path} yet`;
      throw new PosthornError("transport-unavailable", `Cannot send to the service ${this.name}: ${why}`);
    }
    return true;
  }

  /** Sends parcels to a channel. Rejects if nobody knows what became of them, at the latest after `limitMs`. */
  async post(path: string, frames: readonly Frame[], limits: PostLimits): Promise<Posted> {
    const { clock, random } = this.#services;
    const beganMs = clock.monotonicMs();
    for (;;) {
      const spentMs = clock.monotonicMs() - beganMs;
      const limitMs = Math.max(limits.limitMs - spentMs, 0);
      try {
        return await this.#postOnce(path, frames, limitMs, limits.repliesUntilMs);
      } catch (error) {
        if (!(error instanceof NotTakenError)) throw error;
        const leftMs = beganMs + Math.min(limits.againMs, limits.limitMs) - clock.monotonicMs();
        const pauseMs = error.afterMs * (1 + random.next() / 4); // else all would come again at the same time
        if (pauseMs >= leftMs) throw error;
        await this.#pause(pauseMs);
      }
    }
  }

  async #postOnce(
    path: string,
    frames: readonly Frame[],
    limitMs: number,
    repliesUntilMs: number | undefined,
  ): Promise<Posted> {
    const attempt = this.#begin();
    let open = false;
    try {
      this.#requireRested();
      attempt.limit(Math.min(sendMs, limitMs), `The service ${this.name} has not answered`);
      const { response, nonce } = await this.#exchange("POST", path, encodeFrames(frames), attempt);
      const problem = await this.#problemOf(response, attempt);
      if (problem?.code === "no-receiver") {
        this.reads.delete(path);
        return "unread";
      }
      if (problem?.status === 413) return "too-large";
      if (problem !== undefined) throw this.#failed(problem);
      const reader = response.body!.getReader();
      const read = new FrameReader(this.#services.messageBytes, true);
      const first = await nextFrame(reader, read, attempt);
      const answers = first && readAnswer(first.head, nonce, frames.length);
      if (answers === undefined) throw this.#strange();
      this.#isUp();
      this.reads.add(path);
      open = repliesUntilMs !== undefined;
      if (!open) reader.cancel().catch(() => {}); // nothing comes behind it
      else void this.#followReplies(reader, read, attempt, repliesUntilMs!);
      return { answers };
    } catch (error) {
      throw this.#down(error, attempt);
    } finally {
      if (!open) attempt.end();
    }
  }

  /** Ends all requests. Resolves when no hash is computed for one any more. */
  close(reason: PosthornError): Promise<void> {
    this.#closed = true;
    for (const attempt of this.#attempts) attempt.abort(reason);
    for (const end of this.#pauses) end();
    return this.#hashes.over();
  }

  async #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#services.clock.setTimer(ms, resolve);
    this.#pauses.add(resolve);
    await promise;
    this.#pauses.delete(resolve);
    cancel();
  }

  async #greet(): Promise<Greeting> {
    const attempt = this.#begin();
    try {
      attempt.limit(greetMs, `The service ${this.name} has not answered`);
      const { response, nonce } = await this.#exchange("GET", "", nothing, attempt);
      const problem = await this.#problemOf(response, attempt);
      if (problem !== undefined) throw this.#failed(problem);
      const reader = response.body!.getReader();
      const frame = await nextFrame(reader, new FrameReader(0), attempt);
      const { channels, soon, store, nonce: of } = frame?.head ?? {};
      if (!Array.isArray(channels) || of !== nonce) throw this.#strange();
      reader.cancel().catch(() => {}); // nothing comes behind it
      this.#isUp();
      const known = new Set(channels.map(String));
      this.reads.clear();
      for (const path of known) this.reads.add(path);
      return {
        channels: known,
        soon: new Set(Array.isArray(soon) ? soon.map(String) : []),
        store: typeof store === "string" ? store : undefined,
      };
    } catch (error) {
      throw this.#down(error, attempt);
    } finally {
      attempt.end();
    }
  }

  #begin(): Attempt {
    if (this.#closed) throw new PosthornError("transport-closed", "Cannot send: the connection is closed");
    const attempt: Attempt = new Attempt(this.#services.clock, () => void this.#attempts.delete(attempt));
    this.#attempts.add(attempt);
    return attempt;
  }

  /** Sends a signed request. */
  async #exchange(
    method: "GET" | "POST",
    path: string,
    body: Uint8Array<ArrayBuffer>,
    attempt: Attempt,
  ): Promise<{ readonly response: Response; readonly nonce: string }> {
    const { request, nonce } = await this.#hashes.until(this.#signed(method, path, body, attempt));
    attempt.signal.throwIfAborted();
    const answering = this.#settings.fetch(request);
    answering.then((late) => {
      if (attempt.signal.aborted) late.body?.cancel().catch(() => {}); // whoever waited for it has given it up
    }, () => {});
    return { response: await attempt.wait(answering), nonce };
  }

  /** A signed request. */
  async #signed(
    method: "GET" | "POST",
    path: string,
    body: Uint8Array<ArrayBuffer>,
    attempt: Attempt,
  ): Promise<{ readonly request: Request; readonly nonce: string }> {
    const { clock, random, service } = this.#services;
    const url = new URL(this.#settings.url!);
    url.pathname = path === "" ? url.pathname : `${url.pathname.replace(/\/$/, "")}/${path}`;
    const nowMs = clock.now();
    const created = Math.floor(nowMs / 1_000);
    const nonce = random.ulid(nowMs);
    const covered: Covered = {
      "@method": method,
      "@path": url.pathname,
      "content-digest": await contentDigest(body),
      "posthorn-from": service,
      "posthorn-to": this.name,
    };
    const parameters = { created, expires: created + validSeconds, nonce, keyid: this.#ring.signingId };
    const { base, input } = signatureBase(covered, parameters);
    const request = new Request(url, {
      method,
      redirect: "manual",
      signal: attempt.signal,
      headers: {
        "content-digest": covered["content-digest"],
        "posthorn-from": service,
        "posthorn-to": this.name,
        "signature-input": labelled(input),
        signature: labelled(byteSequence(await this.#ring.sign(base))),
        ...method === "POST" && { "content-type": framesType },
      },
      ...method === "POST" && { body },
    });
    return { request, nonce };
  }

  /** Why a response is none of a service of this package; `undefined` if it is one. */
  async #problemOf(response: Response, attempt: Attempt): Promise<Problem | undefined> {
    const { status, headers, body } = response;
    if (status === 200 && headers.get("content-type") === framesType && body !== null) return undefined;
    return await attempt.wait(problemOf(this.name, response));
  }

  async #followReplies(
    reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>,
    read: FrameReader,
    attempt: Attempt,
    untilMs: number,
  ): Promise<void> {
    const { clock } = this.#services;
    try {
      const leftMs = Math.min(Math.max(untilMs - clock.now(), 0), repliesMs);
      attempt.limit(leftMs, `The service ${this.name} has not sent all replies`);
      for (;;) {
        const frame = await nextFrame(reader, read, attempt);
        if (frame === undefined) return;
        this.#services.replied(frame, this.name);
      }
    } catch { // what has not come by then is waited for in vain: whoever asked has a time-out
      attempt.abort(new PosthornError("transport-unavailable", "The response has ended"));
      reader.cancel().catch(() => {});
    } finally {
      attempt.end();
    }
  }

  #requireRested(): void {
    const leftMs = this.#restUntilMs - this.#services.clock.monotonicMs();
    if (leftMs <= 0) return;
    const why = `it has asked to be left alone for ${Math.ceil(leftMs)} ms more`;
    throw new NotTakenError("transport-full", this.name, why, leftMs);
  }

  #failed({ error, retryAfterMs }: Problem): PosthornError {
    if (retryAfterMs > 0) this.#restUntilMs = this.#services.clock.monotonicMs() + retryAfterMs;
    return error;
  }

  #strange(): PosthornError {
    const why = "its answer is none of this package: is its url right?";
    return new PosthornError("transport-unavailable", `Cannot send to the service ${this.name}: ${why}`);
  }

  #isUp(): void {
    this.health = { status: "up" };
    this.#services.changed();
  }

  #down(thrown: unknown, attempt: Attempt): PosthornError {
    const error = awayFault(this.name, thrown);
    attempt.abort(error); // what has come of its response is not read
    if (error.code !== "transport-closed" && error.code !== "transport-full") {
      const status = error.code === "transport-refused" ? "refused" : "down";
      this.health = { status, reason: error.message };
      this.#services.changed();
    }
    return error;
  }
}

/** The next frame of a body; `undefined` if it has ended. */
async function nextFrame(
  reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>,
  read: FrameReader,
  attempt: Attempt,
): Promise<Frame | undefined> {
  for (;;) {
    const frame = read.next();
    if (frame !== undefined) return frame;
    const { done, value } = await attempt.wait(reader.read());
    if (done) {
      read.end();
      return undefined;
    }
    read.push(value);
  }
}
