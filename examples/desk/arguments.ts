import { parseArgs, type ParseArgsConfig } from "node:util";

/**
 * Reads the command line as `parseArgs` of `node:util` does. Ends the process after `--help`, and with exit
 * code 2 if the command line contains an unknown option.
 */
export function readArguments<const Config extends ParseArgsConfig>(
  usage: string,
  config: Config,
): ReturnType<typeof parseArgs<Config>> {
  if (Deno.args.includes("--help")) {
    console.log(usage);
    Deno.exit();
  }
  try {
    return parseArgs(config);
  } catch (error) {
    refuse((error as TypeError).message, usage);
  }
}

/** Prints what is wrong with the command line and how to use it, and ends the process with exit code 2. */
export function refuse(message: string, usage: string): never {
  console.error(`${message}\n\n${usage}`);
  Deno.exit(2);
}
