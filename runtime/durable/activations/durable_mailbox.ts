import { HeldBytes } from "../../base/held_bytes.ts";
import type { Entry } from "../../ports/store.ts";
import { QueuedMessage } from "../rows/queued_message.ts";

/** How many messages of one actor are kept here as they come; those behind them are listed when it is their turn. */
const hereMax = 4_096;

/**
 * What this process knows of the messages that wait for one durable actor: the first of those in the store, and the
 * asks, which are nowhere else.
 */
export class DurableMailbox {
  /** In the order of handling. */
  mails: QueuedMessage[] = [];
  /** Whether nothing waits in the store that is not here. What other instances wrote since then is theirs to bring. */
  complete = false;
  /** The places of those that give way and may still be in the store. */
  readonly leaving = new Set<string>();
  /** How many have come here from commits of this process. */
  arrived = 0;
  /** Whether one was committed by this process, and did not come. */
  missed = false;
  /** How many bytes are on their way into the store, for this mailbox. */
  arrivingBytes = 0;
  readonly #held = new HeldBytes();
  /** How many at the head are being handled, or on their way into the store. */
  inHand = 0;
  /** Asks that came behind more than is here. */
  #asks: QueuedMessage[] = [];
  /** What came since a list began. */
  #late: QueuedMessage[] | undefined = undefined;
  #listedEpoch = 0;
  /** The last place that the list brought; what comes by itself may be out of order. */
  #listedLast = "";
  /** Whether something may have come that the list under way does not see. */
  #outdated = false;
  /** The places of those at the head that are on their way into the store. */
  readonly #expected = new Set<string>();
  /** About how many wait in the store that are not here, and how many of those have stepped aside. */
  #beyond = 0;
  #asideBeyond = 0;
  /** Where what is here ends, though it is complete: all behind that place has stepped aside for longer. */
  #end: string | undefined = undefined;

  readonly #onRare: (branch: string) => void;
  readonly #setAside: (mail: QueuedMessage) => boolean;

  /** `onRare` hears of rare branches. `setAside` takes a message whose time has not come, and says whether it did. */
  constructor(
    onRare: (branch: string) => void = () => {},
    setAside: (mail: QueuedMessage) => boolean = () => false,
  ) {
    this.#onRare = onRare;
    this.#setAside = setAside;
  }

  /** About how many wait, but for those that have stepped aside. What is being handled does not. */
  get length(): number {
    const here = this.mails.length - this.inHand + this.#asks.length;
    return here + this.#beyond - this.#asideBeyond - this.leaving.size;
  }

  /** About how many have stepped aside and are not here. */
  get asideBeyond(): number {
    return this.#asideBeyond;
  }

  /** Takes in the bytes of a message where no more than `bound` are to wait; else it returns about how many do. */
  takeBytes(bytes: number, bound: number): number | undefined {
    return this.#held.take(bytes, bound, () => this.bytes + this.arrivingBytes);
  }

