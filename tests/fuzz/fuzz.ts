import type { Store } from "@posthorn/posthorn";
import { Chance } from "./chance.ts";
import { nextSending, type Sending } from "./requests.ts";
import { type Answer, secrets, Target } from "./target.ts";
import { exchange } from "./wire.ts";

/** The target, and the length of the run. */
export interface FuzzOptions {
  readonly seed: number;
  readonly store?: Store;
  /** Whether to continue after this many requests. */
  readonly goesOn: (sent: number) => boolean;
}

/** The statistics of a run. */
export interface Fuzzed {
  readonly sent: number;
  /** The number of responses by status. */
  readonly statuses: ReadonlyMap<number, number>;
  /** The number of requests that the server itself refused as invalid HTTP. */
  readonly refusedBefore: number;
  /** The number of state changes by handlers. */
  readonly changes: number;
}

/** The number of replies with known location. */
const repliesKnown = 20;

/** Sends requests one after another, and throws at the first wrong response. */
export async function fuzz({ seed, store, goesOn }: FuzzOptions): Promise<Fuzzed> {
  const chance = new Chance(seed);
  const statuses = new Map<number, number>();
  const replies: string[] = [];
  let refusedBefore = 0;
  let sent = 0;
  await using target = await Target.open(store);
  for (; goesOn(sent); sent++) {
    const sending = nextSending(chance, replies);
    const changes = target.changes;
    try {
      const text = await exchange(target.port, sending);
      await target.rest();
      const { answers, told } = target;
      target.answers = [];
      target.told = [];
      for (const { status } of answers) statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (answers.length === 0) refusedBefore++;
      for (const [, path] of text.matchAll(/^location: (\S+)\r$/gm)) replies.push(path);
      replies.splice(0, Math.max(replies.length - repliesKnown, 0));
      check(answers, told, text, target.changes - changes);
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error);
      throw new Error(`seed ${seed}, request ${sent}: ${words}\n${shown(sending)}`, { cause: error });
    }
  }
  return { sent, statuses, refusedBefore, changes: target.changes };
}

function check(answers: readonly Answer[], told: readonly unknown[], text: string, changes: number): void {
  for (const answer of answers) checkAnswer(answer);
  const taken = answers.filter(({ status }) => status < 400).length;
  if (changes > taken) throw new Error(`${changes} changes by ${taken} requests that were not refused`);
  const crashes = answers.filter(({ status }) => status === 500).length; // including HEAD
  if (told.length !== crashes) {
    throw new Error(`onError heard ${told.length} times, for ${crashes} crashes: ${told[0]}`);
  }
  for (const [, status] of text.matchAll(/^HTTP\/1\.[01] (\d{3})/gm)) {
    const known = Number(status) < 500 || answers.some((answer) => answer.status === Number(status));
    if (!known) throw new Error(`the server itself answered ${status}: ${text.slice(0, 300)}`);
  }
  if (answers.some(({ status }) => status >= 400)) checkSilence(text.replace(/^posthorn_.*$/gm, ""));
}

function checkAnswer({ status, type, problem, method, path }: Answer): void {
  if (status < 400) return;
  // One handler of the target fails, and its reply can be collected; an ask may have a timeout shorter than
  // its handler.
  const crashed = status === 500 && /\/crash|\/replies\//.test(path) && problem?.includes('"code":"failed"');
  if (status >= 500 && status !== 504 && method !== "HEAD" && !crashed) {
    throw new Error(`${status} is nothing that is documented here: ${problem}`);
  }
  if (method === "HEAD") return;
  if (type !== "application/problem+json") throw new Error(`${status} is no problem document but ${type}`);
  const { status: said, code, type: named, title } = JSON.parse(problem!);
  if (said !== status || typeof title !== "string") {
    throw new Error(`it says ${said} with ${status}: ${problem}`);
  }
  if (!/^[a-z]+(-[a-z]+)*$/.test(code) || named !== `urn:posthorn:problem:${code}`) {
    throw new Error(`it has no code: ${problem}`);
  }
  if (new TextEncoder().encode(problem).length > 4_096) {
    throw new Error(`a problem of ${problem!.length} characters`);
  }
  checkSilence(problem!);
}

function checkSilence(text: string): void {
  const secret = secrets.find((secret) => text.includes(secret));
  if (secret !== undefined) throw new Error(`it tells ${secret}: ${text.slice(0, 500)}`);
}

function shown({ pieces }: Sending): string {
  const bytes = pieces.flatMap((piece) => [...piece]);
  return JSON.stringify(String.fromCharCode(...bytes.slice(0, 4_000)));
}
