import type { Cancel } from "../../../runtime/base/clock.ts";
import { Histogram } from "../../../runtime/base/histogram.ts";
import { messageOf } from "../../../runtime/base/errors.ts";
import type { Inspection, MessageInspection } from "../../../runtime/ports/inspection.ts";
import type { Stats } from "../../../runtime/ports/stats.ts";
import type { ConsoleSystem } from "../port.ts";
import { duration } from "../parts/format.ts";
import { timeBoundsMs } from "./bounds.ts";
import { type Happening, Happenings, noteMax } from "./happenings.ts";
import { Operations } from "./operations.ts";
import { Series } from "./series.ts";

/** How long the console goes on to listen when nobody looks any more, in milliseconds. */
export const lingerMs = 60_000;
const secondMs = 1_000;
/**
 * How many messages in a second are so many that only a part of the next one is listened to: even a sample costs some percent
 * of the time then.
 */
const manyMin = 20_000;
/** How long is listened to in a second after one with many messages, in milliseconds. */
const partMs = 200;

/**
 * What moves in this process, measured while somebody looks. Nobody listens before the first look, nor a minute after the
 * last. Counts come from the counters of the system. Times and single messages come from its events, of a sample if there
 * are many messages: a listener of each would slow all of them down.
 */
export class Watch {
  readonly series = new Series();
  readonly operations = new Operations();
  readonly happenings = new Happenings();
  readonly #system: ConsoleSystem;
  #waits = new Histogram(timeBoundsMs);
  #turns = new Histogram(timeBoundsMs);
  #untilMs = 0;
  #isOver = false;
  #sinceMs: number | undefined;
  #before: Stats | undefined;
  #failed = 0;
  #listener: Disposable | undefined;
  #cancelTimer: Cancel | undefined;
  #cancelPart: Cancel | undefined;
  /** How much of the current second is listened to, in milliseconds. */
  #listenedMs = secondMs;

  constructor(system: ConsoleSystem) {
    this.#system = system;
    const end = () => {
      this.#isOver = true;
      this.#end();
    };
    system.closed.then(end, end);
  }

  /** Since when it has listened, in milliseconds since 1970; `undefined` if it does not. */
  get sinceMs(): number | undefined {
    return this.#sinceMs;
  }

  /** Somebody looks: it listens, and goes on for a minute. */
  look(): void {
    const { clock } = this.#system;
    this.#untilMs = clock.monotonicMs() + lingerMs;
    if (this.#sinceMs !== undefined || this.#isOver) return;
    this.#sinceMs = clock.now();
    this.#before = this.#system.stats();
    this.#listen();
    this.#wait();
  }

  #wait(): void {
    this.#cancelTimer = this.#system.clock.setTimer(secondMs, () => this.#tick());
  }

  #tick(): void {
    if (this.#system.clock.monotonicMs() >= this.#untilMs) return this.#end();
    const before = this.#before!;
    const now = this.#system.stats();
    this.#before = now;
    this.series.add({
      accepted: Math.max(0, now.accepted - before.accepted),
      done: Math.max(0, now.done - before.done),
      failed: Math.round(this.#failed * secondMs / this.#listenedMs),
      waiting: now.waiting,
      waitP50Ms: this.#waits.quantile(0.5),
      waitP99Ms: this.#waits.quantile(0.99),
      turnP50Ms: this.#turns.quantile(0.5),
      turnP99Ms: this.#turns.quantile(0.99),
    });
    this.#waits = new Histogram(timeBoundsMs);
    this.#turns = new Histogram(timeBoundsMs);
    this.#failed = 0;
    this.#listen();
    this.#listenedMs = secondMs;
    if (now.accepted - before.accepted >= manyMin) {
      this.#listenedMs = partMs;
      this.#cancelPart = this.#system.clock.setTimer(partMs, () => this.#unlisten());
    }
    this.#wait();
  }

  #listen(): void {
    this.#listener ??= this.#system.inspect((event) => this.#hear(event), { sampled: true });
  }

  #unlisten(): void {
    this.#listener?.[Symbol.dispose]();
    this.#listener = undefined;
  }

  #hear(event: Inspection): void {
    if (event.type === "dead") {
      const { protocol, key, operation, id, reason, message } = event.letter;
      const note = `${reason}: ${message}`.slice(0, noteMax);
      const measured = this.#measured(protocol, operation);
      if (measured !== undefined) measured.dead++;
      this.happenings.add({
        atMs: this.#system.clock.now(),
        type: "dead",
        protocol,
        key,
        operation,
        id,
        note,
      });
    } else if ("message" in event) this.#hearMessage(event);
  }

  #hearMessage(event: MessageInspection): void {
    const { type, message } = event;
    const { protocol, key, operation, id, correlationId, causationId, stands, attempts } = message;
    const waitedMs = event.type === "started" ? event.waitedMs : undefined;
    const tookMs = "tookMs" in event ? event.tookMs : undefined;
    const measured = this.#measured(protocol, operation);
    let note: string | undefined;
    if (measured !== undefined) {
      if (type === "done") measured.done += stands;
      else if (type === "retrying") measured.retried++;
      // Who is tried again has waited for that on purpose.
      if (waitedMs !== undefined && attempts === 1) {
        measured.waits.observe(waitedMs, stands);
        this.#waits.observe(waitedMs, stands);
      }
      if (tookMs !== undefined && type !== "retrying") {
        measured.turns.observe(tookMs, stands);
        this.#turns.observe(tookMs, stands);
      }
    }
    if (event.type === "failed") {
      note = messageOf(event.error).slice(0, noteMax);
      if (measured !== undefined) {
        measured.failed++;
        measured.lastError = note;
        this.#failed++;
      }
    } else if (event.type === "retrying") note = `again in ${duration(event.afterMs)}`;
    const happening: Happening = {
      atMs: this.#system.clock.now(),
      type,
      protocol,
      key,
      operation,
      id,
      correlationId,
      causationId,
      waitedMs,
      tookMs,
      note,
    };
    this.happenings.add(happening);
  }

  /** The measures of an operation; none of the built-in actors, which are the system's own. */
  #measured(protocol: string, operation: string) {
    return protocol.startsWith("~") ? undefined : this.operations.of(protocol, operation);
  }

  #end(): void {
    this.#unlisten();
    this.#cancelTimer?.();
    this.#cancelPart?.();
    this.#cancelTimer =
      this.#cancelPart =
      this.#sinceMs =
      this.#before =
        undefined;
    this.#listenedMs = secondMs;
    this.series.clear();
    this.operations.clear();
    this.happenings.clear();
    this.#waits = new Histogram(timeBoundsMs);
    this.#turns = new Histogram(timeBoundsMs);
    this.#failed = 0;
  }
}
