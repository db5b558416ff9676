import type { SimulatedCommit } from "@posthorn/posthorn/testing/simulation";
import type { AtomicPart } from "../../runtime/ports/store.ts";
import { eventKey } from "../../runtime/durable/rows/keys.ts";
import type { MessageHeader } from "../../runtime/durable/rows/queued_message.ts";
import type { StoredSchedule } from "../../runtime/durable/rows/schedule_row.ts";
import type { RecordHead } from "../../runtime/durable/rows/actor_record.ts";
import { decodeValue, fromText } from "../../runtime/durable/rows/value_codec.ts";
import { storedDiary } from "./state_versions.ts";
import { type Entry, entryOf, type Job, kinds, onlyReads, overflowOf, type Post, tagOf } from "./messages.ts";

interface KnownMail {
  readonly actor: string;
  readonly id: string;
  readonly operation: string;
  readonly tag: string;
  readonly payload: unknown;
  /** When it arrived. */
  readonly atMs: number;
  waits: boolean;
}

interface KnownActor {
  /** Its last committed diary. */
  log: readonly string[];
  /** The version of its form. */
  form: number;
  /** All its entries, including those before it was erased. */
  readonly done: Entry[];
  waiting: number;
  readonly index: Set<string>;
}

interface DeadRow {
  readonly actor: string;
  readonly tag: string;
  readonly reason: string;
  readonly message: string;
}

/** The head of the row of a reply. */
interface StoredReplyHead {
  readonly status: string;
  readonly failure?: unknown;
  readonly cancellation?: string;
}

/** Whether a row says that a request was taken back. */
export function isCancelled({ key, value }: AtomicPart["writes"][number]): boolean {
  return key.startsWith("reply\u001f") && decodeValue<StoredReplyHead>(value).head.cancellation !== undefined;
}

/** The invariants of commits, checked for each applied commit. */
export interface CommitHistoryOptions {
  /** Asks are not stored in a mailbox: the tags that may take effect without a stored message. */
  readonly asks: ReadonlySet<string>;
  /**
   * Messages that a client sent without an id: they may be accepted with their turn, without a stored
   * message.
   */
  readonly sent: (actor: string, tag: string) => Job | undefined;
  readonly eventsMax: number;
  /** The maximum number of waiting messages of one actor. */
  readonly waitingMax: number;
  /** The revision of the program that an instance runs. */
  readonly revisionOf: (instance: string) => number;
  /** Rows that existed before the program, which it does not know. */
  readonly planted: () => ReadonlySet<string>;
  /** Whether somebody has begun to erase the messages of an actor, or one of them. */
  readonly mayErase: (actor: string, tag: string) => boolean;
  /** How far the clocks of two processes may be apart, in milliseconds. */
  readonly clocksApartMs: number;
  /** Called when a message of an actor has taken effect. */
  readonly onDone: (actor: string, job: Job) => void;
  readonly fail: (why: string) => void;
  readonly onRare: (branch: string) => void;
}

/** Five minutes, measured by clocks that are 20 s apart. */
const unknownKeepMs = 279_000;
const separator = "\u001f";

/** The instance in an index entry, and the position of the message if a transaction has written it. */
function entryName(instance: string, [, place = ""]: readonly string[]): string {
  return `${instance} ${place}`;
}

