import { type Actor, System } from "@posthorn/posthorn";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import { SimulatedStore } from "@posthorn/posthorn/testing/simulation";
import { type Kind, kinds, stageOn, type StageOptions } from "./durable_stage.ts";

/** The worlds in which actors must behave the same: in memory alone, or with a store, on a virtual clock. */
export interface World {
  /** Whether its data survives a process. */
  readonly stored: boolean;
  readonly clock: VirtualClock;
  start(actors: readonly Actor[], options?: StageOptions): Promise<System>;
  settle(): Promise<void>;
  pass(byMs: number, stepMs?: number): Promise<void>;
}

/** Systems on one clock, in memory or on one simulated store, whose calls take time. */
class Plain implements World, AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly stored: boolean;
  readonly #store: SimulatedStore | undefined;
  readonly #random = seededRandom(1);
  readonly #systems: System[] = [];

  constructor(stored: boolean) {
    this.stored = stored;
    this.#store = stored ? new SimulatedStore({ clock: this.clock, random: seededRandom(1) }) : undefined;
  }

  async start(actors: readonly Actor[], options: StageOptions = {}): Promise<System> {
    const { aheadMs: _, store: __, ...others } = options;
    const store = this.#store?.instance(`process ${this.#systems.length}`);
    const parts = { random: this.#random, drainMs: 0, log: false, ...others } as const;
    const system = new System({ ...parts, ...(store !== undefined && { store }), actors, clock: this.clock });
    this.#systems.push(system);
    await this.settle();
    await system.ready();
    return system;
  }

  async settle(): Promise<void> {
    for (let ms = 0; ms < (this.stored ? 200 : 1); ms += 10) await this.clock.advance(this.stored ? 10 : 0);
  }

  async pass(byMs: number, stepMs = 1_000): Promise<void> {
    for (let leftMs = byMs; leftMs > 0; leftMs -= stepMs) {
      await this.clock.advance(Math.min(stepMs, leftMs));
      await this.settle();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const system of this.#systems) {
      const stopped = system.stop({ drainMs: 0 });
      await this.settle();
      await stopped;
    }
  }
}

type WorldKind = "no store" | "simulated" | Kind;

export const worldKinds: readonly WorldKind[] = ["no store", "simulated", ...kinds];

async function worldOf(kind: WorldKind): Promise<World & AsyncDisposable> {
  if (kind === "no store" || kind === "simulated") return new Plain(kind === "simulated");
  return Object.assign(await stageOn(kind), { stored: true });
}

/** Defines a test for each world. */
export function inEach(name: string, run: (world: World) => Promise<void>): void {
  for (const kind of worldKinds) {
    const ignore = kind === "denoKv" && typeof Deno.openKv !== "function";
    Deno.test({
      name: `${kind}: ${name}`,
      ignore,
      async fn() {
        await using world = await worldOf(kind);
        await run(world);
      },
    });
  }
}
