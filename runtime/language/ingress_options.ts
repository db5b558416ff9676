/**
 * Additional options of every send, for an ingress: it sends on behalf of many callers and knows the size of
 * messages. A program that sends for itself does not need them.
 */
export interface IngressSendOptions {
  /**
   * The caller of the message. Ids and replies of different callers are separate, and each caller has a share
   * of the shared limits. At most 512 bytes of well-formed text; otherwise the send rejects with the code
   * `too-large` or `invalid-caller`.
   *
   * @default {""}
   */
  readonly caller?: string | undefined;
  /**
   * `false` if the id is known to be new: it is then not remembered for deduplication.
   *
   * @default {true}
   */
  readonly deduplicate?: boolean | undefined;
  /**
   * The position of an earlier message to the same actor, as `onAccepted` gave it, at this instance or at
   * another one on the same store: this message is handled after it, whatever the clocks of the instances
   * show. It applies to this message alone: a message to follow this one has to pass the position of this
   * one. Without a store messages are handled in the order of sending, and it is not read. Rejects with the
   * code `invalid-after` if it is not a position, or is more than an hour ahead of this instance's clock. It
   * has no effect in a turn.
   */
  readonly after?: string | undefined;
  /**
   * The size of the message in bytes, if known: it counts against `mailbox.bytes`, and against
   * `limits.deadLetterBytes` if the message becomes a dead letter. A message of unknown size counts by number
   * only.
   */
  readonly bytes?: number | undefined;
  /**
   * Called with the position of the message when it is committed; for a repeat, with that of the first. Never
   * called without a store.
   */
  readonly onAccepted?: ((position: string) => void) | undefined;
  /**
   * Who asks, for example a `Request`: if its signal aborts, the signal of the turn aborts too, as a hint that nobody waits
   * for its reply. The turn still commits, and a repeat with the same id gets its reply. The signal is read only if the
   * handler reads that of its turn.
   */
  readonly asker?: { readonly signal?: AbortSignal } | undefined;
  /**
   * Whether an ask or a survey gives replies as they were sent, before their schema transforms them.
   *
   * @default {false}
   */
  readonly raw?: boolean | undefined;
}
