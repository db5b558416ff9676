import type { Context as HonoContext } from "hono";
import { requireDuration, requireInteger } from "../../runtime/base/errors.ts";
import type { Operation } from "../../runtime/language/protocol.ts";
import type { Exposed } from "./exposure.ts";

/** What an ingress lets in, and how much of it. */
export interface IngressOptions {
  /**
   * Operations that can be reached; a whole protocol where all of it is meant. An event can be subscribed to; where JSON
   * cannot say its payload (a map, bytes, `NaN`), its readers do not hear of it, and in memory it is a dead letter. None
   * that can be subscribed to may be called `gap`, `open` or `error`, as streams call what they say themselves.
   */
  readonly expose: readonly Exposed[];
  /** Events that outsiders may publish. */
  readonly accept?: readonly Operation<"event">[];
  /**
   * Who speaks: ids and replies of two callers never meet. It stands in the names of replies, so it should be no
   * secret. What is no text is a 500, and `onError` hears of it. Without it, a digest of the `Authorization` header;
   * all without one are the same caller.
   */
  readonly caller?: (context: HonoContext) => string | Promise<string>;
  /**
   * Hears of what callers are not told: of every 500, whose answer tells no more than a code (what a handler threw, or a
   * schema, or a `subject`), and of what a store says with a 503. Of nothing that a client does wrong. What it throws
   * itself is printed, and changes no answer. Without it they are printed with `console.error`, escaped, at most
   * 20 a second.
   */
  readonly onError?: (error: unknown) => void;
  /**
   * Whether `GET /healthz` says why, to anyone who can reach it. Reasons name files, hosts and environment variables.
   *
   * @default {false}
   */
  readonly healthReasons?: boolean;
  /**
   * Whether `GET /metrics` answers, to anyone who can reach it.
   *
   * @default {false}
   */
  readonly metrics?: boolean;
  /**
   * The largest body, in bytes, at least 1. What a schema does with it is done at once and before anything else: give
   * arrays, records and texts a `.max()`, or a million items are looked at, each wrong one with words of its own.
   *
   * @default {1_048_576}
   */
  readonly bodyBytesMax?: number;
  /**
   * The deepest nesting of a body, in levels, at least 1.
   *
   * @default {64}
   */
  readonly depthMax?: number;
  /**
   * The longest that a request may ask to wait (`?timeoutMs=`, `Prefer: wait=`), in milliseconds above 0; more is cut
   * to it. What does not ask waits as long as the system's own asks.
   *
   * @default {30_000}
   */
  readonly timeoutMsMax?: number;
  /**
   * The most replies that a survey gets (`?max=`), at least 1; more is cut to it.
   *
   * @default {1_000}
   */
  readonly surveyRepliesMax?: number;
  /**
   * How many events of each protocol are kept in memory for `Last-Event-ID`, at least 1. Over a store, whose log keeps them
   * (`limits.events`), how many that were read are kept for other readers.
   *
   * @default {1_000}
   */
  readonly replayEventsMax?: number;
  /**
   * How many characters of events of each protocol are kept in memory, at least 1.
   *
   * @default {4_194_304}
   */
  readonly replayCharactersMax?: number;
  /**
   * The most event streams at once, at least 1. One more is told to come back.
   *
   * @default {1_000}
   */
  readonly streamsMax?: number;
  /**
   * How long an event stream may be silent, in milliseconds above 0.
   *
   * @default {15_000}
   */
  readonly keepAliveMs?: number;
  /**
   * How long a reader whose stream ended waits before it comes back, in whole milliseconds, at least 1: an `EventSource`
   * understands nothing else.
   *
   * @default {2_000}
   */
  readonly retryMs?: number;
}

/** The bounds with every default filled in. */
export type IngressBounds = Required<
  Omit<IngressOptions, "expose" | "accept" | "caller" | "onError" | "metrics" | "healthReasons">
>;

/** Fills in the defaults. Throws a `RangeError` that names the option which is out of its bounds. */
export function resolveBounds(options: IngressOptions): IngressBounds {
  const resolved: IngressBounds = {
    bodyBytesMax: options.bodyBytesMax ?? 1_048_576,
    depthMax: options.depthMax ?? 64,
    timeoutMsMax: options.timeoutMsMax ?? 30_000,
    surveyRepliesMax: options.surveyRepliesMax ?? 1_000,
    replayEventsMax: options.replayEventsMax ?? 1_000,
    replayCharactersMax: options.replayCharactersMax ?? 4_194_304,
    streamsMax: options.streamsMax ?? 1_000,
    keepAliveMs: options.keepAliveMs ?? 15_000,
    retryMs: options.retryMs ?? 2_000,
  };
  for (const [name, value] of Object.entries(resolved)) {
    if (/Ms(Max)?$/.test(name) && name !== "retryMs") requireDuration(name, value);
    else requireInteger(name, value, 1);
  }
  return resolved;
}
