import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import {
  type Actor,
  actor,
  type ActorOptions,
  ask,
  type Context,
  event,
  Failure,
  PosthornError,
  protocol,
  type Ref,
  type Store,
  submit,
  survey,
  System,
  type SystemOptions,
  tell,
  unchecked,
} from "@posthorn/posthorn";
import { denoKv } from "@posthorn/posthorn/deno-kv";
import { memoryStore } from "@posthorn/posthorn/memory";
import { sqlite } from "@posthorn/posthorn/sqlite";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import * as z from "zod";
import { Cuttable } from "../runtime/durable/cuttable.ts";
import type { Transcript } from "./transcript.ts";

/** An actor that runs scripts of a scenario: the payload is the name of a script. */
export const One = protocol("one", {
  note: tell(z.string()),
  run: tell(unchecked<string>()),
  call: ask(unchecked<string>(), unchecked<unknown>()),
  half: ask(z.number(), z.number().int()),
  job: submit(z.string(), unchecked<unknown>()),
  halfJob: submit(z.number(), z.number().int()),
  quote: survey(unchecked<string>(), unchecked<string>()),
  answered: tell(unchecked<unknown>()),
  failed: tell(Failure),
  happened: event(z.string().max(20), {
    subject: (text) => text === "no subject" ? 5 as unknown as string : text.split(" ")[0],
  }),
});

/** A protocol that no world hosts. */
export const Nobody = protocol("nobody", {
  note: tell(z.string()),
  call: ask(z.string(), z.string()),
  job: submit(z.string(), z.string()),
});

type Notes = readonly string[];
export type OneContext = Context<"one", Notes>;
export type Scripts = Readonly<Record<string, (ctx: OneContext, rest: string) => unknown>>;
export type Traits = Partial<Omit<ActorOptions<string, unknown, Notes>, "on" | "transient" | "state">>;

/** A place where the actors of a scenario run. */
export interface Place {
  readonly name: string;
  /** Whether its actors are transient. */
  readonly transient: boolean;
  /** Opens its store, if it has one. */
  readonly store?: (folder: string) => Store;
  /** Whether it needs Deno KV. */
  readonly kv?: boolean;
}

export const places: readonly Place[] = [
  { name: "memory", transient: false },
  { name: "memoryStore", transient: false, store: () => memoryStore() },
  { name: "sqlite in memory", transient: false, store: () => sqlite(":memory:") },
  {
    name: "sqlite in a file",
    transient: false,
    store: (folder) => sqlite(`${folder}/one.db`, { synchronous: "normal" }),
  },
  { name: "denoKv in a file", transient: false, store: (folder) => denoKv(`${folder}/one.kv`), kv: true },
  { name: "transient in memory", transient: true },
  { name: "transient beside memoryStore", transient: true, store: () => memoryStore() },
  {
    name: "transient beside sqlite",
    transient: true,
    store: (folder) => sqlite(`${folder}/one.db`, { synchronous: "normal" }),
  },
];

/** How long a promise may take that waits for no timer, in real time. */
const loadMs = 20_000;

