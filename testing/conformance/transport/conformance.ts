import { type Clock, systemClock } from "../../../runtime/base/clock.ts";
import { type Random, systemRandom } from "../../../runtime/base/random.ts";
import type { Transport } from "../../../runtime/ports/transport.ts";
import { TransportBench, type TransportProcess } from "./bench.ts";
import { carryCases } from "./carry_cases.ts";
import { faultCases } from "./fault_cases.ts";
import type { TransportFaults } from "./faults.ts";
import { modeCases } from "./mode_cases.ts";
import { logCases, tenureCases } from "./tenure_cases.ts";

/** Options of {@linkcode transportConformance}. */
export interface TransportConformanceOptions {
  /** The transport, with a broker that the cases may share with each other and with anything else. */
  readonly transport: Transport;
  /**
   * Makes the transport of one process, if each one has an address of its own or names the others, as without a broker.
   *
   * @default {the same for all processes}
   */
  readonly transportOf?: (process: TransportProcess) => Transport;
  /** What the test can do to the broker. Cases that need more are skipped. */
  readonly faults?: TransportFaults;
  /**
   * How long a case waits for something that must happen, in milliseconds.
   *
   * @default {30_000} more than twice the `failoverMs` of the transport
   */
  readonly patienceMs?: number;
  /** The cases to skip, by name, with the reason. */
  readonly skip?: Readonly<Record<string, string>>;
  /** Called after each case, when its connections are closed: everything whose name contains `prefix` can be deleted. */
  readonly cleanUp?: (prefix: string) => void | PromiseLike<void>;
  /**
   * The clock with which connections are opened.
   *
   * @default {systemClock()}
   */
  readonly clock?: Clock;
  /**
   * The source of names. Cases that share a broker need names that nobody else has.
   *
   * @default {systemRandom()}
   */
  readonly random?: Random;
  /** Advances the time of the clock; by default a real timer of the clock is awaited. */
  readonly advance?: (byMs: number) => Promise<void>;
}

/** One guarantee of a transport, as a test case. */
export interface TransportCase {
  /** The guarantee, as a sentence. */
  readonly name: string;
  /** The reason why it is skipped; absent if it is not. */
  readonly skipped: string | undefined;
  /** Runs the case. Rejects if the transport violates the guarantee. */
  run(): Promise<void>;
}

/**
 * Creates the test cases that check whether an adapter satisfies the contract of `Transport`, for any test runner. They
 * wait for facts and never for a fixed time, so that a slow broker takes longer and does not fail. Each case uses its
 * own services and protocols, so that all of them can run on one broker, one after the other; those that need faults
 * must not run beside others.
 *
 * @example
 * ```ts
 * import { memoryBroker, memoryTransport } from "@posthorn/posthorn/memory";
 * import { transportConformance } from "@posthorn/posthorn/testing/conformance";
 *
 * const transport = memoryTransport({ broker: memoryBroker() });
 * for (const { name, skipped, run } of transportConformance({ transport })) {
 *   Deno.test({ name, ignore: skipped !== undefined, fn: run });
 * }
 * ```
 *
 * @param options the transport, what can be done to its broker, and the cases to skip
 * @returns the cases, which can run in any order
 */
export function transportConformance(options: TransportConformanceOptions): TransportCase[] {
  const { transport, faults = {}, skip = {}, clock = systemClock(), random = systemRandom() } = options;
  const { transportOf = () => transport } = options;
  const { reads, failoverMs } = transport.traits;
  const patienceMs = options.patienceMs ?? 30_000 + 2 * failoverMs;
  const advance = options.advance ??
    ((byMs) => new Promise<void>((resolve) => void clock.setTimer(byMs, resolve)));
  const log = reads === "log" ? undefined : "only a log has positions";
  const all = [
    ...Object.entries({ ...carryCases, ...tenureCases, ...modeCases }).map(([name, run]) => ({
      name,
      run,
      why: undefined,
    })),
    ...Object.entries(logCases).map(([name, run]) => ({ name, run, why: log })),
    ...Object.entries(faultCases).map(([name, { needs, run }]) => {
      const missing = needs.filter((fault) => faults[fault] === undefined);
      return {
        name,
        run,
        why: missing.length === 0 ? undefined : `faults.${missing.join(" and faults.")} is not given`,
      };
    }),
  ];
  for (const name of Object.keys(skip)) {
    if (all.some((one) => one.name === name)) continue;
    throw new TypeError(`Cannot skip ${JSON.stringify(name)}: there is no such case`);
  }
  return all.map(({ name, run, why }) => ({
    name,
    skipped: skip[name] ?? why,
    async run() {
      const bench = new TransportBench({
        transport,
        transportOf,
        faults,
        clock,
        random,
        patienceMs,
        advance,
      });
      try {
        await run(bench);
        await bench.settled();
        bench.requireSound();
      } finally {
        await bench.end();
        await options.cleanUp?.(bench.prefix);
      }
    },
  }));
}
