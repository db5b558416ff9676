/** The record of a scenario: its sends and effects in order, then the life of each message and each actor. */
export interface Transcript {
  readonly lines: readonly string[];
  readonly summary: readonly string[];
}

/** Reads the recorded transcript of a scenario from `transcripts/`. `record.ts` writes them. */
export async function readTranscript(subject: string, scenario: string): Promise<Transcript> {
  const text = await Deno.readTextFile(fileOf(subject));
  const found = text.split(/^## /m).find((part) => part.split("\n")[0] === scenario);
  if (found === undefined) throw new Error(`${fileOf(subject).pathname} has no scenario ${scenario}`);
  const [lines, summary] = found.split("\n\n").slice(1).map((part) => part.split("\n").filter(Boolean));
  return { lines: lines.filter((line) => line !== nothing), summary: summary ?? [] };
}

export async function writeTranscripts(
  subject: string,
  all: readonly (readonly [scenario: string, transcript: Transcript])[],
): Promise<void> {
  const parts = all.map(([scenario, { lines, summary }]) =>
    `## ${scenario}\n\n${lines.join("\n") || nothing}\n\n${summary.map((line) => `${line}\n`).join("")}`
  );
  await Deno.writeTextFile(fileOf(subject), parts.join("\n"));
}

const nothing = "(nothing)";

function fileOf(subject: string): URL {
  return new URL(`transcripts/${subject}.txt`, import.meta.url);
}
