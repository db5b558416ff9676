import { HeldBytes } from "../../base/held_bytes.ts";
import type { Entry } from "../../ports/store.ts";
import { QueuedMessage } from "../rows/queued_message.ts";

/** The most messages of one actor in memory; those behind are listed when it is their turn. */
const hereMax = 4_096;

/**
 * The messages of one durable actor that this process knows: the first of those in the store, and the asks, which are in
 * no store.
 */
export class DurableMailbox {
  /** In the order of handling. */
  mails: QueuedMessage[] = [];
  /** Whether all messages in the store are here. Other instances tell of those that they write later. */
  complete = false;
  /** The positions of evicted messages that may still be in the store. */
  readonly leaving = new Set<string>();
  /** How many messages commits of this process have brought. */
  arrived = 0;
  /** Whether a commit of this process wrote a message that is not here. */
  missed = false;
  /** How many bytes of messages to this mailbox are being committed. */
  arrivingBytes = 0;
  readonly #held = new HeldBytes();
  /** How many messages at the head are in the batch under way. */
  inHand = 0;
  /** Asks that come behind messages which are not here. */
  #asks: QueuedMessage[] = [];
  /** Messages that came since the list under way began. */
  #late: QueuedMessage[] | undefined = undefined;
  #listedEpoch = 0;
  /** The last position of the list; messages that come later may be out of order. */
  #listedLast = "";
  /** Whether messages may have come that the list under way does not see. */
  #outdated = false;
  /** The positions of messages at the head that are being committed by themselves. */
  readonly #expected = new Set<string>();
  /** About how many messages in the store are not here, and how many of those wait aside. */
  beyond = 0;
  asideBeyond = 0;
  /** The position behind which all messages wait aside, if not all of them are here. */
  #end: string | undefined = undefined;

  readonly #onRare: (branch: string) => void;
  readonly #setAside: (mail: QueuedMessage) => boolean;
  readonly #asideBytes: () => number;

  /**
   * `onRare` is told of rare branches. `setAside` keeps a message whose time is to come, and returns whether it does;
   * `asideBytes` counts the bytes of those that it keeps.
   */
  constructor(
    onRare: (branch: string) => void = () => {},
    setAside: (mail: QueuedMessage) => boolean = () => false,
    asideBytes: () => number = () => 0,
  ) {
    this.#onRare = onRare;
    this.#setAside = setAside;
    this.#asideBytes = asideBytes;
  }

  /** About how many messages wait, without those that wait aside and those in the batch under way. */
  get length(): number {
    const here = this.mails.length - this.inHand + this.#asks.length;
    return here + this.beyond - this.asideBeyond - this.leaving.size;
  }

  /** Counts the bytes of a message if no more than `bound` wait then; else returns about how many wait. */
  takeBytes(bytes: number, bound: number): number | undefined {
    return this.#held.take(bytes, bound, () => this.bytes + this.arrivingBytes);
  }

  /**
   * About how many bytes wait, also aside, without the batch under way, if messages that are not here have the mean size of
   * those that are.
   */
  get bytes(): number {
    let [waiting, here] = [0, 0];
    this.mails.forEach(({ place, bytes }, index) => {
      if (this.leaving.has(place)) return;
      here += bytes;
      if (index >= this.inHand) waiting += bytes;
    });
    return Math.ceil(waiting + here * this.beyond / Math.max(this.mails.length, 1)) + this.#asideBytes();
  }

  /** Whether a message waits that is in no store. */
  get hasAsks(): boolean {
    return this.#asks.length > 0 || this.mails.some(({ key }) => key === undefined);
  }

  /** Evicts the oldest waiting message behind so many at the head. It stays in place until it is gone. */
  evictOldest(besides: number): QueuedMessage | undefined {
    const first = Math.max(this.inHand, besides);
    const mail = this.mails.find(({ key, place }, index) =>
      index >= first && key !== undefined && !this.leaving.has(place)
    );
    if (mail !== undefined) this.leaving.add(mail.place);
    return mail;
  }

