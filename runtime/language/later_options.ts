import type { Address } from "./address.ts";
import type { Frozen } from "./frozen.ts";
import type { Later } from "./later.ts";
import type { Submit } from "./protocol.ts";

/** What answers a later. */
export type AnswerTo<L> = L extends Later<infer R> ? R | Frozen<R> : never;

/**
 * The later of an operation: `LaterOf<typeof Order.place>`.
 *
 * @example
 * ```ts
 * import { type LaterOf, protocol, submit } from "@posthorn/posthorn";
 * import * as z from "zod";
 *
 * const Order = protocol("order", { place: submit(z.string(), z.object({ parcel: z.string() })) });
 * interface OrderState { answer?: LaterOf<typeof Order.place> }
 * ```
 */
export type LaterOf<Op> = Op extends Submit<infer _I, infer R, infer _O, infer _S, infer _N> ? Later<R>
  : never;

/** Why a request fails: what the caller gets as a `Failure`, with the id of its request. */
export interface Reason {
  /** A stable code. */
  readonly code: string;
  /** The reason in words; what is longer than 4,000 UTF-16 units is cut. */
  readonly message: string;
}

/** Options of `ctx.later()`. */
export interface LaterOptions {
  /**
   * How long the answer may take, counted from this turn, in milliseconds above 0; `Infinity` for no end. Then the caller
   * gets a failure with the code `deadline`.
   *
   * @default the system's `laterMs`
   */
  readonly timeoutMs?: number;
  /**
   * The address that receives a `Failure` with the id of the request if nobody waits for the answer any more: its time was up
   * (`deadline`), or its caller took the request back (`cancelled`).
   */
  readonly failTo?: Address<{ id: string; code: string; message: string }>;
}
