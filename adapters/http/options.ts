import type { Context as HonoContext } from "hono";
import { type OptionNames, requireKnownOptions } from "../../runtime/base/option_names.ts";
import { requireDuration, requireInteger } from "../../runtime/base/require.ts";
import type { Operation } from "../../runtime/language/protocol.ts";
import type { Exposed } from "./exposure.ts";

/** Options of an {@linkcode ingress}: what it exposes, and its bounds. */
export interface IngressOptions {
  /**
   * The operations that can be reached; a protocol exposes all its operations. Clients can subscribe to an
   * exposed event; if JSON cannot represent its payload (a map, bytes, `NaN`), it is not delivered to them,
   * and in memory it becomes a dead letter. An event with one of the names `gap`, `open` and `error` cannot
   * be exposed, because streams use these names themselves.
   */
  readonly expose: readonly Exposed[];
  /** The events that clients may publish. */
  readonly accept?: readonly Operation<"event">[];
  /**
   * Returns the caller of a request. Ids and replies of different callers are separate. The caller is part of
   * the ids of replies, so it should not be a secret. A result that is not text causes a 500, which is
   * reported to `onError`. By default the caller is a digest of the `Authorization` header; requests without
   * that header have the same caller.
   */
  readonly caller?: (context: HonoContext) => string | Promise<string>;
  /**
   * Called for errors whose details clients do not get: each 500, whose response contains only a code (an
   * error of a handler, a schema or a `subject`), and each error of the store that causes a 503. It is not
   * called for errors of the client. An error that it throws is printed, and does not change the response. By
   * default errors are printed with `console.error`, escaped, at most 20 in a second.
   */
  readonly onError?: (error: unknown) => void;
  /**
   * Whether `GET /healthz` includes reasons, and the messages that wait for protocols that nobody hosts, for everybody who
   * can reach it. Reasons contain names of files, hosts and environment variables.
   *
   * @default {false}
   */
  readonly healthReasons?: boolean;
  /**
   * Whether `GET /metrics` is available, for everybody who can reach it: as text of Prometheus, or as OpenMetrics for who
   * accepts that. The system is measured from the moment at which the ingress is made, which costs a message in memory
   * almost nothing: only samples are measured there. `docs/metrics.md` lists the metrics.
   *
   * @default {false}
   */
  readonly metrics?: boolean;
  /**
   * The maximum size of a body in bytes, at least 1. A schema validates a body synchronously, which blocks
   * everything else: give arrays, records and texts a `.max()`, or a body with a million items is validated
   * to its end, with an issue for each invalid item.
   *
   * @default {1_048_576}
   */
  readonly bodyBytesMax?: number;
  /**
   * The maximum nesting of a body in levels, at least 1.
   *
   * @default {64}
   */
  readonly depthMax?: number;
  /**
   * The maximum time that a request may wait (`?timeoutMs=`, `Prefer: wait=`), in milliseconds above 0; a
   * higher value is reduced to it. An ask without `?timeoutMs=` waits for the default time of the system.
   *
   * @default {30_000}
   */
  readonly timeoutMsMax?: number;
  /**
   * The maximum delay of a tell or a submit (`?afterMs=`, `?at=`), in whole milliseconds of at least 1; a longer one is
   * refused.
   *
   * @default {31_536_000_000}, a year
   */
  readonly delayMsMax?: number;
  /**
   * The maximum number of replies to a survey (`?max=`), at least 1; a higher value is reduced to it.
   *
   * @default {1_000}
   */
  readonly surveyRepliesMax?: number;
  /**
   * The number of events of each protocol kept in memory for `Last-Event-ID`, at least 1. With a store, whose
   * log keeps the events (`limits.events`), it is the number of events cached for all readers.
   *
   * @default {1_000}
   */
  readonly replayEventsMax?: number;
  /**
   * The number of characters of events of each protocol kept in memory, at least 1.
   *
   * @default {4_194_304}
   */
  readonly replayCharactersMax?: number;
  /**
   * The maximum number of concurrent event streams, at least 1. One more gets an empty stream that tells the
   * client to reconnect later.
   *
   * @default {1_000}
   */
  readonly streamsMax?: number;
  /**
   * The interval after which an idle event stream sends a keep-alive comment, in milliseconds above 0.
   *
   * @default {15_000}
   */
  readonly keepAliveMs?: number;
  /**
   * How long a client waits before it reconnects after its stream ended, in whole milliseconds, at least 1:
   * an `EventSource` accepts only whole numbers.
   *
   * @default {2_000}
   */
  readonly retryMs?: number;
}

const ingressNames: OptionNames<IngressOptions> = {
  accept: true,
  bodyBytesMax: true,
  caller: true,
  delayMsMax: true,
  depthMax: true,
  expose: true,
  healthReasons: true,
  keepAliveMs: true,
  metrics: true,
  onError: true,
  replayCharactersMax: true,
  replayEventsMax: true,
  retryMs: true,
  streamsMax: true,
  surveyRepliesMax: true,
  timeoutMsMax: true,
};

/** The bounds with all defaults applied. */
export type IngressBounds = Required<
  Omit<IngressOptions, "expose" | "accept" | "caller" | "onError" | "metrics" | "healthReasons">
>;

/**
 * Applies the defaults. Throws a `TypeError` that names an option that does not exist, and a `RangeError` that names the
 * option that is out of its bounds.
 */
export function resolveBounds(options: IngressOptions): IngressBounds {
  requireKnownOptions("ingress", options, ingressNames);
  const resolved: IngressBounds = {
    bodyBytesMax: options.bodyBytesMax ?? 1_048_576,
    depthMax: options.depthMax ?? 64,
    timeoutMsMax: options.timeoutMsMax ?? 30_000,
    delayMsMax: options.delayMsMax ?? 31_536_000_000,
    surveyRepliesMax: options.surveyRepliesMax ?? 1_000,
    replayEventsMax: options.replayEventsMax ?? 1_000,
    replayCharactersMax: options.replayCharactersMax ?? 4_194_304,
    streamsMax: options.streamsMax ?? 1_000,
    keepAliveMs: options.keepAliveMs ?? 15_000,
    retryMs: options.retryMs ?? 2_000,
  };
  for (const [name, value] of Object.entries(resolved)) {
    if (/Ms(Max)?$/.test(name) && name !== "retryMs" && name !== "delayMsMax") requireDuration(name, value);
    else requireInteger(name, value, 1);
  }
  return resolved;
}
