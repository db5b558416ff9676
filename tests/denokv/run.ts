import { seededRandom } from "@posthorn/posthorn/testing";
import { type Figures, Load, sleep } from "./load.ts";
import { FaultyProxy, noFaults } from "./proxy.ts";
import { DenokvServer, token } from "./server.ts";

export interface RunOptions {
  readonly seconds: number;
  readonly seed: number;
  /** Called with progress messages. */
  readonly onStep?: (step: string) => void;
}

export interface RunResult extends Figures {
  readonly requests: Readonly<FaultyProxy["counts"]>;
  readonly kills: number;
  readonly pauses: number;
}

/**
 * Runs systems on a real server behind a faulty proxy; the server is killed and paused. In the end all
 * effects must add up.
 */
export async function run({ seconds, seed, onStep = () => {} }: RunOptions): Promise<RunResult> {
  Deno.env.set("DENO_KV_ACCESS_TOKEN", token);
  const random = seededRandom(seed);
  await using server = await DenokvServer.start();
  await using proxy = new FaultyProxy(server.url, seededRandom(seed + 1));
  const load = new Load(proxy.url, "load", random);
  await load.begin();
  let kills = 0;
  let pauses = 0;
  let ended = false;
  const chaos = async () => {
    while (!ended) {
      const share = (most: number) => random.next() < 0.3 ? 0 : random.next() * most;
      proxy.faults = { lost: share(0.4), cut: share(0.1), refused: share(0.1), delayMs: share(60) };
      onStep(
        JSON.stringify(proxy.faults, (_, value) => typeof value === "number" ? +value.toFixed(2) : value),
      );
      await sleep(3_000);
      const drawn = random.next();
      if (drawn < 0.25) {
        kills++;
        onStep("the server is killed");
        await server.kill();
        await sleep(random.next() * 2_000);
        await server.start();
      } else if (drawn < 0.5) {
        pauses++;
        onStep("the server stands still");
        server.pause();
        await sleep(random.next() * 7_000);
        server.resume();
      }
    }
  };
  const misfortune = chaos();
  await load.run(seconds * 1_000);
  ended = true;
  await misfortune;
  proxy.faults = noFaults;
  const figures = await load.judge();
  await load.end();
  return { ...figures, requests: { ...proxy.counts }, kills, pauses };
}

/** The faults of a run. */
export function faultsOf({ lost, doubled, untrue, disordered, deadLetters }: Figures): string[] {
  return [
    ...lost.map((each) => `lost: ${each}`),
    ...doubled.map((each) => `doubled: ${each}`),
    ...untrue.map((each) => `said to be refused, and there: ${each}`),
    ...disordered.map((each) => `out of order: ${each}`),
    ...deadLetters.map((each) => `dead: ${each}`),
  ];
}