/** The history of all messages, derived only from the commits that the store applied. */
export class CommitHistory {
  readonly actors: Map<string, KnownActor> = new Map();
  readonly mails: Map<string, KnownMail> = new Map();
  /** The number of effects of each tag, by actor and tag. */
  readonly effects: Map<string, number> = new Map();
  /** The commit in which each tag took effect, by actor and tag. */
  readonly committedBy: Map<string, SimulatedCommit> = new Map();
  readonly deadRows: Map<string, DeadRow> = new Map();
  /** The dead letters, by actor and tag. */
  readonly deaths: Map<string, DeadRow> = new Map();
  /** The requests that were taken back, by actor and tag. */
  readonly takenBack: Set<string> = new Set();
  /** The messages for actors that nobody hosted that were erased, by actor and tag. */
  readonly erased: Set<string> = new Set();
  /** The resent dead letters. */
  readonly revived: Set<string> = new Set();
  readonly replies: Map<string, StoredReplyHead & { readonly text: string }> = new Map();
  /** The latest event of each topic, and the number of events kept. */
  readonly events: Map<string, { latest: number; kept: number }> = new Map();
  /** The sequence numbers of events by tag, and whether each is still in the log. */
  readonly eventNumbers: Map<string, number> = new Map();
  readonly eventsKept: Map<number, boolean> = new Map();
  /** The number of subscriptions made. */
  subscribed = 0;
  readonly #schedules: Set<string> = new Set();
  /** The receivers and tags of delayed messages, by the keys of their rows. */
  readonly #delayed: Map<string, string> = new Map();
  /** Tags of schedules that were cancelled. */
  readonly cancelled: Set<string> = new Set();
  readonly #options: CommitHistoryOptions;

  constructor(options: CommitHistoryOptions) {
    this.#options = options;
  }

  /** The number of entries of an actor. */
  written(actor: string): number {
    return this.actors.get(actor)?.log.length ?? 0;
  }

  /** The number of waiting messages. */
  get waiting(): number {
    return [...this.actors.values()].reduce((sum, { waiting }) => sum + waiting, 0);
  }

  /** The number of entries in the index. */
  get indexed(): number {
    return [...this.actors.values()].reduce((sum, { index }) => sum + index.size, 0);
  }

  /** The number of pending schedules. */
  get scheduled(): number {
    return this.#schedules.size;
  }

  /** Whether a schedule of an actor is pending. */
  isScheduled(actor: string, name: string): boolean {
    const end = ["", ...actor.split("/"), name].join("\u001f");
    return this.#schedules.values().some((key) => key.endsWith(end));
  }

