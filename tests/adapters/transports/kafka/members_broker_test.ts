import assert from "node:assert/strict";
import { brokerTest } from "../../../brokers/given.ts";
import { TextLineStream } from "../../../brokers/lines.ts";
import { brokersOf, connect, eventually, inbox, parcels, Taker } from "./stage.ts";

const quick = { sessionTimeoutMs: 3_000, rebalanceTimeoutMs: 4_000 };

/** A process of its own that reads the inbox of a service. */
class ReaderProcess implements AsyncDisposable {
  readonly lines: string[] = [];
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<void>;

  constructor(broker: string, service: string) {
    const program = new URL("reader.ts", import.meta.url).href;
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", program, broker, service, service],
      stdin: "null",
      stdout: "piped",
    }).spawn();
    this.#reading = this.#read();
  }

  count(what: string): number {
    return this.lines.filter((line) => line.startsWith(what)).length;
  }

  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // it has ended
    }
    await this.#reading;
    await this.#child.status;
  }

  async #read(): Promise<void> {
    const lines = this.#child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
    for await (const line of lines) this.lines.push(line);
  }
}

brokerTest("kafka", "a process that is killed leaves what it read to the next", async ({ url, prefix }) => {
  const [broker] = brokersOf(url);
  await using child = new ReaderProcess(broker, prefix);
  await eventually(() => child.count("begin") === 4, "it reads four partitions");
  await using connection = await connect({ brokers: [broker], ...quick }, prefix);
  await connection.send(parcels(prefix, 10));
  await eventually(() => child.count("take") === 10, "it takes ten");
  const taker = new Taker();
  await connection.receive(inbox(prefix), taker).ready;
  await eventually(() => new Set(taker.tenures.map(({ shard }) => shard)).size === 2, "half of them move");
  child.signal("SIGKILL");
  const keys = Array.from({ length: 20 }, (_, index) => `key ${index}`);
  for (const key of keys) await connection.send(parcels(prefix, 1, { key }));
  const firsts = keys.map((key) => `${key}-0`);
  await eventually(() => firsts.every((id) => taker.ids.includes(id)), "the other one takes all");
});

brokerTest(
  "kafka",
  "a process that was stopped for longer than its session ends its tenures, and comes back",
  async ({
    url,
    prefix,
  }) => {
    const [broker] = brokersOf(url);
    await using child = new ReaderProcess(broker, prefix);
    await eventually(() => child.count("begin") === 4, "it reads four partitions");
    child.signal("SIGSTOP");
    await using connection = await connect({ brokers: [broker], ...quick }, prefix);
    const taker = new Taker();
    await connection.receive(inbox(prefix), taker).ready;
    await eventually(
      () => new Set(taker.tenures.map(({ shard }) => shard)).size === 4,
      "the other one has all",
    );
    await connection.send(parcels(prefix, 10));
    await eventually(() => taker.taken.length === 10, "the other one takes ten");
    child.signal("SIGCONT");
    await eventually(() => child.count("end") >= 4, "its tenures end");
    await eventually(() => child.count("begin") >= 6, "it gets some back");
    const keys = Array.from({ length: 40 }, (_, index) => `key ${index}`);
    for (const key of keys) await connection.send(parcels(prefix, 1, { key }));
    const taken = () => new Set([...taker.ids, ...child.lines.map((line) => line.replace("take ", ""))]);
    await eventually(() => keys.every((key) => taken().has(`${key}-0`)), "everything is taken");
    assert.ok(child.count("take key") > 0, "by both");
  },
);
