import { context, ROOT_CONTEXT, trace, TraceFlags } from "@opentelemetry/api";
import { actor, protocol, type Ref, System, type SystemOptions, tell, unchecked } from "@posthorn/posthorn";
import { console as posthornConsole } from "@posthorn/posthorn/console";
import { ingress } from "@posthorn/posthorn/http";
import { openTelemetry } from "@posthorn/posthorn/opentelemetry";
import { sqlite } from "@posthorn/posthorn/sqlite";
import type { Outcome } from "../contender.ts";
import { inFolder } from "../durable/stores.ts";
import { leastOf } from "../least.ts";
import { spreadOf } from "../statistics.ts";
import { waitedForCoreMs } from "../waited.ts";
import { batchLength, Gate, paced } from "./pacing.ts";

/** Somebody who looks at a system while it works. */
export interface Observer {
  /** The id on the command line. */
  readonly id: string;
  /** What the report calls it. */
  readonly title: string;
  /** What it adds to the options of the system. */
  readonly options?: () => Partial<SystemOptions>;
  /** The environment of the process. */
  readonly env?: Readonly<Record<string, string>>;
  /** What all messages are sent within. */
  readonly within?: (send: () => Promise<Outcome>) => Promise<Outcome>;
  /** Begins to look; the result ends it. */
  readonly begin?: (system: System) => Promise<() => void> | (() => void);
  /** The divisor of the size, for what makes a message many times as slow. */
  readonly divisor?: number;
}

/** A system at work. */
export interface Work {
  /** The id on the command line. */
  readonly id: string;
  /** What the report calls it. */
  readonly title: string;
  /** The number of messages of one run. */
  readonly size: number;
  /** Makes the system, passes it to `use`, and ends it. `run` handles as many messages as it is told to. */
  readonly with: (
    options: Partial<SystemOptions>,
    use: (system: System, run: (size: number) => Promise<Outcome>) => Promise<Outcome>,
  ) => Promise<Outcome>;
}

/** OpenTelemetry as Deno has it, with a sampler that takes nothing. Nobody listens where its metrics go. */
const sampledOut = {
  OTEL_DENO: "true",
  OTEL_TRACES_SAMPLER: "parentbased_always_off",
  OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9",
};
/** The span of a request that is not sampled. */
const request = trace.setSpanContext(ROOT_CONTEXT, {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  traceFlags: TraceFlags.NONE,
});

/** Nobody first: that shows what a comparison is good for. To measure another one, add it here. */
export const observers: readonly Observer[] = [
  { id: "nobody", title: "nobody" },
  {
    id: "gone",
    title: "a listener that has gone",
    begin: (system) => {
      system.inspect(() => {})[Symbol.dispose]();
      return () => {};
    },
  },
  { id: "sampled", title: "a listener of some messages: `sampled`", begin: listens(true) },
  { id: "metrics", title: "`GET /metrics`, read every second", begin: readsMetrics },
  { id: "console", title: "a console with an open page", begin: opensConsole },
  { id: "listener", title: "a listener of every message", begin: listens(false), divisor: 8 },
  {
    id: "interceptor",
    title: "an interceptor of turns that does nothing",
    options: () => ({ intercept: [{ turn: (_message, goOn) => goOn() }] }),
    divisor: 8,
  },
  {
    id: "telemetry",
    title: "OpenTelemetry with metrics, sampled out",
    options: () => ({ intercept: [openTelemetry()] }),
    env: sampledOut,
    divisor: 32,
  },
  {
    id: "request",
    title: "the same, within requests that are sampled out",
    options: () => ({ intercept: [openTelemetry()] }),
    env: sampledOut,
    within: (send) => context.with(request, send),
    divisor: 32,
  },
];

function listens(sampled: boolean): NonNullable<Observer["begin"]> {
  return (system) => {
    const listening = system.inspect(() => {}, { sampled });
    return () => listening[Symbol.dispose]();
  };
}

async function readsMetrics(system: System): Promise<() => void> {
  const app = ingress(system, { expose: [], metrics: true });
  const read = async () => await (await app.request("/metrics")).text();
  await read(); // from now on it listens
  const timer = setInterval(read, 1_000);
  return () => clearInterval(timer);
}

async function opensConsole(system: System): Promise<() => void> {
  const app = posthornConsole(system, { authorize: () => true });
  const { body } = await app.request("/overview", { headers: { accept: "text/event-stream" } });
  const reader = body!.getReader();
  const read = async () => {
    while (!(await reader.read()).done);
  };
  void read();
  return () => void reader.cancel();
}

const mailbox = { capacity: 2 * batchLength };
const Counter = protocol("counter", { add: tell(unchecked<number>()) });
const Link = protocol("link", { hop: tell(unchecked<number>()) });
const Cart = protocol("cart", { add: tell(unchecked<{ readonly sku: string; readonly cents: number }>()) });

/** How many actors a token passes, and how many have messages in the store at once. */
const linkCount = 64;
const cartCount = 1_024;

/** What is observed, from the fastest to what a service does. */
export const works: readonly Work[] = [
  { id: "burst", title: "in memory, from outside", size: 1_000 * batchLength, with: burst },
  { id: "hops", title: "in memory, from turn to turn", size: 500 * batchLength, with: hops },
  { id: "sqlite", title: "on SQLite", size: 8 * cartCount, with: turns },
];