  apply(commit: SimulatedCommit, parts: readonly AtomicPart[]): void {
    const touched = new Set<string>();
    for (const part of parts) this.#part(commit, part, touched);
    for (const [topic, { kept }] of this.events) {
      if (kept > this.#options.eventsMax) this.#fail(`${topic} keeps ${kept} events`);
    }
    for (const name of touched) {
      const { waiting, index } = this.#actor(name);
      if (waiting > 0 && index.size === 0) this.#fail(`${waiting} wait for ${name} and no index has it`);
      if (waiting > this.#options.waitingMax) this.#fail(`${waiting} wait for ${name}`);
    }
  }

  #part(commit: SimulatedCommit, part: AtomicPart, touched: Set<string>): void {
    const written = new Map<string, KnownMail>();
    const removed: KnownMail[] = [];
    const dead: DeadRow[] = [];
    const delayed = new Set<string>();
    let record: { name: string; value: Uint8Array } | undefined;
    for (const { key, value } of part.writes) {
      const [space, protocol, name, ...rest] = key.split(separator);
      if (space === "actor" || space === "erased") record = { name: `${protocol}/${name}`, value };
      else if (space === "mail") {
        written.set(key, this.#mail(commit, key, `${protocol}/${name}`, value));
        touched.add(`${protocol}/${name}`);
      } else if (space === "index") {
        const actor = `${name}/${rest[0]}`;
        touched.add(actor);
        this.#actor(actor).index.add(entryName(protocol, rest));
      } else if (space === "dead") {
        const row = this.#death(key, value);
        if (row !== undefined) dead.push(row);
      } else if (space === "schedule") this.#schedules.add(key);
      else if (space === "timer" && protocol === "~delayed") {
        delayed.add(delayedName(value));
        this.#delayed.set(key, delayedName(value));
      } else if (space === "reply") this.#reply(key, value);
      else if (space === "subscriber") this.subscribed++;
      else if (space === "event") this.#event(protocol, Number(name), value, part);
    }
    for (const { key } of part.removals) {
      const [space, protocol, name, ...rest] = key.split(separator);
      if (space === "mail" && part.writes.some(isCancelled)) this.#takenBack(key);
      else if (space === "mail" && this.#isErasure(part, key)) this.#erase(key, written);
      else if (space === "mail") removed.push(...this.#taken(key, `${protocol}/${name}`, record?.name, dead));
      else if (space === "index") {
        touched.add(`${name}/${rest[0]}`);
        this.#actor(`${name}/${rest[0]}`).index.delete(entryName(protocol, rest));
      } else if (space === "schedule") this.#schedules.delete(key);
      else if (space === "timer" && part.writes.some(isCancelled)) this.#takenBackEarly(key);
      else if (space === "dead") this.#gone(key, written);
      else if (space === "event") {
        this.events.get(protocol)!.kept--;
        this.eventsKept.set(Number(name), false);
      }
    }
    if (record === undefined || !(record.name.split("/")[0] in kinds)) return;
    this.#forms(commit, record.name, record.value);
    this.#unknown(commit, removed, dead);
    this.#turn(commit, record.name, record.value, removed, written, dead, delayed);
  }

  #mail({ atMs }: SimulatedCommit, key: string, actor: string, value: Uint8Array): KnownMail {
    const { head, text } = decodeValue<MessageHeader>(value);
    const payload = fromText(text);
    const user = actor.split("/")[0] in kinds;
    const tag = user ? tagOf(head.operation, payload, head.id) : head.id;
    if (this.mails.has(key)) this.#fail(`the message ${tag} for ${actor} is written twice`);
    this.#requireDue(atMs, actor, payload);
    if (this.cancelled.has(tag)) this.#fail(`the timer of ${tag} fires, and was cancelled`);
    const { id, operation } = head;
    const mail: KnownMail = { actor, id, operation, tag, payload, atMs, waits: true };
    this.mails.set(key, mail);
    this.#actor(actor).waiting++;
    return mail;
  }

  /** A delayed message comes into its mailbox when it is due, as far as clocks agree, and not before. */
  #requireDue(atMs: number, actor: string, payload: unknown): void {
    const { tag, dueMs = -Infinity } = (payload ?? {}) as Partial<Job>;
    const earlyMs = dueMs - atMs - this.#options.clocksApartMs;
    if (earlyMs > 0) this.#fail(`${tag} comes to ${actor} ${earlyMs} ms before it is due`);
    if (dueMs > 0) this.#options.onRare("a delayed message is due");
  }

  /**
   * A message is removed with its turn, or becomes a dead letter in a separate commit: if it is evicted, or
   * cannot be handled.
   */
  #taken(key: string, actor: string, record: string | undefined, dead: readonly DeadRow[]): KnownMail[] {
    const mail = this.mails.get(key);
    if (this.#options.planted().has(key)) return [];
    const buried = dead.some(({ actor: of, tag }) => of === actor && tag === mail?.tag);
    if (record !== actor && !buried) {
      this.#fail(`${mail?.tag} leaves the mailbox of ${actor} without a turn`);
    }
    if (mail === undefined || !mail.waits) {
      this.#fail(`${mail?.tag ?? key} is taken from ${actor}, where it does not wait`);
      return [];
    }
    mail.waits = false;
    this.#actor(actor).waiting--;
    return [mail];
  }

  /** The commit that takes a request back removes its message. */
  #takenBack(key: string): void {
    const mail = this.mails.get(key);
    if (mail === undefined || !mail.waits) {
      return this.#fail(`${mail?.tag ?? key} is taken back, and does not wait`);
    }
    mail.waits = false;
    this.#actor(mail.actor).waiting--;
    this.takenBack.add(`${mail.actor} ${mail.tag}`);
    this.#options.onRare("a request is taken back");
  }

  /** The commit that takes a delayed request back removes its row. */
  #takenBackEarly(key: string): void {
    this.takenBack.add(this.#delayed.get(key)!);
    this.#options.onRare("a delayed request is taken back");
  }

  /** Whether a part erases a message: it is neither of a turn, nor does it say that the message is dead. */
  #isErasure({ writes }: AtomicPart, key: string): boolean {
    const mail = this.mails.get(key);
    return mail !== undefined && this.#options.mayErase(mail.actor, mail.tag) &&
      !writes.some(({ key }) => ["actor", "erased", "dead"].includes(key.split(separator)[0]));
  }

