/** Options of {@linkcode Ticket.reply}. */
export interface TicketOptions {
  /**
   * How long to wait, in milliseconds of at least 0. With 0 it is there or it is not.
   *
   * @default {5_000}
   */
  readonly timeoutMs?: number;
  /** Stops waiting: rejects with the signal's reason. The reply stays. */
  readonly signal?: AbortSignal;
  /**
   * Only looks, and does not wait: the reply is kept for as long as if nobody had looked.
   *
   * @default {false}
   */
  readonly peek?: boolean;
}

/**
 * What a submit gives at once: the name under which its reply can be collected, here or elsewhere.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { actor, protocol, submit, System } from "@posthorn/posthorn";
 * import * as z from "zod";
 *
 * const Report = protocol("report", { render: submit(z.number(), z.string()) });
 * const report = actor(Report, { state: () => null, on: { render: (_ctx, year) => `The year ${year}` } });
 *
 * await using system = new System({ actors: [report] });
 * const ticket = await system.ref(Report, "annual").submit(Report.render, 2026);
 * assert(await ticket.reply({ timeoutMs: 1_000 }) === "The year 2026");
 * ```
 */
export interface Ticket<Reply> {
  /**
   * The name of the reply: its own, which nobody can guess, and neither the id of the message nor its idempotency key. The
   * same id again has the same. Where the reply goes to an address it has no name: then it is the id of the message.
   */
  readonly id: string;
  /**
   * Waits for the reply and collects it. It can be collected again for a while: an answer may get lost on its way.
   * At most 100 wait for one reply: for one more it is pending at once. Rejects with the handler's
   * {@linkcode TerminalError}; with {@linkcode DeadLetterError} when there will be no reply; with
   * {@linkcode ReplyPendingError} when it does not come in time, and then it can be collected later; with
   * {@linkcode NotFoundError} when no such reply is kept (`unknown-reply`) or no longer (`expired-reply`).
   */
  reply(options?: TicketOptions): Promise<Reply>;
}
