import { ask, event, protocol, submit, survey, tell, unchecked } from "@posthorn/posthorn";
import { oddSchema } from "./odd_schema.ts";

/** What a message makes its actor do, besides writing it down and sending it on. */
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
  | "cancel"
  | "submit"
  | "erase"
  | "leave"
  | "stamp"
  | "whisper"
  | "hang"
  | "swell"
  | "remind"
  | "listen"
  | "deafen"
  | "spoil";

/** One piece of work. Its tag is unique, and so is what it becomes with each hop. */
export interface Job {
  readonly tag: string;
  /** Who sent it, and as the how-manieth to its receiver: an order that must hold. 0 where there is none. */
  readonly from: string;
  readonly seq: number;
  /** The actors that it goes on to. */
  readonly path: readonly string[];
  readonly does: Deed;
  /** How often it fails, how long it waits. */
  readonly more?: number;
  readonly target?: string;
  readonly pad?: string;
  /** How large its reply, its state or the payload of its schedule is to be. */
  readonly bulk?: number;
  /** Whom a reminder is for. */
  readonly to?: string;
  /** It is not to be begun later. */
  readonly timeoutMs?: number;
}

export interface Answer {
  readonly tag: string;
  /** How much its actor had written down then. */
  readonly at: number;
  readonly pad?: string;
  /** Who answers, where several are asked. */
  readonly by?: string;
}

export interface Post {
  readonly tag: string;
  readonly pad?: string;
}

export interface Lost {
  readonly id: string;
  readonly message: string;
}

/** What each kind of actor understands. */
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
/** Lets what fails step aside. */
export const Aside = protocol("aside", operations());
/** Is erased from time to time. */
export const Mayfly = protocol("mayfly", operations());
/** Gets what ends its process. */
export const Glass = protocol("glass", operations());
/** Changes with a deploy. */
export const Scroll = protocol("scroll", operations());
/** The same in the new revision. */
export const StampedScroll = protocol("scroll", { ...operations(), stamp: tell(unchecked<Job>()) });
/** Its first state and its `migrate` throw for a while, and its schema where it finds what was stored. */
export const Frail = protocol("frail", { ...operations(), job: tell(oddSchema) });
/** Is hosted by some processes only. */
export const Guest = protocol("guest", operations());
/** Has a small mailbox, where the oldest gives way. */
export const Oldest = protocol("oldest", operations());
/** Has a small mailbox, where the newest gives way. */
export const Newest = protocol("newest", operations());

/** A job for somebody else. */
export interface Errand {
  readonly to: string;
  readonly job: Job;
}

/** Keeps nothing, and is in every process. */
export const Echo = protocol("echo", {
  hear: tell(unchecked<string>()),
  relay: ask(unchecked<Errand>(), unchecked<Answer>()),
  pass: tell(unchecked<Errand>()),
});

/** What gives way where the mailbox of an actor is full; absent where it refuses. */
export function overflowOf(protocol: string): "drop-oldest" | "drop-newest" | undefined {
  return protocol === "oldest" ? "drop-oldest" : protocol === "newest" ? "drop-newest" : undefined;
}

/** Those that hear the news in every run. */
const subscribers: readonly string[] = [
  "node/n0",
  "node/n1",
  "node/n2",
  "node/n3",
  "aside/a0",
  "aside/a1",
];

/** Those that hear the news. */
export function subscribersOf(deploys: boolean): readonly string[] {
  return deploys ? [...subscribers, "scroll/s0", "guest/u0"] : subscribers;
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
};

/** The state of every actor: all that it ever did, in order. */
export interface Diary {
  readonly log: readonly string[];
  /** How many it has sent, by receiver. */
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

const inWords = /tag<([^>]*)>/;

/** The tag under which its receiver writes a message down. */
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
