import { escapeControls } from "../../runtime/base/escape.ts";
import type { ActorId } from "../../runtime/language/address.ts";
import type { OpenedControl } from "../../runtime/durable/control_store.ts";
import type { Observation, PageOptions } from "../../runtime/ports/observation.ts";
import type { Flag, Valued } from "./arguments.ts";

/** What a command says. */
export interface Answer {
  /** For `--json`. */
  readonly json: unknown;
  /** For people. */
  readonly text: string;
  /** Whether it could not do all that was asked. */
  readonly failed?: boolean;
}

/** What a command was asked. */
export interface Asked {
  /** What it takes, in the order in which it names them. */
  readonly names: readonly string[];
  readonly values: Readonly<Partial<Record<Valued, string>>>;
  readonly flags: ReadonlySet<Flag>;
  /** The part of a list that is asked for. */
  readonly page: PageOptions;
  /** The time, in milliseconds since 1970. */
  readonly nowMs: number;
}

/** A command of the terminal. */
export interface Command {
  readonly name: string;
  /** What it takes: `PROTOCOL`. */
  readonly takes: readonly string[];
  /** How many of these may be missing. */
  readonly optional?: number;
  readonly options: readonly (Valued | Flag)[];
  /** What it does, for the help. */
  readonly says: string;
  /** Asks the store. */
  readonly ask?: (observation: Observation, asked: Asked) => Promise<Answer>;
  /** Changes the store. */
  readonly act?: (control: OpenedControl, asked: Asked) => Promise<Answer>;
}

/** An answer of one line, whose parts may come from outside. */
export function line(text: string): string {
  return `${escapeControls(text)}\n`;
}

/** The options of a list. */
export const pageOptions = ["after", "limit"] as const;

/** The actor of `PROTOCOL/KEY`: the key may have slashes itself. Throws a `RangeError` if there is none. */
export function actorOf(name: string): ActorId {
  const end = name.indexOf("/");
  if (end > 0) return { protocol: name.slice(0, end), key: name.slice(end + 1) };
  throw new RangeError(
    `Cannot find an actor by ${JSON.stringify(name)}: it is PROTOCOL/KEY, as in order/ada`,
  );
}
