import {
  actor,
  ask,
  type MailboxOptions,
  protocol,
  type Schema,
  type SendOptions,
  System,
  tell,
  TerminalError,
  unchecked,
} from "@posthorn/posthorn";
import * as z from "zod";
import type { Outcome } from "../contender.ts";
import { batchLength, Gate, paced } from "./pacing.ts";

interface Line {
  readonly n: number;
}

/** The features that a message or an actor can use. */
interface Setup {
  readonly schema?: Schema<Line>;
  readonly handler?: "assigns" | "async" | "fails";
  readonly mailbox?: MailboxOptions;
  readonly transient?: boolean;
  readonly listens?: boolean;
  readonly options?: (index: number) => SendOptions;
}

/** A feature to measure, and the case to compare it with. */
export interface Feature {
  readonly id: string;
  readonly title: string;
  readonly base: "tell" | "ask";
  readonly setup: Setup;
}

/** The number of messages of a batch that a full mailbox keeps. */
const kept = batchLength / 2;
const headers = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
const echo: Schema<Line> = {
  "~standard": { version: 1, vendor: "bench", validate: (value) => ({ value: value as Line }) },
};

/** Every feature with a cost. */
export const features: readonly Feature[] = [
  { id: "listener", title: "a listener of `system.inspect`", base: "tell", setup: { listens: true } },
  {
    id: "tellTimeout",
    title: "a tell with `timeoutMs`",
    base: "tell",
    setup: { options: () => ({ timeoutMs: 1_000 }) },
  },
  {
    id: "askTimeout",
    title: "an ask with its own `timeoutMs`",
    base: "ask",
    setup: { options: () => ({ timeoutMs: 1_000 }) },
  },
  { id: "headers", title: "headers", base: "tell", setup: { options: () => ({ headers }) } },
  {
    id: "id",
    title: "an id of one's own: repeats are found",
    base: "tell",
    setup: { options: (index) => ({ id: `message-${index}` }) },
  },
  { id: "echo", title: "a schema that checks nothing", base: "tell", setup: { schema: echo } },
  {
    id: "zod",
    title: "a zod schema of an object",
    base: "tell",
    setup: { schema: z.object({ n: z.number().int() }) },
  },
  {
    id: "full",
    title: "a full mailbox that drops its oldest: half of the messages",
    base: "tell",
    setup: { mailbox: { capacity: kept, overflow: "drop-oldest" } },
  },
  { id: "state", title: "a state that each turn assigns", base: "tell", setup: { handler: "assigns" } },
  { id: "async", title: "an `async` handler", base: "tell", setup: { handler: "async" } },
  {
    id: "failure",
    title: "a handler that throws a `TerminalError`: a dead letter",
    base: "tell",
    setup: { handler: "fails" },
  },
  { id: "transient", title: "`transient: true`", base: "tell", setup: { transient: true } },
];

/** The number of messages that are handled: the check. */
export function handledOf(id: string, size: number): number {
  return id === "full" ? size / batchLength * kept : size;
}

/** Sends messages with the feature; `tell` and `ask` are the baselines. */
export async function sendWith(id: string, size: number): Promise<Outcome> {
  const feature = features.find((feature) => feature.id === id);
  const send = (feature?.base ?? id) === "ask" ? askWith : tellWith;
  const once = send(feature?.setup ?? {});
  await once(Math.ceil(size / 5 / batchLength) * batchLength);
  return await once(size);
}

function tellWith(setup: Setup): (size: number) => Promise<Outcome> {
  const gate = new Gate();
  const { schema = unchecked<Line>(), mailbox = { capacity: 2 * batchLength }, options } = setup;
  const Counter = protocol("counter", { add: tell(schema) });
  const handlers = {
    assigns: (ctx: { state: number }, { n }: Line) => {
      ctx.state = ctx.state + n;
      gate.pass();
    },
    async: async () => await gate.pass(),
    fails: () => {
      gate.pass();
      throw new TerminalError("No");
    },
    plain: () => gate.pass(),
  };
  const counter = actor(Counter, {
    state: () => 0,
    on: { add: handlers[setup.handler ?? "plain"] },
    mailbox,
    transient: setup.transient ?? false,
    onFailure: "resume",
  });
  const system = new System({ actors: [counter] });
  if (setup.listens) system.inspect(() => {});
  const ref = system.ref(Counter, "main");
  const send = options === undefined
    ? () => void ref.tell(Counter.add, { n: 1 })
    : (index: number) => void ref.tell(Counter.add, { n: 1 }, options(gate.handled + index));
  const part = mailbox.overflow === undefined ? 1 : kept / batchLength;
  return (size) => paced(size, gate, send, part);
}

function askWith({ options }: Setup): (size: number) => Promise<Outcome> {
  const Adder = protocol("adder", { next: ask(unchecked<number>(), unchecked<number>()) });
  const adder = actor(Adder, { state: () => null, on: { next: (_, n) => n + 1 } });
  const ref = new System({ actors: [adder] }).ref(Adder, "main");
  return async (size) => {
    const startMs = performance.now();
    let x = 0;
    if (options === undefined) {
      for (let index = 0; index < size; index++) {
        x = await ref.ask(Adder.next, x);
      }
    } else for (let index = 0; index < size; index++) x = await ref.ask(Adder.next, x, options(index));
    return { elapsedMs: performance.now() - startMs, check: x };
  };
}
