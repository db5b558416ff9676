import { messageOf, PosthornError } from "../../../runtime/base/errors.ts";
import { codeOf } from "../../../runtime/base/thrown.ts";
import type { Parcel, Refusal, TransportServices } from "../../../runtime/ports/transport.ts";
import { comesWithResponse, eventPath, inboxPath, readAddress } from "./addresses.ts";
import type { Frame } from "./frames.ts";
import { batchBytesMax } from "./guard.ts";
import type { OpenResponses } from "./open_responses.ts";
import type { Settings } from "./options.ts";
import { frameOf } from "./parcels.ts";
import type { Peer, Posted } from "./peer.ts";

/** How many requests to one service may be under way that nobody waits for. */
const immediateMax = 64;
/** How long a response stays open for replies without a deadline, and behind a deadline, in milliseconds. */
const repliesMs = 60_000;
const graceMs = 5_000;
/** How long a send takes at most, in milliseconds. */
const wholeMs = 28_000;
/** About how many bytes are in front of a body. */
const headBytes = 300;

/** What a sender needs. */
export interface SenderServices {
  readonly services: TransportServices;
  readonly settings: Settings;
  readonly peers: ReadonlyMap<string, Peer>;
  readonly responses: OpenResponses;
}

/** Where parcels go. */
interface Route {
  readonly peer: Peer;
  readonly path: string;
  /** The key in front of a reply to an inbox. */
  readonly key?: string | undefined;
}

/** Sends parcels to other services. */
export class Sender {
  readonly #parts: SenderServices;
  /** The service that has the inbox of a protocol, as far as one has said so. */
  readonly #hosts = new Map<string, Peer>();
  /** How many bytes of bodies a service gets at once. */
  readonly #batchBytes = new Map<Peer, number>();
  #closed = false;

  constructor(parts: SenderServices) {
    this.#parts = parts;
  }

  /** Sends parcels to one channel, in order: the next request after the answer to the one before. */
  async send(batch: readonly Parcel[]): Promise<readonly (Refusal | undefined)[]> {
    const answers = new Array<Refusal | undefined>(batch.length).fill(undefined);
    const indexes: number[] = [];
    for (const [index, parcel] of batch.entries()) {
      const refusal = this.#refusalOf(parcel);
      if (refusal !== undefined) answers[index] = refusal;
      else if (!this.#replyNow(parcel)) indexes.push(index);
    }
    if (indexes.length === 0) return answers;
    const untilMs = this.#parts.services.clock.monotonicMs() + wholeMs;
    const route = await this.#routeOf(batch[indexes[0]]);
    if (route === undefined) return answers; // nobody hears it
    if ("code" in route) {
      for (const index of indexes) answers[index] = route;
      return answers;
    }
    try {
      await this.#sendAll({ ...route, untilMs }, batch, indexes, answers);
    } catch (error) {
      // A process that waits for a reply can be gone with its whole service: then nobody waits any more.
      if (!comesWithResponse(route.path) || codeOf(error, "") === "transport-closed") throw error;
      for (const index of indexes) answers[index] = { code: "no-receiver", message: messageOf(error) };
    }
    return answers;
  }

  /** Sends a parcel that may be lost. Returns `false` if it did not. */
  sendNow(parcel: Parcel, failed: (refusal: Refusal | undefined) => void): boolean {
    if (this.#refusalOf(parcel) !== undefined) return false;
    const { to } = parcel;
    if (to.kind === "reply") return this.#replyNow(parcel);
    const peer = to.kind === "inbox" ? this.#hosts.get(to.protocol) : undefined;
    if (peer === undefined || peer.health.status !== "up" || peer.busy >= immediateMax) return false;
    const path = inboxPath((to as { readonly protocol: string }).protocol);
    const settled = (refusal: Refusal | undefined) => {
      if (!this.#closed) failed(refusal);
    };
    const untilMs = this.#parts.services.clock.monotonicMs() + wholeMs;
    this.#post({ peer, path, untilMs }, [this.#frameOf(parcel)], [parcel]).then((posted) => {
      if (posted === "unread") return settled(this.#unread(path));
      if (posted === "too-large") return settled(tooLargeOnTheWay(peer));
      const [refusal] = posted.answers;
      if (refusal !== undefined) settled(refusal);
    }, () => settled(undefined));
    return true;
  }

  /** Another service that has said that it reads the inbox of a protocol. */
  otherHostOf(protocol: string): string | undefined {
    const { peers, services: { service } } = this.#parts;
    return [...peers.values()].find(({ name, reads }) => name !== service && reads.has(inboxPath(protocol)))
      ?.name;
  }

  close(): void {
    this.#closed = true;
  }

  async #sendAll(
    route: Route & { readonly untilMs: number },
    batch: readonly Parcel[],
    indexes: readonly number[],
    answers: (Refusal | undefined)[],
  ): Promise<void> {
    const { peer, path } = route;
    for (let from = 0; from < indexes.length;) {
      const some = indexes.slice(from, from + this.#countOf(peer, batch, indexes.slice(from)));
      const parcels = some.map((index) => batch[index]);
      const posted = await this.#post(
        route,
        parcels.map((parcel) => this.#frameOf(parcel, route.key)),
        parcels,
      );
      if (posted === "unread") { // nothing behind it may be there before it
        for (const at of indexes.slice(from)) answers[at] = this.#unread(path);
        return;
      }
      if (posted === "too-large" && some.length > 1) {
        this.#batchBytes.set(peer, parcels.reduce((sum, parcel) => sum + sizeOf(parcel), 0) >> 1);
        continue;
      }
      for (const [index, at] of some.entries()) {
        answers[at] = posted === "too-large" ? tooLargeOnTheWay(peer) : posted.answers[index];
      }
      from += some.length;
    }
  }

  /** How many parcels go into one request: as many bytes as it may have, and at least one. */
  #countOf(peer: Peer, batch: readonly Parcel[], indexes: readonly number[]): number {
    const most = this.#batchBytes.get(peer) ?? batchBytesMax;
    let [count, bytes] = [0, 0];
    for (const index of indexes) {
      bytes += sizeOf(batch[index]);
      if (count > 0 && bytes > most) break;
      count++;
    }
    return count;
  }

  #frameOf(parcel: Parcel, key?: string): Frame {
    return frameOf(parcel, this.#parts.services.instance, key);
  }

  async #post(
    { peer, path, untilMs }: Route & { readonly untilMs: number },
    frames: readonly Frame[],
    parcels: readonly Parcel[],
  ): Promise<Posted> {
    const { clock } = this.#parts.services;
    const limitMs = Math.max(untilMs - clock.monotonicMs(), 0);
    const waiting = parcels.filter(({ replyTo }) => replyTo?.kind === "process");
    const ends = waiting.map(({ expiresAtMs }) => expiresAtMs ?? clock.now() + repliesMs);
    if (ends.length === 0) {
      return await peer.post(path, frames, { limitMs, againMs: 0, repliesUntilMs: undefined });
    }
    const lastMs = Math.max(...ends);
    return await peer.post(path, frames, {
      limitMs,
      againMs: lastMs - clock.now(),
      repliesUntilMs: lastMs + graceMs,
    });
  }