async function burst(...[options, use]: Parameters<Work["with"]>): Promise<Outcome> {
  const gate = new Gate();
  const counter = actor(Counter, { state: () => 0, on: { add: () => gate.pass() }, mailbox });
  await using system = new System({ ...options, actors: [counter] });
  const ref = system.ref(Counter, "main");
  return await use(system, (size) => paced(size, gate, () => void ref.tell(Counter.add, 1)));
}

async function hops(...[options, use]: Parameters<Work["with"]>): Promise<Outcome> {
  const gate = new Gate();
  const link = actor(Link, {
    state: () => 0,
    on: {
      hop(ctx, left) {
        gate.pass();
        ctx.state = ctx.state + 1;
        if (left > 1) ctx.ref(Link, String((Number(ctx.key) + 1) % linkCount)).tell(Link.hop, left - 1);
      },
    },
    mailbox,
  });
  await using system = new System({ ...options, actors: [link] });
  const tokens = Array.from({ length: linkCount }, (_, index) => system.ref(Link, String(index)));
  return await use(system, async (size) => {
    const before = gate.handled;
    const startMs = performance.now();
    for (const token of tokens) void token.tell(Link.hop, size / linkCount);
    await gate.reached(before + size);
    return { elapsedMs: performance.now() - startMs, check: gate.handled - before };
  });
}

/** Durable turns of as many actors as there are messages at once. */
function turns(...[options, use]: Parameters<Work["with"]>): Promise<Outcome> {
  return inFolder(async (folder) => {
    let handled = 0;
    const cart = actor(Cart, {
      state: () => 0,
      on: {
        add(ctx, { cents }) {
          ctx.state = ctx.state + cents;
          handled++;
        },
      },
    });
    // NORMAL: no flush hides what an observer costs
    const store = sqlite(`${folder}/posthorn.db`, { synchronous: "normal" });
    await using system = new System({ ...options, actors: [cart], store });
    await system.ready();
    const carts: Ref<"cart">[] = Array.from(
      { length: cartCount },
      (_, index) => system.ref(Cart, String(index)),
    );
    return await use(system, async (size) => {
      const before = handled;
      const startMs = performance.now();
      for (let sent = 0; sent < size; sent += cartCount) {
        await Promise.all(carts.map((cart) => cart.tell(Cart.add, { sku: "tea", cents: 450 })));
      }
      return { elapsedMs: performance.now() - startMs, check: handled - before };
    });
  });
}

/** The number of messages of one run that is only tried. */
const smokeSize = cartCount;

/** The number of messages of one run with an observer. */
export function sizeOf(observer: Observer, work: Work, smoke: boolean): number {
  return smoke ? smokeSize : work.size / (work.id === "sqlite" ? 1 : observer.divisor ?? 1);
}

/** How many runs of each of two systems are compared in one process. */
const pairs = 11;
/** How long each of them is warmed up. */
const warmUpMs = 500;

/**
 * The fastest of several runs that somebody observes, and how many times as fast as nobody's it is. Another system that nobody
 * observes does the same in the same process, by turns: whatever makes a process or a moment slow is the same for both. The
 * time in which other programs had the core does not count.
 */
export function observed(observer: Observer, work: Work, size: number): Promise<Outcome> {
  return work.with({}, (_, runAlone) =>
    work.with(observer.options?.() ?? {}, async (system, runPlainly) => {
      const end = await observer.begin?.(system);
      const run = (size: number) => observer.within?.(() => runPlainly(size)) ?? runPlainly(size);
      if (size !== smokeSize) { for (const one of [runAlone, run]) await warmUp(one, size); }
      const outcome = await compare({ alone: runAlone, own: run }, size, size === smokeSize ? 1 : pairs);
      end?.();
      return outcome;
    }));
}

/** What runs as many messages as it is told to. */
type Run = (size: number) => Promise<Outcome>;

async function warmUp(run: Run, size: number): Promise<void> {
  const untilMs = performance.now() + warmUpMs;
  for (let times = 0; times < 3 || performance.now() < untilMs; times++) await run(size);
}

async function compare(
  { alone, own }: { readonly alone: Run; readonly own: Run },
  size: number,
  pairs: number,
): Promise<Outcome> {
  const outcomes: Outcome[] = [];
  const ratios: number[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    const isFirst = pair % 2 === 0;
    const first = await timed(isFirst ? own : alone, size);
    const second = await timed(isFirst ? alone : own, size);
    const [ownOutcome, aloneOutcome] = isFirst ? [first, second] : [second, first];
    outcomes.push(ownOutcome);
    ratios.push(aloneOutcome.elapsedMs / ownOutcome.elapsedMs);
  }
  return { ...leastOf(outcomes), also: { ofNobody: spreadOf(ratios)!.median } };
}

/** One run, without the time in which other programs had the core. */
async function timed(run: Run, size: number): Promise<Outcome> {
  const waitedMs = waitedForCoreMs();
  const outcome = await run(size);
  const othersMs = waitedForCoreMs() - waitedMs;
  return { ...outcome, elapsedMs: Math.max(outcome.elapsedMs - othersMs, 0) };
}