  /** About how many bytes wait: of those that are not here, as many as of those that are. */
  get bytes(): number {
    let bytes = 0;
    for (const mail of this.mails) if (!this.leaving.has(mail.place)) bytes += mail.bytes;
    const here = Math.max(this.mails.length, 1);
    return Math.ceil(bytes * (here + this.#beyond) / here);
  }

  /** Whether an ask waits: it is nowhere but here. */
  get hasAsks(): boolean {
    return this.#asks.length > 0 || this.mails.some(({ key }) => key === undefined);
  }

  /** The oldest that waits is evicted, but for so many at the head: it keeps its place until it is gone. */
  evictOldest(besides: number): QueuedMessage | undefined {
    const first = Math.max(this.inHand, besides);
    const mail = this.mails.find(({ key, place }, index) =>
      index >= first && key !== undefined && !this.leaving.has(place)
    );
    if (mail !== undefined) this.leaving.add(mail.place);
    return mail;
  }

  /** What was evicted is gone, or stays where it is. */
  left({ place }: QueuedMessage, gone: boolean): void {
    this.leaving.delete(place);
    if (gone) this.mails = this.mails.filter((mail) => mail.place !== place);
  }

  /** About how many wait in the store that are not here. */
  get beyond(): number {
    return this.#beyond;
  }

  /** A list begins. */
  begin(epoch: number): void {
    this.#late = [];
    this.missed = false;
    this.#listedEpoch = epoch;
    this.#outdated = false;
    this.inHand = 0;
  }

  /** Something may be in the store that is not here: it must be listed again, whatever a list under way says. */
  look(): void {
    this.complete = false;
    this.#outdated = true;
  }

  /** A list failed. */
  abandon(): void {
    this.#late = undefined;
  }

  /**
   * The first messages in the store, at one moment after the list began; `beyond` is about how many are behind them, of
   * which so many have stepped aside. Places tell the order: those of one sender are in the order of sending, and those
   * that stepped aside in that of their times, behind what need not wait. So where the last that is listed has stepped
   * aside, nothing behind it can be handled before it. Returns all of them.
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
    this.#beyond = beyond;
    this.#asideBeyond = this.#end === undefined ? Math.min(asideBeyond, beyond) : beyond;
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
   * A message was committed here, by a sender that was loaded at that moment. Where an earlier message of that sender
   * may be in the store and not here, it is not taken in: the mailbox must be listed again.
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
      this.#beyond++;
    } else if (this.#has(mail)) this.#onRare("a list brought a message before its commit was heard of");
    else if (!this.#setAside(mail)) this.mails.push(mail);
  }

  /** That message at the head is on its way into the store. */
  expect({ place }: QueuedMessage): void {
    this.#expected.add(place);
  }

  /** Whether it is here already, since before it was in the store. */
  #keep(mail: QueuedMessage): boolean {
    if (this.#expected.size === 0 || !this.#expected.delete(mail.place)) return false;
    const found = this.mails.find(({ key, place }) => key === undefined && place === mail.place);
    found?.stored(mail);
    return found !== undefined;
  }

  /** An ask comes behind what was accepted before it. */
  ask(mail: QueuedMessage): void {
    if (this.#late !== undefined) this.#late.push(mail);
    else if (this.complete && this.#isHere(mail)) this.mails.push(mail);
    else {
      this.#asks.push(mail);
      this.complete = false;
    }
  }

  /** Takes so many out at the head. */
  drop(count: number): void {
    this.inHand = 0;
    if (count === 1) this.mails.shift();
    else this.mails.splice(0, count);
  }

  /** Takes one out, wherever it is. */
  remove(mail: QueuedMessage): void {
    const index = this.mails.indexOf(mail);
    if (index >= 0) this.mails.splice(index, 1);
  }

  /** So many that had been set aside are to be listed again. */
  forgetAside(count: number): void {
    this.#beyond += count;
    this.#asideBeyond += count;
  }

  /** Forgets what is in the store: it is to be listed again. Asks stay. */
  reset(): void {
    this.inHand = 0;
    const { length } = this.mails;
    this.mails = this.mails.filter(({ key, place }) => key === undefined && !this.#expected.has(place));
    this.#expected.clear();
    this.#beyond += length - this.mails.length;
    this.complete = false;
  }

  /** Whether a message is not behind the end of what is here. */
  #isHere({ place }: QueuedMessage): boolean {
    return this.#end === undefined || place < this.#end;
  }

  /** A message is in the store and not here: it is to be listed, at once where it need not wait. */
  #leaveBeyond({ head }: QueuedMessage): void {
    this.#beyond++;
    if (head.notBeforeMs === undefined) this.complete = false;
    else this.#asideBeyond++;
  }

  /** Whether a list has brought it already, before its sender heard that it is committed. */
  #has({ place }: QueuedMessage): boolean {
    return place <= this.#listedLast && this.mails.some((mail) => mail.place === place);
  }

  /** Takes out what is in no store yet. */
  withdraw(mails: ReadonlySet<QueuedMessage>): void {
    if (mails.size > 0) this.#takeOut((mail) => mails.has(mail));
  }

  /** Takes out all asks that wait. */
  takeAsks(): QueuedMessage[] {
    return this.#takeOut(isAsk);
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

function isAsk({ replyTarget }: QueuedMessage): boolean {
  return replyTarget !== undefined;
}

function byPosition(a: QueuedMessage, b: QueuedMessage): number {
  return a.place < b.place ? -1 : a.place > b.place ? 1 : 0;
}
