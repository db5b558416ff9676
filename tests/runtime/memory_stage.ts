import {
  type Actor,
  actor,
  type ActorOptions,
  ask,
  type Context,
  type Inspection,
  protocol,
  type Ref,
  submit,
  System,
  type SystemOptions,
  tell,
  type TransientContext,
  unchecked,
} from "@posthorn/posthorn";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";

/** The state of a worker. */
export type Notes = readonly string[];

export type WorkerContext = Context<"worker", Notes>;
export type WalkerContext = TransientContext<"walker", Notes>;

/** The script of a worker for one message, which the message carries. */
export type Script = (ctx: WorkerContext) => unknown;
export type WalkerScript = (ctx: WalkerContext) => unknown;

/** An actor that runs the script in its message, so that a test has everything in one place. */
export const Worker = protocol("worker", {
  note: tell(unchecked<string>()),
  run: tell(unchecked<Script>()),
  call: ask(unchecked<Script>(), unchecked<unknown>()),
  job: submit(unchecked<Script>(), unchecked<string>()),
});

/** The same as a transient actor, which can ask. */
export const Walker = protocol("walker", {
  note: tell(unchecked<string>()),
  run: tell(unchecked<WalkerScript>()),
  call: ask(unchecked<WalkerScript>(), unchecked<unknown>()),
});

type Traits = Partial<Omit<ActorOptions<string, unknown, Notes>, "on" | "transient">>;

export function worker(traits?: Traits): Actor<"worker", Notes> {
  return actor(Worker, {
    state: (): Notes => [],
    on: {
      note: (ctx, text) => note(ctx, text),
      run: (ctx, script) => script(ctx) as void,
      call: (ctx, script) => script(ctx),
      job: (ctx, script) => script(ctx) as string,
    },
    ...traits,
  });
}

export function walker(traits?: Traits): Actor<"walker", Notes> {
  return actor(Walker, {
    transient: true,
    state: (): Notes => [],
    on: {
      note: (ctx, text) => note(ctx, text),
      run: (ctx, script) => script(ctx) as void,
      call: (ctx, script) => script(ctx),
    },
    ...traits,
  });
}

/** Adds a line to the state. */
export function note(ctx: { state: Notes }, text: string): void {
  ctx.state = [...ctx.state, text];
}

/** The lines in the state of the actor. */
export function notesOf(ref: Ref<"worker">): Promise<unknown> {
  return ref.ask(Worker.call, (ctx) => ctx.state);
}

export function fail(): never {
  throw new Error("boom");
}

/** A system on a virtual clock that is stopped at the end of the test. */
export class Stage implements AsyncDisposable {
  readonly clock: VirtualClock;
  readonly system: System;
  /** The inspection events, one line each. */
  readonly events: string[] = [];

  constructor(options: SystemOptions & { readonly clock?: VirtualClock }) {
    this.clock = options.clock ?? new VirtualClock();
    this.system = new System({
      random: seededRandom(1),
      drainMs: 0,
      log: false,
      ...options,
      clock: this.clock,
    });
  }

  ref(key: string): Ref<"worker"> {
    return this.system.ref(Worker, key);
  }

  walker(key: string): Ref<"walker"> {
    return this.system.ref(Walker, key);
  }

  /** Records inspection events from now on, of the given types or of all. */
  watch(...types: Inspection["type"][]): this {
    this.system.inspect((event) => {
      if (types.length === 0 || types.includes(event.type)) this.events.push(lineOf(event));
    });
    return this;
  }

  /** The dead letters, as receiver and reason. */
  get dead(): string[] {
    return this.system.deadLetters.list().map(({ key, operation, reason }) =>
      `${key} ${operation}: ${reason}`
    );
  }

  /** Stops the system without waiting for handlers that never end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.system.stop();
  }
}

export function stage(...actors: Actor[]): Stage {
  return new Stage({ actors });
}

function lineOf(event: Inspection): string {
  if ("message" in event) return `${event.type} ${event.message.key} ${event.message.operation}`;
  if ("letter" in event) return `dead ${event.letter.key} ${event.letter.operation}: ${event.letter.reason}`;
  if ("actor" in event) return `${event.type} ${event.actor.key}`;
  if (event.type === "transport-failed" || event.type === "committed") return event.type;
  return `${event.type} ${event.type === "unreadable" ? event.row : event.callback}`;
}
