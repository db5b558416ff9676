import type { Clock } from "../../../runtime/base/clock.ts";
import { PosthornError } from "../../../runtime/base/errors.ts";
import type { Random } from "../../../runtime/base/random.ts";
import type { Channel, Receiver, Refusal } from "../../../runtime/ports/transport.ts";
import { addressOf, channelPath, comesWithResponse } from "./addresses.ts";
import { headOfAnswer } from "./answers.ts";
import { ChannelReading } from "./channel_reading.ts";
import { encodeFrames, type Frame, framesOf, framesType } from "./frames.ts";
import { Guard, type GuardedRequest } from "./guard.ts";
import { type OpenResponse, OpenResponses } from "./open_responses.ts";
import type { Settings } from "./options.ts";
import { type Received, receivedOf } from "./parcels.ts";
import { RefusedRequest, stopping } from "./refused_request.ts";
import type { WaitingRequest } from "./shard.ts";

/** What serving needs. */
export interface ServingServices {
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: Settings;
  readonly service: string;
  readonly instance: string;
  readonly isStored: boolean;
  /** A hash of the name of the store. */
  readonly storePrint: string | undefined;
}

/** The most parcels in a request. */
const parcelsMax = 10_000;

/** Serves what other services send to this one: hands it to whoever reads its channel, and answers when it is accepted. */
export class Serving {
  readonly responses: OpenResponses;
  readonly #services: ServingServices;
  readonly #guard: Guard;
  readonly #readings = new Map<string, ChannelReading>();
  #cancelSweep: (() => void) | undefined;
  #isDrained = false;

  constructor(services: ServingServices) {
    this.#services = services;
    this.#guard = new Guard(services);
    this.responses = new OpenResponses(services.clock, services.random);
  }

  /** Reads a channel. Without `isDeclared` it is refused for now. */
  read(channel: Channel, receiver: Receiver, isDeclared: boolean): ChannelReading {
    const { clock, instance, isStored } = this.#services;
    const path = channelPath(channel, instance);
    const reading = new ChannelReading(channel, { clock, receiver, isStored }, isDeclared);
    this.#readings.get(path)?.end();
    this.#readings.set(path, reading);
    return reading;
  }