/** One system in one place on a virtual clock, with its transcript. */
export class World implements AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly place: Place;
  readonly system: System;
  /** The transcript. */
  readonly lines: string[] = [];
  readonly #folder: string | undefined;
  readonly #store: Cuttable | undefined;
  readonly #beganMs = this.clock.now();
  /** The inspection events of each message, by name. */
  readonly #messages = new Map<string, { readonly of: string; readonly types: string[] }>();
  readonly #actors = new Map<string, string[]>();

  private constructor(
    place: Place,
    scripts: Scripts,
    traits: Traits,
    options: Partial<SystemOptions>,
    folder: string | undefined,
  ) {
    this.place = place;
    this.#folder = folder;
    this.#store = place.store && new Cuttable(place.store(folder!));
    this.system = new System({
      random: seededRandom(1),
      drainMs: 0,
      log: false,
      ...options,
      ...this.#store && { store: this.#store },
      actors: [this.#actor(scripts, traits)],
      clock: this.clock,
    });
    this.#watch();
  }

  static async open(
    place: Place,
    scripts: Scripts,
    traits: Traits,
    options: Partial<SystemOptions>,
  ): Promise<World> {
    const folder = place.store && await mkdtemp(`${tmpdir()}/posthorn-behaviour-`);
    const world = new World(place, scripts, traits, options, folder);
    await world.system.ready();
    await world.settle();
    return world;
  }

  ref(key: string): Ref<"one"> {
    return this.system.ref(One, key);
  }

  /** Adds a line. */
  write(text: string): void {
    this.lines.push(text);
  }

  /** Records the outcome of a promise: its value, or the code of its error. */
  async hear(what: string, promise: Promise<unknown>): Promise<void> {
    let told: string | undefined;
    promise.then(
      (value) => told = `${what}: ${show(value)}`,
      (error) => told = `${what}: ${error instanceof PosthornError ? error.code : error.name} !`,
    );
    // What is loaded when it is first used takes real time.
    const untilMs = performance.now() + loadMs;
    while (told === undefined && performance.now() < untilMs) await this.settle();
    this.write(told ?? `${what}: nothing yet`);
  }

  /** Starts an action whose outcome is recorded later. */
  begin<Result>(promise: Promise<Result>): Promise<Result> {
    promise.catch(() => {});
    return promise;
  }

  /** Runs everything that does not depend on a timer. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 6; quiet++) {
      await this.clock.settle();
      if ((this.#store?.calls ?? 0) > 0) quiet = -1;
    }
  }

  /** Advances time in steps, so that effects of one step run in the next. */
  async pass(byMs: number, stepMs = 100): Promise<void> {
    await this.settle();
    await this.clock.advance(0); // timers that are due by now
    await this.settle();
    for (let leftMs = byMs; leftMs > 0; leftMs -= stepMs) {
      await this.clock.advance(Math.min(stepMs, leftMs));
      await this.settle();
    }
  }

  /** The time since the start of the scenario. */
  get passedMs(): number {
    return this.clock.now() - this.#beganMs;
  }

  /**
   * The whole transcript: the lines, the dead letters, and the inspection events of each message and each
   * actor.
   */
  async end(): Promise<Transcript> {
    await this.settle();
    const letters = this.system.deadLetters.list()
      .map(({ protocol, key, operation, reason, attempts }) =>
        protocol === "one"
          ? `dead ${key} ${operation}: ${reason} after ${attempts}`
          : `dead ${protocol} ${operation}: ${reason}`
      );
    const messages = [...this.#messages.values()].map(({ of, types }) => `${of}: ${types.join(" ")}`);
    const actors = [...this.#actors].map(([key, types]) => `${key}: ${types.join(" ")}`);
    const { accepted, done, dead, cancelled, waiting, running, protocols } = this.system.stats();
    assert.equal(
      accepted,
      done + dead + cancelled + waiting + running,
      "what was accepted is done, dead, taken back, waiting or running",
    );
    const counts = `one: ${protocols.one.done} done, ${protocols.one.waiting} waiting, ${running} running`;
    return { lines: byActor(this.lines), summary: [...letters, ...messages, ...actors, counts].sort() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.system.stop({ drainMs: 0 });
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true });
  }

  #actor(scripts: Scripts, traits: Traits): Actor {
    const note = (ctx: OneContext, text: string) => {
      ctx.state = [...ctx.state, text];
      this.write(`${ctx.key} notes ${text}`);
    };
    const all: Scripts = { notes: (ctx) => ctx.state, echo: (_, rest) => rest, note, ...scripts };
    const run = (ctx: OneContext, text: string): unknown => {
      const [name] = text.split(" ");
      if (all[name] === undefined) throw new Error(`no script ${name}`);
      return all[name](ctx, text.slice(name.length + 1));
    };
    const options = {
      state: (): Notes => [],
      on: {
        note,
        run: (ctx: OneContext, text: string) => run(ctx, text) as void,
        call: run,
        half: (_: OneContext, n: number) => n / 2,
        job: run,
        halfJob: (_: OneContext, n: number) => n / 2,
        quote: (ctx: OneContext, text: string) => run(ctx, text) as string | undefined,
        answered: (ctx: OneContext, reply: unknown) => this.write(`${ctx.key} is answered ${show(reply)}`),
        failed: (ctx: OneContext, { code }: Failure) => this.write(`${ctx.key} hears of ${code}`),
      },
      onIdle: "keep" as const,
      ...traits,
    };
    return this.place.transient ? actor(One, { ...options, transient: true }) : actor(One, options);
  }

  #watch(): void {
    this.system.inspect((inspected) => {
      if ("message" in inspected) {
        const { protocol, key, operation, id } = inspected.message;
        if (protocol === "one") this.#happened(`${key} ${operation}`, id, inspected.type);
      } else if ("letter" in inspected) {
        const { protocol, key, operation, id, reason } = inspected.letter;
        if (protocol === "one") this.#happened(`${key} ${operation}`, id, `dead(${reason})`);
      } else if ("actor" in inspected && inspected.actor.protocol === "one") {
        const { key } = inspected.actor;
        this.#actors.set(key, [...this.#actors.get(key) ?? [], inspected.type]);
      }
    });
  }

  #happened(of: string, id: string, type: string): void {
    const name = `${of} ${id}`;
    const message = this.#messages.get(name) ?? { of, types: [] };
    this.#messages.set(name, message);
    const { types } = message;
    // Documented at `Inspection`: with a store a message may be started before it is reported as accepted.
    const before = type === "accepted"
      ? types.findLastIndex((type) => /^(done|dead)/.test(type)) + 1
      : types.length;
    types.splice(before, 0, type);
  }
}

/** There is no order between two actors, so their lines are sorted by the name of the actor. */
function byActor(lines: readonly string[]): string[] {
  const actorOf = (line: string) => /^([a-c]) (?!.*: )/.exec(line)?.[1];
  const sorted: string[] = [];
  for (let first = 0, next = 0; first < lines.length; first = next) {
    next = first + 1;
    if (actorOf(lines[first]) !== undefined) {
      while (next < lines.length && actorOf(lines[next]) !== undefined) next++;
    }
    sorted.push(
      ...lines.slice(first, next).sort((one, other) =>
        actorOf(one) === actorOf(other) ? 0 : one < other ? -1 : 1
      ),
    );
  }
  return sorted;
}

function show(value: unknown): string {
  if (typeof value === "object" && value !== null && "id" in value && "reply" in value) return "a ticket";
  return JSON.stringify(value) ?? "nothing";
}
