/** Options of {@linkcode Ticket.reply}. */
export interface TicketOptions {
  /**
   * How long to wait, in milliseconds of at least 0. With 0 it rejects at once if there is no reply yet.
   *
   * @default {5_000}
   */
  readonly timeoutMs?: number;
  /** Stops waiting: rejects with the signal's reason. The reply is kept. */
  readonly signal?: AbortSignal;
  /**
   * Whether to read the reply without collecting it: the call does not wait, and the retention of the reply
   * does not change.
   *
   * @default {false}
   */
  readonly peek?: boolean;
}

/** Options of {@linkcode Ticket.cancel}. */
export interface CancelOptions {
  /**
   * How long to wait for the decision, in milliseconds of at least 0. It is waited for only if it is made elsewhere: by
   * another service, or by the process of a transient actor.
   *
   * @default {5_000}
   */
  readonly timeoutMs?: number;
}

/**
 * How a request ended that was to be taken back.
 *
 * - `cancelled`: it has had no effect, and will have none. What its handler did outside stands.
 * - `withdrawn`: its turn had answered "later", and that turn stands; every later answer is dropped.
 * - `done`, `failed`: it was over before, and the ticket has its reply or its failure.
 * - `given-up`: the service that handles it could not be reached before the deadline of the request, or has no store in
 *   which it decides. Nobody will get a reply; whether it has an effect is unknown.
 */
export type Cancellation = "cancelled" | "withdrawn" | "done" | "failed" | "given-up";

/**
 * The result of a submit: a ticket with the id by which the reply can be collected, in this process or in
 * another.
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
   * The id of the reply. It is random, so nobody can guess it, and differs from the id of the message and its
   * idempotency key. A repeated submit with the same message id gives the same reply id. If the reply goes to
   * an address, this is the id of the message.
   */
  readonly id: string;
  /**
   * Waits for the reply and collects it. It can be collected again for a while, because an answer may get
   * lost on its way to the caller. At most 100 callers wait for one reply; for one more it rejects at once as
   * pending. Rejects with the handler's {@linkcode TerminalError}; with {@linkcode DeadLetterError} if there
   * will be no reply; with {@linkcode ReplyPendingError} if it does not come in time (it can then be
   * collected later); with {@linkcode NotFoundError} if no such reply is known (`unknown-reply`) or it is no
   * longer kept (`expired-reply`).
   */
  reply(options?: TicketOptions): Promise<Reply>;
  /**
   * Takes the request back, wherever it is: if it waits, in a mailbox or for a retry, and if it runs. What runs has its
   * `ctx.signal` aborted, and cannot commit. Resolves with how it ended, which is decided once: from then on every call
   * gives the same. After `cancelled` the ticket rejects with a {@linkcode CancelledError}, and `failTo` gets a
   * {@linkcode Failure} with the code `cancelled`. It is no dead letter. A repeat with the same message id is answered as
   * the first: cancelled.
   *
   * Rejects with {@linkcode ReplyPendingError} if it is not decided within `timeoutMs`: it is still being taken back, and
   * a further call asks again. Rejects with {@linkcode NotFoundError} as {@linkcode Ticket.reply} does, and if the reply
   * goes to an address.
   */
  cancel(options?: CancelOptions): Promise<Cancellation>;
}
