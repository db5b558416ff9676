import { WakeTimes } from "../../../runtime/durable/background/wake_times.ts";
import type { Patches } from "../patches.ts";

/** One rule of a process that its platform stops and starts, and how to take it out. */
export interface SleepRule {
  readonly name: string;
  /** The rule, as a sentence. */
  readonly says: string;
  /** The first seed, from 1, that detects its removal. */
  readonly foundBy: number;
  /** Replaces methods of the code by ones without the rule. */
  readonly code: (patches: Patches) => void;
}

/** The rules of a process that its platform stops and starts. */
export const sleepRules: readonly SleepRule[] = [
  {
    name: "told-before",
    foundBy: 2,
    says: "a process tells when it must run again before the commit that makes it necessary",
    code: (patches) => patches.method(WakeTimes.prototype, "committing", () => () => {}),
  },
  {
    name: "told-again",
    foundBy: 7,
    says: "a process that was started in time tells when it must run next",
    code: (patches) => patches.method(WakeTimes.prototype, "settle", () => () => {}),
  },
  {
    name: "told-once-more",
    foundBy: 3,
    says: "a process that has looked tells again what was told, since an earlier time may have been kept",
    code: (patches) => patches.method(WakeTimes.prototype, "remind", () => () => {}),
  },
  {
    name: "looks-when-started",
    foundBy: 2,
    says: "a process that runs at the time that it asked for goes on with what is due",
    code: (patches) => patches.method(WakeTimes.prototype, "ring", () => () => {}),
  },
];
