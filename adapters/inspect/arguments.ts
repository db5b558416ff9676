import { didYouMean } from "../../runtime/base/did_you_mean.ts";

/** The options of all commands: those that have a value, and what stands for it in the help. */
export const valued = {
  after: "PLACE",
  caller: "NAME",
  limit: "N",
  operation: "NAME",
  prefix: "TEXT",
  protocol: "NAME",
  reason: "CODE",
  status: "STATUS",
} as const;
/** Those that have none. */
const flags = ["all", "help", "json", "waiting"] as const;

/** An option that has a value. */
export type Valued = keyof typeof valued;
/** An option that has none. */
export type Flag = typeof flags[number];

/** The arguments of a call. */
export interface Arguments {
  /** Those that are no option: the store, the command, and what it takes. */
  readonly names: readonly string[];
  readonly values: Readonly<Partial<Record<Valued, string>>>;
  readonly flags: ReadonlySet<Flag>;
}

/** Reads the arguments of a call. `--` ends the options. Throws a `RangeError` if an option does not exist. */
export function readArguments(args: readonly string[]): Arguments {
  const names: string[] = [];
  const values: Partial<Record<Valued, string>> = {};
  const found = new Set<Flag>();
  for (let index = 0; index < args.length; index++) {
    const [, name, value] = /^--([^=]+)(?:=(.*))?$/s.exec(args[index]) ?? [];
    if (args[index] === "--") {
      names.push(...args.slice(index + 1));
      break;
    }
    if (name === undefined) names.push(args[index]);
    else if (isFlag(name)) {
      if (value !== undefined) throw new RangeError(`Cannot use --${name}: it has no value`);
      found.add(name);
    } else if (isValued(name)) {
      const given = value ?? args[++index];
      if (given === undefined) throw new RangeError(`Cannot use --${name}: its value is missing`);
      if (values[name] !== undefined) throw new RangeError(`Cannot use --${name}: it is given twice`);
      values[name] = given;
    } else {
      const near = didYouMean(name, [...Object.keys(valued), ...flags]).replace(/mean (\w)/, "mean --$1");
      throw new RangeError(`Cannot use --${name}: there is no such option${near}`);
    }
  }
  return { names, values, flags: found };
}

function isFlag(name: string): name is Flag {
  return flags.some((flag) => flag === name);
}

function isValued(name: string): name is Valued {
  return Object.hasOwn(valued, name);
}
