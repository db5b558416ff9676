import { ask, event, protocol, submit, survey, tell, unchecked } from "@posthorn/posthorn";
import { oddSchema } from "./odd_schema.ts";

/** The effects of a message, besides recording it and sending it on. */
export type Deed =
  | "write"
  | "wait"
  | "fail"
  | "refuse"
  | "once"
  | "poison"
  | "publish"
  | "timer"
  | "every"
  | "cron"
  | "delay"
  | "cancel"
  | "submit"
  | "erase"
  | "leave"
  | "stamp"
  | "whisper"
  | "hang"
  | "stuck"
  | "swell"
  | "abstain"
  | "remind"
  | "listen"
  | "deafen"
  | "spoil";

/** One job. Its tag is unique, as are the tags that it gets with each hop. */
export interface Job {
  readonly tag: string;
  /** The sender, and the sequence number for its receiver: an order that must hold. 0 if there is none. */
  readonly from: string;
  readonly seq: number;
  /** The actors that it is sent on to. */
  readonly path: readonly string[];
  readonly does: Deed;
  /** The number of failures, and the duration of its handler. */
  readonly more?: number;
  readonly target?: string;
  readonly pad?: string;
  /** The size of its reply, its state or the payload of its schedule. */
  readonly bulk?: number;
  /** The receiver of a reminder. */
  readonly to?: string;
  /** Its deadline. */
  readonly timeoutMs?: number;
  /** How long it is delayed, and when it is due by the true time. */
  readonly delayMs?: number;
  readonly dueMs?: number;
  /** The header that came with it, or that its sender gave. */
  readonly trace?: string;
}

export interface Answer {
  readonly tag: string;
  /** The number of entries of its actor at that time. */
  readonly at: number;
  readonly pad?: string;
  /** The respondent, if several are asked. */
  readonly by?: string;
  /** The header of what it answers. */
  readonly trace?: string;
}

export interface Post {
  readonly tag: string;
  readonly pad?: string;
  /** The header of the message that published it. */
  readonly trace?: string;
}

export interface Lost {
  readonly id: string;
  readonly message: string;
}

/** The operations of each kind of actor. */
function operations() {
  return {
    job: tell(unchecked<Job>()),
    work: submit(unchecked<Job>(), unchecked<Answer>()),
    add: ask(unchecked<Job>(), unchecked<Answer>()),
    read: ask(unchecked<number>()),
    got: tell(unchecked<Answer>()),
    lost: tell(unchecked<Lost>()),
    heard: tell(unchecked<Post>()),
    tick: tell(unchecked<Post>()),
    poll: survey(unchecked<Job>(), unchecked<Answer>()),
  };
}

/** Keeps its order over retries. */
export const Node = protocol("node", operations());
/** Sets failed messages aside. */
export const Aside = protocol("aside", operations());
/** Is erased from time to time. */
export const Mayfly = protocol("mayfly", operations());
/** Gets messages that crash its process. */
export const Glass = protocol("glass", operations());
/** Changes with a deploy. */
export const Scroll = protocol("scroll", operations());
/** The same in the new revision. */
export const StampedScroll = protocol("scroll", { ...operations(), stamp: tell(unchecked<Job>()) });
/** Its initial state and its `migrate` throw for a while, as does its schema for stored messages. */
export const Frail = protocol("frail", { ...operations(), job: tell(oddSchema) });
/** Its handlers are limited in time and number. */
export const Brief = protocol("brief", operations());
/** Is hosted by some processes only. */
export const Guest = protocol("guest", operations());
/** Is hosted by no process for a while. */
export const Vacant = protocol("vacant", operations());
/** Has a small mailbox with `drop-oldest`. */
export const Oldest = protocol("oldest", operations());
/** Has a small mailbox with `drop-newest`. */
export const Newest = protocol("newest", operations());

/** A job for another actor. */
export interface Errand {
  readonly to: string;
  readonly job: Job;
}

/** Is transient, and exists in every process. */
export const Echo = protocol("echo", {
  hear: tell(unchecked<string>()),
  relay: ask(unchecked<Errand>(), unchecked<Answer>()),
  pass: tell(unchecked<Errand>()),
});

/** The overflow policy of an actor; absent if it rejects. */
export function overflowOf(protocol: string): "drop-oldest" | "drop-newest" | undefined {
  return protocol === "oldest" ? "drop-oldest" : protocol === "newest" ? "drop-newest" : undefined;
}

/** The actors that subscribe to the news in every run. */
const subscribers: readonly string[] = [
  "node/n0",
  "node/n1",
  "node/n2",
  "node/n3",
  "aside/a0",
  "aside/a1",
];

/** The actors that subscribe to the news. */
export function subscribersOf(deploys: boolean, erases: boolean): readonly string[] {
  const deployed = deploys ? ["scroll/s0", "guest/u0"] : [];
  return [...subscribers, ...deployed, ...erases ? ["vacant/v2"] : []];
}

export const News = protocol("news", { posted: event(unchecked<Post>()) });

export const kinds: Readonly<Record<string, typeof Node>> = {
  node: Node,
  aside: Aside as unknown as typeof Node,
  mayfly: Mayfly as unknown as typeof Node,
  glass: Glass as unknown as typeof Node,
  oldest: Oldest as unknown as typeof Node,
  newest: Newest as unknown as typeof Node,
  scroll: Scroll as unknown as typeof Node,
  guest: Guest as unknown as typeof Node,
  frail: Frail as unknown as typeof Node,
  brief: Brief as unknown as typeof Node,
  vacant: Vacant as unknown as typeof Node,
};

/** The state of every actor: all its entries, in order. */
export interface Diary {
  readonly log: readonly string[];
  /** The number of messages it has sent, by receiver. */
  readonly out: Readonly<Record<string, number>>;
  readonly ballast?: string;
}

export interface Entry {
  readonly tag: string;
  readonly from: string;
  readonly seq: number;
}

export function entryText({ tag, from, seq }: Entry): string {
  return `${tag}|${from}|${seq}`;
}

export function entryOf(text: string): Entry {
  const [tag, from, seq] = text.split("|");
  return { tag, from, seq: Number(seq) };
}

/** Begins the tag of an ask that only reads: it changes no state, so it has no effect to be found. */
const readMark = "read:";

/** Whether a message only reads. */
export function onlyReads(tag: string): boolean {
  return tag.startsWith(readMark);
}

const inWords = /tag<([^>]*)>/;

/** The tag under which the receiver records a message. */
export function tagOf(operation: string, payload: unknown, id: string): string {
  switch (operation) {
    case "heard":
      return `heard:${(payload as Post).tag}`;
    case "got":
      return `re:${(payload as Answer).tag}`;
    case "lost":
      return `re:${inWords.exec((payload as Lost).message)?.[1] ?? id}`;
    case "tick":
      return `tick:${id}`;
    case "read":
      return readMark + id;
    default:
      return (payload as Job).tag;
  }
}

/** The actor at an address of this simulation, as `kind/key`. */
export function partsOf(
  name: string,
): { readonly kind: typeof Node; readonly protocol: string; key: string } {
  const [protocol, key] = name.split("/");
  return { kind: kinds[protocol], protocol, key };
}