  /** The commit that erases a message removes it, and tells who waits for its reply. */
  #erase(key: string, written: ReadonlyMap<string, KnownMail>): void {
    const mail = this.mails.get(key);
    if (mail === undefined || !mail.waits) {
      return this.#fail(`${mail?.tag ?? key} is erased, and does not wait`);
    }
    const { actor, tag, operation, payload } = mail;
    mail.waits = false;
    this.#actor(actor).waiting--;
    this.erased.add(`${actor} ${tag}`);
    this.#options.onRare(
      this.#options.asks.has(tag) ? "a stored ask is taken back or erased" : "mail for nobody is erased",
    );
    const { from } = payload as Job;
    if (operation !== "work" || !from.includes("/")) return;
    const told = written.values().some((mail) => mail.actor === from && mail.operation === "lost");
    if (!told) this.#fail(`${tag} of ${actor} is erased, and ${from} is not told`);
  }

  #death(key: string, value: Uint8Array): DeadRow | undefined {
    interface Letter {
      readonly id: string;
      readonly protocol: string;
      readonly key: string;
      readonly operation: string;
      readonly reason: string;
      readonly message: string;
    }
    const { head, text } = decodeValue<Letter>(value);
    if (head.operation === "~unreadable") return undefined;
    const actor = `${head.protocol}/${head.key}`;
    const tag = text === ""
      ? this.#tagOf(actor, head.id) // there was no room for its payload
      : head.protocol in kinds
      ? tagOf(head.operation, fromText(text), head.id)
      : head.id;
    const row = { actor, tag, reason: head.reason, message: head.message };
    this.deadRows.set(key, row);
    if (head.reason === "dropped") this.#dropped(head.protocol, tag);
    const name = `${actor} ${tag}`;
    if (this.revived.has(name) && head.reason === "deadline") {
      this.#fail(`${tag} of ${actor} was sent again, and its deadline had passed`);
    }
    if (this.deaths.has(name) && !this.revived.delete(name)) this.#fail(`${tag} of ${actor} dies twice`);
    if ((this.effects.get(name) ?? 0) > 0) this.#fail(`${tag} of ${actor} took effect and dies`);
    if (this.erased.has(name)) this.#fail(`${tag} of ${actor} was erased and dies`);
    this.deaths.set(name, row);
    return row;
  }

  #tagOf(actor: string, id: string): string {
    for (const mail of this.mails.values()) if (mail.id === id && mail.actor === actor) return mail.tag;
    return id;
  }

  /** Eviction is counted, and never happens in a mailbox with another overflow policy. */
  #dropped(protocol: string, tag: string): void {
    const overflow = overflowOf(protocol);
    if (overflow === undefined) this.#fail(`${tag} gives way in a mailbox that refuses`);
    else this.#options.onRare(`${overflow} in a full mailbox`);
  }

  /** A dead letter is removed: it is resent, or evicted. */
  #gone(key: string, written: ReadonlyMap<string, KnownMail>): void {
    const row = this.deadRows.get(key);
    if (row === undefined) return;
    this.deadRows.delete(key);
    for (const { actor, tag } of written.values()) {
      if (actor === row.actor && tag === row.tag) this.revived.add(`${actor} ${tag}`);
    }
  }

  #turn(
    commit: SimulatedCommit,
    name: string,
    value: Uint8Array,
    removed: readonly KnownMail[],
    written: ReadonlyMap<string, KnownMail>,
    dead: readonly DeadRow[],
    delayed: ReadonlySet<string>,
  ): void {
    const { head, text } = decodeValue<RecordHead>(value);
    const actor = this.#actor(name);
    const taken = new Map(removed.map((mail) => [mail.tag, mail]));
    const sent = new Map([...written.values()].map((mail) => [`${mail.actor} ${mail.tag}`, mail]));
    const buried = new Set([...delayed, ...dead.map(({ actor, tag }) => `${actor} ${tag}`)]);
    if (head.schema === undefined) { // it never existed or was erased, so its earlier entries are unknown
      if (actor.log.length > 0 && !name.startsWith("mayfly/")) this.#fail(`the state of ${name} is lost`);
      actor.log = [];
      for (const { tag, payload } of removed) {
        if (buried.has(`${name} ${tag}`) || sent.has(`${name} ${tag}`) || onlyReads(tag)) continue;
        const { from = "", seq = 0 } = payload as Partial<Job>;
        this.#effect(commit, name, actor, { tag, from, seq });
      }
      return;
    }
    const log = this.#logOf(name, head.schema, text);
    if (log.length < actor.log.length || actor.log.some((entry, index) => log[index] !== entry)) {
      this.#fail(`the state of ${name} does not go on from what was committed before`);
    }
    for (const entry of log.slice(actor.log.length).map(entryOf)) {
      const mail = taken.get(entry.tag) ?? this.#direct(name, entry.tag);
      if (mail === undefined && !this.#options.asks.has(entry.tag)) {
        this.#fail(`${entry.tag} takes effect on ${name}, and no message of it is taken`);
      }
      taken.delete(entry.tag);
      if (mail !== undefined) this.#sends(name, mail, sent, buried);
      this.#effect(commit, name, actor, entry);
    }
    actor.log = log;
    for (const tag of taken.keys()) {
      if (buried.has(`${name} ${tag}`) || sent.has(`${name} ${tag}`)) continue; // a dead letter, or set aside
      if (onlyReads(tag)) continue;
      this.#fail(`${tag} leaves the mailbox of ${name} without an effect`);
    }
  }

  /** A message that was accepted with its turn, if that is allowed: it was never stored in a mailbox. */
  #direct(actor: string, tag: string): Pick<KnownMail, "tag" | "payload" | "operation"> | undefined {
    const payload = this.#options.sent(actor, tag);
    if (payload === undefined) return undefined;
    if (payload.delayMs !== undefined) this.#fail(`${tag} takes effect on ${actor}, and was delayed`);
    for (const mail of this.mails.values()) if (mail.actor === actor && mail.tag === tag) return undefined;
    this.#options.onRare("a message is accepted with its turn");
    return { tag, payload, operation: payload.does === "stamp" ? "stamp" : "job" };
  }

  /** State only migrates to newer forms, and a revision that does not know a form leaves it unchanged. */
  #forms({ instance }: SimulatedCommit, name: string, value: Uint8Array): void {
    const { form = 0 } = this.actors.get(name) ?? {};
    const { schema = 0 } = decodeValue<RecordHead>(value).head;
    if (schema < form) this.#fail(`the state of ${name} was of form ${form} and is of ${schema}`);
    const revision = this.#options.revisionOf(instance);
    if (form > revision) this.#fail(`${instance}, revision ${revision}, writes ${name} of form ${form}`);
    if (form === 1 && schema === 2) this.#options.onRare("state is migrated");
    this.#actor(name).form = schema;
  }

  #logOf(name: string, form: number, text: string): readonly string[] {
    try {
      return storedDiary(form, fromText(text)).log;
    } catch (error) {
      this.#fail(`the state of ${name}: ${error instanceof Error ? error.message : error}`);
      return [];
    }
  }

  /** An unknown operation waits for its time, measured by clocks that may differ. */
  #unknown({ atMs }: SimulatedCommit, removed: readonly KnownMail[], dead: readonly DeadRow[]): void {
    for (const { actor, tag, reason } of dead) {
      if (reason !== "unknown-operation") continue;
      const mail = removed.find((mail) => mail.actor === actor && mail.tag === tag);
      const waitedMs = atMs - (mail?.atMs ?? 0);
      if (waitedMs < unknownKeepMs) this.#fail(`${tag} of ${actor} is given up after ${waitedMs} ms`);
      this.#options.onRare("an unknown operation is given up");
    }
  }

  /** The messages that a turn sends are in the same commit. */
  #sends(
    name: string,
    { tag, payload, operation }: Pick<KnownMail, "tag" | "payload" | "operation">,
    sent: ReadonlyMap<string, KnownMail>,
    buried: ReadonlySet<string>,
  ): void {
    if (operation !== "job" && operation !== "work" && operation !== "stamp") return;
    const { path, does, target } = payload as Job;
    this.#options.onDone(name, payload as Job);
    if (does === "cancel" && this.effects.has(`${name} ${target}`)) this.cancelled.add(`${target}!`);
    if (path[0] === undefined) return;
    const next = `${path[0]} ${tag}${does === "submit" ? "?" : ">"}`;
    if (!sent.has(next) && !buried.has(next)) this.#fail(`${tag} of ${name} does not go on to ${path[0]}`);
  }

  #effect(commit: SimulatedCommit, name: string, actor: KnownActor, entry: Entry): void {
    const key = `${name} ${entry.tag}`;
    const count = (this.effects.get(key) ?? 0) + 1;
    this.effects.set(key, count);
    this.committedBy.set(key, commit);
    if (count > 1) this.#fail(`${entry.tag} takes effect on ${name} ${count} times`);
    if (this.deaths.has(key) && !this.revived.has(key)) {
      this.#fail(`${entry.tag} of ${name} is dead and takes effect`);
    }
    if (this.takenBack.has(key)) this.#fail(`${entry.tag} of ${name} ran although it was cancelled`);
    if (this.erased.has(key)) this.#fail(`${entry.tag} of ${name} was erased and takes effect`);
    actor.done.push(entry);
  }

  #reply(key: string, value: Uint8Array): void {
    const { head, text } = decodeValue<StoredReplyHead>(value);
    const before = this.replies.get(key);
    const decided = before !== undefined && before.status !== "pending" && before.status !== head.status;
    if (before?.cancellation !== undefined || (decided && head.cancellation !== undefined)) {
      this.#fail(`the reply ${key} is ${before!.cancellation ?? before!.status}, and has another outcome`);
    }
    if (before !== undefined && before.status !== "pending" && head.status !== "failed") {
      this.#fail(`the reply ${key} is ${before.status} and becomes ${head.status}`);
    }
    this.replies.set(key, { ...head, text });
  }

  /** Entries before it that are missing were added and evicted within the same commit. */
  #event(topic: string, number: number, value: Uint8Array, { removals }: AtomicPart): void {
    const { tag } = fromText(decodeValue(value).text) as Post;
    this.eventNumbers.set(tag, number);
    this.eventsKept.set(number, true);
    const known = this.events.get(topic) ?? { latest: 0, kept: 0 };
    for (let passed = known.latest + 1; passed < number; passed++) {
      const letGo = removals.some(({ key }) => key === eventKey(topic, passed));
      if (!letGo) this.#fail(`event ${number} of ${topic} comes after ${known.latest}`);
    }
    known.kept += number - known.latest;
    known.latest = number;
    this.events.set(topic, known);
  }

  #actor(name: string): KnownActor {
    const found = this.actors.get(name);
    if (found !== undefined) return found;
    const made: KnownActor = { log: [], form: 0, done: [], waiting: 0, index: new Set() };
    this.actors.set(name, made);
    return made;
  }

  #fail(why: string): void {
    this.#options.fail(why);
  }
}

/** The receiver and the tag of a delayed message. */
function delayedName(value: Uint8Array): string {
  const { head: { to }, text } = decodeValue<StoredSchedule>(value);
  return `${to.protocol}/${to.key} ${tagOf(to.operation, fromText(text), "")}`;
}
