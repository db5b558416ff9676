import type { Diary } from "./messages.ts";

/** The form of a diary in a revision of the program. */
export interface StateVersion {
  readonly version: number;
  begin(): unknown;
  diary(state: unknown): Diary;
  /** The state after another, with this diary. */
  keep(diary: Diary, before: unknown): unknown;
  migrate(state: unknown, from: number): unknown;
}

/** The second form: other names, and a sum over all lines that each turn updates. */
interface Summed {
  readonly lines: readonly string[];
  readonly sent: Readonly<Record<string, number>>;
  readonly sum: number;
}

const empty: Diary = { log: [], out: {} };

function firstForm(version: number): StateVersion {
  return {
    version,
    begin: () => empty,
    diary: (state) => state as Diary,
    keep: (diary) => diary,
    migrate: (state) => ({ ...empty, ...state as Diary }), // the interpretation of newer state by older code
  };
}

const secondForm: StateVersion = {
  version: 2,
  begin: () => summed(empty),
  diary: (state) => diaryOf(state as Summed),
  keep: ({ log, out }, before) => {
    const { lines, sum } = before as Summed;
    return { lines: log, sent: out, sum: sumOf(log.slice(lines.length), sum) };
  },
  migrate: (state) => summed(state as Diary),
};

/** The form of the states of a protocol in a revision of the program. */
export function stateVersionOf(protocol: string, revision: number): StateVersion {
  if (protocol !== "scroll") return firstForm(protocol === "frail" ? 1 : 0);
  return revision === 2 ? secondForm : firstForm(1);
}

/** Reads a diary committed in some form. Throws if it contradicts its own lines. */
export function storedDiary(version: number, state: unknown): Diary {
  if (version < 2) return state as Diary;
  const { lines, sum } = state as Summed;
  if (sum !== sumOf(lines)) throw new RangeError("its sum is not that of its lines");
  return diaryOf(state as Summed);
}

function summed({ log, out }: Diary): Summed {
  return { lines: log, sent: out, sum: sumOf(log) };
}

function diaryOf({ lines, sent }: Summed): Diary {
  return { log: lines, out: sent };
}

function sumOf(lines: readonly string[], before = 0): number {
  let sum = before;
  for (const line of lines) {
    for (let index = 0; index < line.length; index++) sum = (Math.imul(sum, 31) + line.charCodeAt(index)) | 0;
  }
  return sum;
}
