import {
  type Actor,
  actor,
  type ActorOptions,
  ask,
  type Cancel,
  type Clock,
  type Context,
  event,
  type Inspection,
  protocol,
  type Ref,
  type Store,
  submit,
  survey,
  System,
  systemClock,
  type SystemOptions,
  tell,
  unchecked,
} from "@posthorn/posthorn";
import { denoKv } from "@posthorn/posthorn/deno-kv";
import { memoryStore } from "@posthorn/posthorn/memory";
import { postgres } from "@posthorn/posthorn/postgres";
import { sqlite } from "@posthorn/posthorn/sqlite";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import { CountedPool } from "../../postgres/counted_pool.ts";
import { dropSchema, givenUrl, newSchema } from "../../postgres/given.ts";
import { Cuttable } from "./cuttable.ts";

/** The state of a worker. */
export type Notes = readonly string[];
export type WorkerContext = Context<"worker", Notes>;
export type Scripts = Readonly<Record<string, (ctx: WorkerContext, payload: string) => unknown>>;

/** An actor that runs scripts of the test: a message names one of them. */
export const Worker = protocol("worker", {
  note: tell(unchecked<string>()),
  run: tell(unchecked<string>()),
  call: ask(unchecked<string>(), unchecked<unknown>()),
  job: submit(unchecked<string>(), unchecked<unknown>()),
  quote: survey(unchecked<string>(), unchecked<string>()),
  happened: event(unchecked<string>(), { subject: (text) => text.split(" ")[0] }),
});

type Traits = Partial<Omit<ActorOptions<string, unknown, Notes>, "on" | "transient">>;

export function worker(scripts: Scripts = {}, traits?: Traits): Actor<"worker", Notes> {
  const all: Scripts = { notes: (ctx) => ctx.state, ...scripts };
  const run = (ctx: WorkerContext, text: string) => {
    const name = text.split(" ")[0];
    if (all[name] === undefined) throw new Error(`no script ${name}`);
    return all[name](ctx, text.slice(name.length + 1));
  };
  return actor(Worker, {
    state: (): Notes => [],
    on: {
      note: (ctx, text) => note(ctx, text),
      run: (ctx, name) => run(ctx, name) as void,
      call: run,
      job: run,
      quote: (ctx, name) => run(ctx, name) as string | undefined,
    },
    ...traits,
  });
}

/** Adds a line to the state. */
export function note(ctx: { state: Notes }, text: string): void {
  ctx.state = [...ctx.state, text];
}

/** The clock of one process, which may differ from those of others and stops when the process is killed. */
class ProcessClock implements Clock {
  readonly #clock: Clock;
  aheadMs: number;
  stopped = false;

  constructor(clock: Clock, aheadMs: number) {
    this.#clock = clock;
    this.aheadMs = aheadMs;
  }

  now(): number {
    return this.#clock.now() + this.aheadMs;
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  setTimer(delayMs: number, callback: () => void): Cancel {
    return this.#clock.setTimer(delayMs, () => this.stopped || callback());
  }

  macrotask(callback: () => void): void {
    this.#clock.macrotask(() => this.stopped || callback());
  }

  yield(callback: () => void): void {
    this.#clock.yield(() => this.stopped || callback());
  }
}

export type StageOptions = Partial<SystemOptions> & {
  readonly store?: Store;
  /** How far the clock of the process is ahead of the others, in milliseconds. */
  readonly aheadMs?: number;
};

/** One process after another, or several, on one store and one virtual clock. */
export class Stage implements AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly store: Store;
  readonly #dispose: () => Promise<void>;
  /** Whether the store does something that none of the calls waits for. */
  readonly #isBusy: () => boolean;
  readonly #running = new Map<System, { readonly store: Cuttable; readonly clock: ProcessClock }>();
  /** One source for all processes, so that two that start at the same time have different names. */
  readonly #random = seededRandom(1);

  constructor(store: Store, dispose: () => Promise<void>, isBusy = () => false) {
    this.store = store;
    this.#dispose = dispose;
    this.#isBusy = isBusy;
  }

  /** Starts a process, and waits until its store is open and it has taken its first look. */
  async start(actors: readonly Actor[], options: StageOptions = {}): Promise<System> {
    const system = this.begin(actors, options);
    await system.ready();
    await this.settle();
    return system;
  }

  /** The same without waiting. */
  begin(actors: readonly Actor[], { aheadMs = 0, ...options }: StageOptions = {}): System {
    const store = new Cuttable(options.store ?? this.store);
    const clock = new ProcessClock(this.clock, aheadMs);
    const system = new System({
      random: this.#random,
      drainMs: 0,
      log: false,
      ...options,
      actors,
      store,
      clock,
    });
    this.#running.set(system, { store, clock });
    return system;
  }

  /** The connection of a process to its store. */
  storeOf(system: System): Cuttable {
    return this.#running.get(system)!.store;
  }

  /** Sets the clock of a process forward or back. */
  step(system: System, byMs: number): void {
    this.#running.get(system)!.clock.aheadMs += byMs;
  }

  /** The keys in the store whose first word is one of these, with spaces between their parts. */
  async keys(...words: readonly string[]): Promise<string[]> {
    const connection = await this.store.open({ clock: this.clock });
    try {
      const keys: string[] = [];
      for (const word of words) {
        for (let after: string | undefined, more = true; more;) {
          const rows = await connection.list({
            prefix: `${word}\u001f`,
            limit: 1_000,
            ...(after && { after }),
          });
          keys.push(...rows.map(({ key }) => key.replaceAll("\u001f", " ")));
          after = rows.at(-1)?.key;
          more = rows.length === 1_000;
        }
      }
      return keys;
    } finally {
      await connection.close();
    }
  }

