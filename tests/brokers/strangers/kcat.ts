import { run } from "../cache.ts";

/** A record as kcat prints it. */
export interface KcatRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly key: string | null;
  readonly payload: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** Writes one record with kcat, whose partitioner is that of librdkafka. */
export async function kcatProduce(
  url: string,
  { topic, key, payload, headers = {} }: {
    readonly topic: string;
    readonly key: string;
    readonly payload: string;
    readonly headers?: Readonly<Record<string, string>>;
  },
): Promise<void> {
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, payload);
    const named = Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}=${value}`]);
    await run("kcat", [...to(url), "-P", "-t", topic, "-k", key, ...named, file]);
  } finally {
    await Deno.remove(file);
  }
}

/** Reads the first records of a topic with kcat: it waits until there are as many. */
export async function kcatConsume(url: string, topic: string, count: number): Promise<KcatRecord[]> {
  const args = [...to(url), "-C", "-t", topic, "-o", "beginning", "-c", String(count), "-J", "-u", "-q"];
  const lines = (await run("kcat", args)).trim().split("\n");
  return lines.map((line) => {
    const { headers = [], ...record } = JSON.parse(line);
    const named: Record<string, string> = {};
    for (let index = 0; index < headers.length; index += 2) named[headers[index]] = headers[index + 1];
    return { ...record, headers: named };
  });
}

function to(url: string): string[] {
  return ["-b", new URL(url).host];
}
