import {
  OutcomeUnknownError,
  PosthornError,
  type StoreControl,
  StoreError,
  type System,
} from "@posthorn/posthorn";
import { controlStore, type OpenedControl } from "@posthorn/posthorn/store";
import type { SimulatedHost, Simulation } from "@posthorn/posthorn/testing/simulation";
import type { Clients, Work, Workload } from "./clients.ts";
import type { Stage } from "./phases.ts";
import { userRandom } from "./transactions.ts";

/** The protocols that are paused from time to time. */
const protocols = ["node", "aside", "brief"] as const;
/** Those that are paused at the end. */
const lastPaused = ["node", "aside"] as const;
/** The time in which every process has heard of a pause when nothing fails any more. */
const heardMs = 20_000;
/** How long nothing may run at the end. */
const quietMs = 15_000;
const answerMsMax = 60_000;

interface Through {
  readonly host: SimulatedHost;
  readonly system: System;
}

/** Knows what is paused, and fails if a turn of it begins. Some things are done from outside of all processes. */
export class Pauses {
  /** What is done over a connection of its own, once it is open. */
  #outside: OpenedControl | undefined;
  readonly #fail: (why: string) => void;
  /** The process that was told that it is paused, by protocol; `undefined` stands for all. */
  readonly #forbidden = new Map<string, SimulatedHost | undefined>();
  /** Whether somebody was not told what became of a resume, which may have its effect at any time. */
  #doubtful = false;
  /** The protocols that a user has paused and not let go on. */
  readonly #busy = new Set<string>();
  #isLast = false;

  constructor(fail: (why: string) => void) {
    this.#fail = fail;
  }

  /** A turn of an actor begins. */
  ran(host: string, actor: string, tag: string): void {
    const [protocol] = actor.split("/");
    if (!this.#forbidden.has(protocol)) return;
    const forbidden = this.#forbidden.get(protocol);
    if (forbidden !== undefined && forbidden.name !== host) return;
    this.#fail(`${host} begins the turn of ${tag} for ${actor}, and ${protocol} is paused`);
  }

  /** Users who pause a protocol and let it go on. A process that says that it is paused begins no turn of it. */
  workload({ store, clock }: Simulation<System>): Workload {
    const open = () =>
      controlStore(store.instance("operator"), { clock, random: userRandom(73) }).then(
        (control) => this.#outside = control,
        () => void clock.setTimer(1_000, open), // the store fails now and then
      );
    void open();
    const errand = async (clients: Clients): Promise<void> => {
      const outside = this.#outside;
      if (outside !== undefined && clients.draw() < 0.3) {
        return await clients.resend(({ does }) => does === "once", (_, id) => outside.resend(id));
      }
      const through = clients.someone();
      const protocol = clients.pick(protocols);
      if (this.#busy.has(protocol) || this.#isLast || through === undefined) return;
      this.#busy.add(protocol);
      if (await this.#set(clients, protocol, true, through) && !this.#doubtful) {
        this.#forbidden.set(protocol, through.host);
      }
      await clients.pause(clients.draw() * 3_000);
      await this.#resume(clients, protocol);
      this.#busy.delete(protocol);
    };
    return { name: "halt", count: 25, everyMs: 1_500, errand };
  }

  /** When nothing fails any more, no process begins a turn of what is paused, and all goes on when it is resumed. */
  async pauseAtLast({ simulation, clients, failed, reach, ...stage }: Stage): Promise<void> {
    this.#isLast = true;
    // a resume takes long if the store is slow, and goes on when its user has given up
    await simulation.advance(answerMsMax, () => failed() || (this.#busy.size === 0 && clients.ignored === 0));
    let done = 0;
    const each = async (act: (protocol: string) => Promise<unknown>, of: readonly string[]) => {
      done = 0;
      for (const protocol of of) void act(protocol).then(() => done++);
      await simulation.advance(answerMsMax, () => failed() || done === of.length);
      if (!failed() && done < of.length) stage.fail("a pause, or its end, is not answered");
    };
    await each((protocol) => this.#resume(clients, protocol), protocols);
    await each(async (protocol) => { // at the same time, through a process and from outside
      const by = protocol === "node" ? this.#outside : undefined;
      while (!await this.#set(clients, protocol, true, undefined, by)) await clients.pause(500);
    }, lastPaused);
    await simulation.advance(heardMs, failed);
    for (const protocol of lastPaused) this.#forbidden.set(protocol, undefined);
    const jobs = (prefix: string): Work[] =>
      [1, 2, 3].map((count) => ({ tag: `${prefix}${count}`, does: "write", path: [] }));
    for (const protocol of lastPaused) void clients.burst(`${protocol}/halted`, jobs(`halted-${protocol}`));
    await simulation.advance(quietMs, failed);
    if ((stage.history.actors.get("node/halted")?.waiting ?? 0) > 0) {
      reach("messages wait while nothing runs");
    }
    await each((protocol) => this.#resume(clients, protocol), lastPaused);
  }

  async #resume(clients: Clients, protocol: string): Promise<void> {
    this.#forbidden.delete(protocol);
    while (!await this.#set(clients, protocol, false)) await clients.pause(500);
  }

  /** Returns whether a process says that it is done. */
  async #set(
    clients: Clients,
    protocol: string,
    paused: boolean,
    through?: Through,
    by?: StoreControl,
  ): Promise<boolean> {
    const outcome = await clients.call(
      ({ control }) => paused ? (by ?? control).pause(protocol) : (by ?? control).resume(protocol),
      through,
    );
    if ("value" in outcome) return true;
    const { error } = outcome as { readonly error?: unknown };
    if (error === undefined || error instanceof OutcomeUnknownError) this.#doubtful ||= !paused;
    const isExpected = error === undefined || error instanceof StoreError ||
      error instanceof OutcomeUnknownError ||
      (error instanceof PosthornError && error.code === "stopping");
    if (!isExpected) this.#fail(`who pauses ${protocol} gets ${error}`);
    return false;
  }
}
