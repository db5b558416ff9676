import type { Refusal } from "../../../runtime/ports/transport.ts";
import type { Head } from "./frames.ts";

/** How many of the parcels of a request were accepted or refused: all of them. And why some were refused, by index. */
export interface Answer {
  readonly taken: number;
  readonly refused: ReadonlyMap<number, Refusal>;
}

/** An answer as the first line of a response. */
export function headOfAnswer(nonce: string, { taken, refused }: Answer): object {
  return { nonce, taken, ...refused.size > 0 && { refused: Object.fromEntries(refused) } };
}

const codes: readonly string[] = ["too-large", "no-receiver", "refused"];
const wordsMax = 1_000;

/** Reads an answer; `undefined` if it is none to that request with so many parcels. */
export function readAnswer(head: Head, nonce: string, count: number): (Refusal | undefined)[] | undefined {
  const { refused = {} } = head;
  if (head.nonce !== nonce || head.taken !== count || typeof refused !== "object" || refused === null) {
    return undefined;
  }
  const answers = new Array<Refusal | undefined>(count).fill(undefined);
  for (const [index, given] of Object.entries(refused as Record<string, unknown>)) {
    const { code, message } = (given ?? {}) as Record<string, unknown>;
    if (!/^\d{1,6}$/.test(index) || Number(index) >= count || !codes.includes(code as string)) {
      return undefined;
    }
    const words = typeof message === "string" ? message.slice(0, wordsMax) : "";
    answers[Number(index)] = { code: code as Refusal["code"], message: words };
  }
  return answers;
}