  /** A channel is not read any more. */
  leave(channel: Channel, reading: ChannelReading): void {
    const path = channelPath(channel, this.#services.instance);
    if (this.#readings.get(path) === reading) this.#readings.delete(path);
    reading.end();
  }

  /** Takes nothing any more. Resolves when what is in hand is settled. */
  async drain(): Promise<void> {
    this.#isDrained = true;
    await Promise.all(this.#readings.values().map((reading) => reading.drain()));
  }

  /** Nothing is left. Resolves when nothing of it is under way. */
  close(): Promise<void> {
    this.#isDrained = true;
    const closing = this.#guard.close();
    this.#cancelSweep?.();
    this.#cancelSweep = undefined;
    for (const reading of this.#readings.values()) reading.end();
    this.#readings.clear();
    this.responses.end();
    return closing;
  }

  /**
   * Answers a request to a path behind the url of this service. `fullPath` is the path that its sender named. Throws a
   * {@linkcode RefusedRequest} if it is not served.
   */
  async answer(request: Request, path: string, fullPath: string): Promise<Response> {
    const admitted = await this.#guard.admit(request, fullPath);
    const needs: Promise<unknown>[] = [];
    try {
      return await this.#serve(request, path, admitted, (taking) => void needs.push(taking));
    } finally {
      void Promise.all(needs).then(admitted.release);
    }
  }

  async #serve(
    request: Request,
    path: string,
    admitted: GuardedRequest,
    needs: (taking: Promise<unknown>) => void,
  ): Promise<Response> {
    if (this.#isDrained) throw stopping();
    if (request.method === "GET") return this.#greet(admitted);
    const reading = this.#readings.get(path);
    if (reading === undefined) throw new RefusedRequest(404, "no-receiver", `No process reads ${path}`);
    if (!reading.isDeclared) throw new RefusedRequest(503, "unavailable", `${path} is not read yet`);
    // Its signal is not touched before it is needed: Deno writes a warning then, because it aborts it after an answer too.
    return await this.#take(reading, admitted, { isGone: () => request.signal.aborted, needs });
  }

  #greet({ from, nonce }: GuardedRequest): Response {
    const { service, storePrint } = this.#services;
    const paths = (declared: boolean) =>
      [...this.#readings].filter(([, { isDeclared }]) => isDeclared === declared).map(([path]) => path);
    const [channels, soon] = [paths(true), paths(false)];
    const store = from === service ? storePrint : undefined; // of no interest to others
    return this.#respond(
      encodeFrames([{
        head: { nonce, service, channels, ...soon.length > 0 && { soon }, store },
        body: new Uint8Array(),
      }]),
    );
  }

  async #take(
    reading: ChannelReading,
    admitted: GuardedRequest,
    waiting: Pick<WaitingRequest, "isGone" | "needs">,
  ): Promise<Response> {
    const { from, nonce, body } = admitted;
    const frames = readFrames(body);
    const refused = new Map<number, Refusal>();
    const batch: Received[] = [];
    const indexes: number[] = [];
    for (const [index, frame] of frames.entries()) {
      const one = receivedOf(frame, from, this.#services.settings.messageBytes);
      if ("code" in one) refused.set(index, one);
      else {
        batch.push(one);
        indexes.push(index);
      }
    }
    const response = this.#openFor(reading, batch, from);
    let lost = 0;
    try {
      const deliveries = this.#addressed(batch, from, response?.name);
      const rejections = deliveries.length === 0
        ? []
        : await reading.take(deliveries, { ...admitted, ...waiting });
      for (const { index, reason } of rejections) {
        refused.set(indexes[index], { code: "refused", message: `Its receiver rejects it: ${reason}` });
        if (comesWithResponse(batch[index].replyTo ?? "")) lost++;
      }
    } catch (error) {
      response?.end();
      throw error;
    } finally {
      this.#sweepLater(0);
    }
    const head = headOfAnswer(nonce, { taken: frames.length, refused });
    if (response === undefined) return this.#respond(encodeFrames([{ head, body: new Uint8Array() }]));
    response.answer(head, lost);
    return this.#respond(response.body);
  }

  /** A response that waits for replies, if some of the messages want that. */
  #openFor(reading: ChannelReading, batch: readonly Received[], from: string): OpenResponse | undefined {
    const waiting = batch.filter(({ replyTo = "" }) =>
      comesWithResponse(replyTo) && addressOf(from, replyTo, undefined) !== undefined
    );
    if (waiting.length === 0) return undefined;
    const counts = waiting.map((one) => reading.repliesTo(one));
    const count = counts.includes(undefined) ? undefined : waiting.length;
    const ends = waiting.map(({ expiresAtMs }) => expiresAtMs);
    const untilMs = ends.includes(undefined) ? undefined : Math.max(...ends as number[]);
    return this.responses.open(from, count, untilMs);
  }

  /** The messages with the addresses of their replies. One that nobody can reply to has none. */
  #addressed(batch: readonly Received[], from: string, response: string | undefined): Received[] {
    return batch.map(({ replyTo, ...one }) => {
      const address = replyTo === undefined
        ? undefined
        : addressOf(from, replyTo, comesWithResponse(replyTo) ? response : undefined);
      return { ...one, ...address !== undefined && { replyTo: address } };
    });
  }

  #respond(body: BodyInit): Response {
    return new Response(body, {
      headers: {
        "content-type": framesType,
        "cache-control": "no-store",
        "x-accel-buffering": "no", // a proxy must not hold back what is in front of the replies
      },
    });
  }

  /** What is read now and then is forgotten when nothing comes: no timer is left then. */
  #sweepLater(inMs: number): void {
    if (this.#cancelSweep !== undefined || this.#readings.size === 0) return;
    this.#cancelSweep = this.#services.clock.setTimer(inMs, () => {
      this.#cancelSweep = undefined;
      let nextMs: number | undefined;
      for (const reading of this.#readings.values()) {
        const inMs = reading.sweep();
        if (inMs !== undefined) nextMs = Math.min(nextMs ?? Infinity, inMs);
      }
      if (nextMs !== undefined) this.#sweepLater(Math.max(nextMs, 1));
    });
  }
}

function readFrames(body: Uint8Array<ArrayBuffer>): Frame[] {
  try {
    const frames = framesOf(body, parcelsMax);
    if (frames !== undefined) return frames;
    throw new RefusedRequest(413, "too-large", `It has more than ${parcelsMax} messages`);
  } catch (error) {
    if (error instanceof RefusedRequest || !(error instanceof PosthornError)) throw error;
    throw new RefusedRequest(400, error.code, error.message);
  }
}
