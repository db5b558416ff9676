import { type Valued, valued } from "./arguments.ts";
import { storeNames } from "../store_of.ts";
import type { Command } from "./command.ts";

/** How a command is called: `actors PROTOCOL [--prefix TEXT]`. */
export function lineOf({ name, takes, optional = 0, options }: Command): string {
  const least = takes.length - optional;
  const names = takes.map((one, index) => index < least ? one : `[${one}]`);
  const given = options.map((option) => {
    const value = Object.hasOwn(valued, option) ? ` ${valued[option as Valued]}` : "";
    return `[--${option}${value}]`;
  });
  return [name, ...names, ...given].join(" ");
}

/** The help of the whole command. */
export function help(commands: readonly Command[]): string {
  const lines = commands.map((command) => `  ${lineOf(command)}\n      ${command.says}`);
  return `inspect STORE [COMMAND] [--json]

  STORE      ${storeNames}
  --json     the answer as JSON, on one line
  --limit    how many items a list has: 1 to 1000, 100 by default
  --after    where a list begins, as the page before has told
  --help     this

${lines.join("\n")}

It is no instance of the system: it hosts nothing and has no heartbeat. What it changes, instances obey within a heartbeat.
`;
}