  /** An evicted message is gone, or stays after all. */
  left({ place }: QueuedMessage, gone: boolean): void {
    this.leaving.delete(place);
    if (gone) this.mails = this.mails.filter((mail) => mail.place !== place);
  }

  /** A list begins. */
  begin(epoch: number): void {
    this.#late = [];
    this.missed = false;
    this.#listedEpoch = epoch;
    this.#outdated = false;
    this.inHand = 0;
  }

  /** The store may have messages that are not here: lists it again, whatever the list under way brings. */
  look(): void {
    this.complete = false;
    this.#outdated = true;
  }

  /** A list failed. */
  abandon(): void {
    this.#late = undefined;
  }

  /**
   * Takes in the first messages in the store, at one moment after the list began. About `beyond` messages are behind them,
   * and `asideBeyond` of these wait aside. Positions tell the order: messages of one sender are in the order of sending,
   * and those that wait aside come at the position of their time. So if the last listed message waits aside, all behind it
   * wait longer. Returns all listed messages.
   */
  listed(
    stored: readonly Entry[],
    prefix: string,
    beyond: number,
    asideBeyond = 0,
  ): readonly QueuedMessage[] {
    const late = this.#late ?? [];
    this.#late = undefined;
    const asks = [...this.mails.filter((mail) => mail.key === undefined), ...this.#asks];
    const all = stored.map((one) => QueuedMessage.of(one, prefix));
    const mails = all.filter((mail) => !this.#setAside(mail));
    this.#listedLast = mails.at(-1)?.place ?? "";
    this.#end = beyond > 0 && mails.at(-1) !== all.at(-1) ? all.at(-1)!.place : undefined;
    const whole = beyond === 0 || (this.#end !== undefined && late.every((mail) => this.#isHere(mail)));
    this.complete = whole && !this.#outdated;
    this.beyond = beyond;
    this.asideBeyond = this.#end === undefined ? Math.min(asideBeyond, beyond) : beyond;
    if (this.complete) {
      const known = new Set(all.map((mail) => mail.place));
      const came = late.filter((mail) => mail.key === undefined || !known.has(mail.place));
      mails.push(...came.filter((mail) => !this.#setAside(mail)));
      mails.push(...asks.filter((ask) => this.#isHere(ask)));
      this.#asks = asks.filter((ask) => !this.#isHere(ask));
    } else {
      const last = this.#outdated ? "" : mails.at(-1)?.place ?? "";
      const waiting = [...asks, ...late.filter((mail) => mail.key === undefined)];
      mails.push(...waiting.filter((ask) => ask.place < last));
      this.#asks = waiting.filter((ask) => ask.place >= last);
    }
    this.mails = mails.sort(byPosition);
    return all;
  }

  /**
   * This process committed a message; `senderEpoch` is when its sender was loaded. If an earlier message of that sender
   * may be in the store and not here, the message is not taken in, and the mailbox is listed again.
   */
  enqueue(mail: QueuedMessage, senderEpoch: number): void {
    this.arrived++;
    if (this.#keep(mail)) return;
    if (this.#listedEpoch <= senderEpoch) {
      if (this.#listedEpoch > 0) this.#onRare("a sender was loaded after its receiver was listed");
      this.look();
    }
    if (this.#late !== undefined) this.#late.push(mail);
    else if (!this.complete || !this.#isHere(mail)) this.#leaveBeyond(mail);
    else if (this.mails.length >= hereMax) {
      this.complete = false;
      this.beyond++;
    } else if (this.#has(mail)) this.#onRare("a list brought a message before its commit was heard of");
    else if (!this.#setAside(mail)) this.mails.push(mail);
  }

  /** A message at the head is being committed by itself. */
  expect({ place }: QueuedMessage): void {
    this.#expected.add(place);
  }

  /** Whether the message was here before it was in the store; then it gets its version. */
  #keep(mail: QueuedMessage): boolean {
    if (this.#expected.size === 0 || !this.#expected.delete(mail.place)) return false;
    const found = this.mails.find(({ key, place }) => key === undefined && place === mail.place);
    found?.stored(mail.key, mail.version);
    return found !== undefined;
  }

  /** Adds an ask behind the messages that were accepted before it. */
  ask(mail: QueuedMessage): void {
    if (this.#late !== undefined) this.#late.push(mail);
    else if (this.complete && this.#isHere(mail)) this.mails.push(mail);
    else {
      this.#asks.push(mail);
      this.complete = false;
    }
  }

  /** Removes so many messages at the head. */
  drop(count: number): void {
    this.inHand = 0;
    if (count === 1) this.mails.shift();
    else this.mails.splice(0, count);
  }

  /** Removes a message, wherever it is. */
  remove(mail: QueuedMessage): void {
    const index = this.mails.indexOf(mail);
    if (index >= 0) this.mails.splice(index, 1);
  }

  /** A message was taken back: it waits no longer, unless the batch under way has it. Returns whether it was here. */
  takeBack(place: string): boolean {
    const index = this.mails.findIndex((mail) => mail.place === place);
    this.#late = this.#late?.filter((mail) => mail.place !== place);
    if (index < 0 && !this.complete && this.beyond > this.asideBeyond) this.beyond--; // it was to be listed
    if (index < this.inHand) return false;
    this.leaving.delete(place);
    this.mails.splice(index, 1);
    return true;
  }

  /** So many messages that were kept aside are to be listed again. */
  forgetAside(count: number): void {
    this.beyond += count;
    this.asideBeyond += count;
  }

  /** Forgets the messages in the store, which are to be listed again. Asks stay. */
  reset(): void {
    this.inHand = 0;
    const { length } = this.mails;
    this.mails = this.mails.filter(({ key, place }) => key === undefined && !this.#expected.has(place));
    this.#expected.clear();
    this.beyond += length - this.mails.length;
    this.complete = false;
  }

  /** Whether a message belongs to the part of the mailbox that is here. */
  #isHere({ place }: QueuedMessage): boolean {
    return this.#end === undefined || place < this.#end;
  }

  /** Leaves a message in the store, to be listed: at once, unless it waits aside. */
  #leaveBeyond({ head }: QueuedMessage): void {
    this.beyond++;
    if (head.notBeforeMs === undefined) this.complete = false;
    else this.asideBeyond++;
  }

  /** Whether a list has brought the message before its commit was known. */
  #has({ place }: QueuedMessage): boolean {
    return place <= this.#listedLast && this.mails.some((mail) => mail.place === place);
  }

  /** Removes messages that are to be committed by themselves, and the asks that come after the first of them. */
  withdraw(mails: ReadonlySet<QueuedMessage>): readonly QueuedMessage[] {
    if (mails.size === 0) return [];
    const all = [...this.mails, ...this.#asks, ...this.#late ?? []];
    const first = all.findIndex((mail) => mails.has(mail));
    const asks = new Set(
      all.filter(({ replyTarget }, index) => first >= 0 && index > first && replyTarget !== undefined),
    );
    this.#takeOut((mail) => mails.has(mail) || asks.has(mail));
    return [...asks];
  }

  /** Removes and returns all asks that wait. */
  takeAsks(): QueuedMessage[] {
    return this.#takeOut(({ replyTarget }) => replyTarget !== undefined);
  }

  #takeOut(which: (mail: QueuedMessage) => boolean): QueuedMessage[] {
    const taken = [...this.mails, ...this.#asks, ...this.#late ?? []].filter(which);
    const stays = (mail: QueuedMessage) => !which(mail);
    this.mails = this.mails.filter(stays);
    this.#asks = this.#asks.filter(stays);
    this.#late = this.#late?.filter(stays);
    return taken;
  }
}

function byPosition(a: QueuedMessage, b: QueuedMessage): number {
  return a.place < b.place ? -1 : a.place > b.place ? 1 : 0;
}
