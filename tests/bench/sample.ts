import type { Entry, Result, Results } from "../../bench/results.ts";

const entries: readonly Entry[] = [
  { id: "posthorn", label: "Posthorn", form: "ours", kind: "ours", cores: 1, version: "0.1.0" },
  { id: "bare", label: "bare core", form: "a floor", kind: "floor", cores: 1, version: "" },
  { id: "nact", label: "nact", form: "a peer", kind: "peer", cores: 1, version: "nact 7.6.2" },
  { id: "go1", label: "Go <1>", form: "a | b", kind: "peer", cores: 1, version: "go 1.19" },
  { id: "go2", label: "Go, 2 threads", form: "two", kind: "peer", cores: 2, version: "go 1.19" },
];

/** The result of a contender, with one rate per round. */
export function resultOf(...rates: (number | null)[]): Result {
  return {
    size: 5_000_000,
    rates,
    also: {},
    failures: rates.filter((rate) => rate === null).map(() => "out of memory"),
  };
}

/** A run of two workloads with a peer that fails and one with two threads, with changes by the test. */
export function sampleResults(changes: Partial<Results> = {}): Results {
  return {
    command: "deno task bench --all",
    date: "2026-01-31",
    runs: 3,
    size: "full",
    machine: {
      processor: "Some & Processor",
      cores: 2,
      memoryBytes: 16 * 2 ** 30,
      system: "Some Linux",
      deno: "2.9.6",
      v8: "15.0",
    },
    entries,
    byWorkload: {
      count: {
        posthorn: resultOf(12e6, 10e6, 11e6),
        bare: resultOf(12e6, 20e6, 11e6),
        nact: resultOf(1e6, 1e6, 1e6),
        go1: resultOf(10e6, 5e6, 10e6),
        go2: resultOf(40e6, 40e6, 40e6),
      },
      create: {
        posthorn: { ...resultOf(2e6, 2e6, 2e6), size: 1_000_000, also: { bytesPerActor: [190, 210, 195] } },
        nact: { ...resultOf(null, null, null), size: 1_000_000 },
      },
    },
    sections: [{
      title: "Fairness",
      markdown: "A timer was at most 3 ms late.\n",
      goals: [{ name: "A timer is at most 15 ms late", met: true, figure: "3 ms" }],
    }],
    ...changes,
  };
}