  /** Kills a process. */
  async kill(system: System): Promise<void> {
    const { store, clock } = this.#running.get(system)!;
    this.#running.delete(system);
    clock.stopped = true;
    await store.cut();
  }

  /** Runs everything that does not depend on a timer. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 6; quiet++) {
      await this.clock.settle();
      if (this.#isBusy() || [...this.#running.values()].some(({ store }) => store.calls > 0)) quiet = -1;
    }
  }

  /** Advances time in steps, so that effects of one step run in the next. */
  async pass(byMs: number, stepMs = 1_000): Promise<void> {
    await this.settle();
    for (let leftMs = byMs; leftMs > 0; leftMs -= stepMs) {
      await this.clock.advance(Math.min(stepMs, leftMs));
      await this.settle();
    }
  }

  /** Runs everything until a condition holds, without advancing the clock. */
  async until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    for (let turn = 0; turn < 2_000; turn++) {
      if (await holds()) return;
      await this.settle();
    }
    throw new Error(`never: ${what}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const system of this.#running.keys()) await system.stop({ drainMs: 0 });
    await this.#dispose();
  }
}

/** The time within which a killed process is detected and its messages are taken over. */
export const missedMs = 10_000;

export function ref(system: System, key: string): Ref<"worker"> {
  return system.ref(Worker, key);
}

/** The lines in the state of the actor. */
export function notesOf(system: System, key: string): Promise<unknown> {
  return ref(system, key).ask(Worker.call, "notes");
}

/** All replies to a survey, sorted; `heard` has them in order of arrival. */
export async function collect(replies: AsyncIterable<string>, heard: string[] = []): Promise<string[]> {
  for await (const reply of replies) heard.push(reply);
  return heard.toSorted();
}

/** The dead letters, as receiver and reason. */
export function deadOf(system: System): string[] {
  return system.deadLetters.list().map(({ key, operation, reason }) => `${key} ${operation}: ${reason}`);
}

/** Records inspection events, one line each. */
export function watch(system: System, ...types: Inspection["type"][]): string[] {
  const lines: string[] = [];
  system.inspect((event) => {
    if (types.includes(event.type)) lines.push(lineOf(event));
  });
  return lines;
}

function lineOf(event: Inspection): string {
  if ("message" in event) return `${event.type} ${event.message.key} ${event.message.operation}`;
  if ("letter" in event) return `dead ${event.letter.key} ${event.letter.operation}: ${event.letter.reason}`;
  if ("actor" in event) return `${event.type} ${event.actor.key}`;
  if (event.type === "transport-failed" || event.type === "committed") return event.type;
  return event.type === "unreadable"
    ? `unreadable ${event.row.split("\u001f")[0]}`
    : `${event.type} ${event.callback}`;
}

export type Kind = "memory" | "sqlite" | "denoKv" | "postgres";
/** A real server, if one is given. */
const servers: readonly Kind[] = givenUrl === undefined ? [] : ["postgres"];
export const kinds: readonly Kind[] = ["memory", "sqlite", "denoKv", ...servers];
/**
 * Stores whose commits nobody sees before they have ended. On a server, a list may have what a commit that is under way
 * has written, so that a count is higher for a while, and a message may wait for the next heartbeat.
 */
export const localKinds: readonly Kind[] = ["memory", "sqlite", "denoKv"];
/** Stores that several systems share at the same time. */
export const sharedKinds: readonly Kind[] = ["memory", "sqlite", ...servers];

export async function stageOn(kind: Kind): Promise<Stage> {
  if (kind === "memory") return new Stage(memoryStore(), () => Promise.resolve());
  if (kind === "sqlite") {
    const folder = await Deno.makeTempDir({ prefix: "posthorn-durable-" });
    const store = sqlite(`${folder}/posthorn.db`, { synchronous: "normal" });
    return new Stage(store, () => Deno.remove(folder, { recursive: true }));
  }
  if (kind === "postgres") {
    const schema = newSchema();
    // what others commit is looked for in virtual time
    const pool = new CountedPool(givenUrl!);
    const store = postgres(pool, { schema, watch: "poll" });
    // the same heartbeat as the other stores here, so that the same time passes before a process is missed
    const traits = { ...store.traits, heartbeatMs: 2_000 };
    const dispose = async () => {
      await pool.end();
      await dropSchema(givenUrl!, schema);
    };
    return new Stage({ ...store, traits }, dispose, () => pool.isBusy);
  }
  const store = denoKv(":memory:");
  const connection = await store.open({ clock: systemClock() }); // its contents live as long as a connection
  return new Stage(store, () => connection.close());
}

/** Defines a test for each kind of store. */
export function onEach(kinds: readonly Kind[], name: string, run: (stage: Stage) => Promise<void>): void {
  for (const kind of kinds) {
    const ignore = kind === "denoKv" && typeof Deno.openKv !== "function";
    Deno.test({
      name: `${kind}: ${name}`,
      ignore,
      async fn() {
        await using stage = await stageOn(kind);
        await run(stage);
      },
    });
  }
}

/** Defines a test that does not depend on the kind of store. */
export function inMemory(name: string, run: (stage: Stage) => Promise<void>): void {
  onEach(["memory"], name, run);
}
