import { TextLineStream } from "../brokers/lines.ts";
import type { Given } from "./given.ts";
import type { Outcome } from "./programs/say.ts";

/** Runs a program that tries one thing after the other, to its end. */
export async function* outcomesOf({ runtime, folder }: Given, program: string): AsyncIterable<Outcome> {
  const child = new Deno.Command(runtime.command, {
    args: [...runtime.args, `${folder}/${program}.js`],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
  for await (const line of lines) yield JSON.parse(line);
  const { code, signal } = await child.status;
  if (code !== 0) throw new Error(`${program} on ${runtime.name} ends with ${signal ?? code}`);
}
