import type { AtomicPart } from "../../runtime/ports/store.ts";
import type { RecordHead } from "../../runtime/durable/rows/actor_record.ts";
import { decodeValue } from "../../runtime/durable/rows/value_codec.ts";
import { spaceOf } from "./rule.ts";

/** The last committed trial of an actor. */
type Tried = Pick<RecordHead, "retry">;

/**
 * Checks, only by the commits, that a message which an instance tries belongs to that instance as long as it
 * lives, and that an attempt counts only if its instance crashed.
 */
export class TrialCheck {
  readonly #fail: (why: string) => void;
  readonly #onRare: (branch: string) => void;
  readonly #living = new Set<string>();
  readonly #gone = new Set<string>();
  readonly #ended = new Set<string>();
  readonly #waiting = new Set<string>();
  readonly #tried = new Map<string, Tried>();

  constructor(fail: (why: string) => void, onRare: (branch: string) => void) {
    this.#fail = fail;
    this.#onRare = onRare;
  }

  apply(parts: readonly AtomicPart[]): void {
    for (const { writes, removals } of parts) {
      for (const { key, value } of writes) {
        if (spaceOf(key) === "actor") this.#record(key, decodeValue<RecordHead>(value).head);
      }
      for (const { key } of writes) this.#put(key, true);
      for (const { key } of removals) this.#put(key, false);
    }
  }

  #put(key: string, there: boolean): void {
    const [space, ...rest] = key.split("\u001f");
    const name = rest.join("\u001f");
    if (space === "instance") {
      if (there && this.#ended.has(name)) this.#fail(`${name} has ended, and is written down as living`);
      if (!there) this.#gone.add(name);
      // its first row may be applied after it has left
      if (this.#gone.has(name)) return void this.#living.delete(name);
    }
    const set = { instance: this.#living, ended: this.#ended, mail: this.#waiting }[space];
    if (there) set?.add(name);
    else if (space !== "ended") set?.delete(name);
  }

  #record(key: string, { turn, retry }: RecordHead): void {
    const name = key.slice("actor\u001f".length);
    const before = this.#tried.get(name)?.retry;
    const begins = retry?.by !== undefined && (retry.by !== before?.by || retry.place !== before.place);
    if (begins && !this.#waiting.has(`${name}\u001f${retry.place}`)) {
      this.#fail(`${retry.by} tries ${name.replace("\u001f", "/")} ${retry.place}, which does not wait`);
    }
    this.#tried.set(name, { retry });
    if (before?.by === undefined || !this.#waiting.has(`${name}\u001f${before.place}`)) return;
    const writer = turn.slice(0, turn.lastIndexOf("-"));
    if (writer === before.by) return;
    const what = `${name.replace("\u001f", "/")} ${before.place}`;
    if (this.#living.has(before.by)) {
      return this.#fail(`${writer} takes ${what} from ${before.by}, which lives`);
    }
    if (retry?.place !== before.place || retry.by === undefined) return;
    const counted = retry.attempts - before.attempts;
    const most = this.#ended.has(before.by) ? 1 : 0;
    if (counted !== 0) this.#onRare("an attempt counts whose instance ended");
    if (counted > most) {
      this.#fail(`${what}: ${counted} attempts of ${before.by} count, and it has not ended`);
    }
  }
}