  /** Where a parcel goes, or why it does not; `undefined` if nobody hears it. */
  async #routeOf({ to }: Parcel): Promise<Route | Refusal | undefined> {
    if (to.kind === "inbox") return await this.#routeToInbox(to.protocol);
    if (to.kind === "event") {
      const peer = this.#peerOf(to.service ?? "");
      if ("code" in peer) return peer;
      const path = eventPath(to.protocol, to.event);
      return await peer.hears(path) ? { peer, path } : undefined;
    }
    const address = readAddress(to.address)!; // it was checked
    const peer = this.#peerOf(address.service);
    if (!("code" in peer)) return { peer, path: address.path, key: address.key };
    // Whoever has no url gets replies with responses only, and this one has ended.
    return comesWithResponse(address.path) ? { code: "no-receiver", message: peer.message } : peer;
  }

  async #routeToInbox(protocol: string): Promise<Route | Refusal> {
    const path = inboxPath(protocol);
    const known = this.#hosts.get(protocol);
    if (known !== undefined) return { peer: known, path };
    const { peers, services: { service, report } } = this.#parts;
    const others = [...peers.values()].filter(({ name, hasUrl }) => hasUrl && name !== service);
    const found: Peer[] = [];
    let away: unknown;
    await Promise.all(others.map(async (peer) => {
      try {
        if (await peer.hears(path)) found.push(peer);
      } catch (error) {
        away ??= error;
      }
    }));
    const [host, other] = others.filter((peer) => found.includes(peer));
    if (other !== undefined) {
      const why = `the services ${host.name} and ${other.name} both read it, and the first one gets it`;
      report(new PosthornError("another-service", `Cannot tell who has the inbox of ${protocol}: ${why}`));
    }
    if (host !== undefined) {
      this.#hosts.set(protocol, host);
      return { peer: host, path };
    }
    if (away !== undefined) throw away; // it may have it
    return { code: "no-receiver", message: `No service that is named reads the inbox of ${protocol}` };
  }

  #peerOf(name: string): Peer | Refusal {
    const peer = this.#parts.peers.get(name);
    if (peer?.hasUrl === true) return peer;
    const why = peer === undefined
      ? `the service ${JSON.stringify(name)} is not named`
      : `the service ${name} has no url`;
    return { code: "refused", message: `Cannot send there: ${why} in services` };
  }

  /** Nobody reads a channel any more. Of an event nobody has to hear. */
  #unread(path: string): Refusal | undefined {
    if (path.startsWith("event/")) return undefined;
    if (path.startsWith("inbox/")) this.#hosts.delete(path.slice("inbox/".length));
    return { code: "no-receiver", message: `No process reads ${path}` };
  }

  /** Sends a reply with the response that waits for it, if it is still open. */
  #replyNow(parcel: Parcel): boolean {
    if (parcel.to.kind !== "reply") return false;
    const { response } = readAddress(parcel.to.address) ?? {};
    return response !== undefined && this.#parts.responses.reply(response, this.#frameOf(parcel));
  }

  #refusalOf({ id, to, body }: Parcel): Refusal | undefined {
    const { messageBytes } = this.#parts.settings;
    if (body.length > messageBytes) {
      return { code: "too-large", message: `The body of ${id} has ${body.length} of ${messageBytes} bytes` };
    }
    if (to.kind !== "reply" || readAddress(to.address) !== undefined) return undefined;
    return { code: "refused", message: "Its return address is none of this transport" };
  }
}

/** About how many bytes a parcel has in a request. */
function sizeOf({ body }: Parcel): number {
  return body.length + headBytes;
}

function tooLargeOnTheWay({ name }: Peer): Refusal {
  return {
    code: "too-large",
    message: `A server in front of the service ${name} takes no request of that size`,
  };
}
