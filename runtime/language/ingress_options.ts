/**
 * What an ingress says of a message besides, because it speaks for many callers and passes bytes on. Every send takes it,
 * and a program that speaks for itself has no use for it.
 */
export interface IngressSendOptions {
  /**
   * Whose message it is: ids and replies of two callers never meet, and each has a share of what is bounded for all. At
   * most 512 bytes of well-formed text, or the send rejects with the code `too-large` or `invalid-caller`.
   *
   * @default {""}
   */
  readonly caller?: string | undefined;
  /**
   * `false` if the id is known to be new: it names the message and takes no place in the window.
   *
   * @default {true}
   */
  readonly deduplicate?: boolean | undefined;
  /**
   * The position of an earlier message to the same actor, as `onAccepted` gave it, here or at another instance on the same
   * store: this message is handled behind it, whatever their clocks say. It moves this message alone: what is to come
   * behind this one names its position in turn. Without a store that is the order of sending, and it is not read. Rejects
   * with the code `invalid-after` if it is no position, or one that is more than an hour ahead of this instance's clock. In
   * a turn it means nothing.
   */
  readonly after?: string | undefined;
  /**
   * How many bytes the message came in, if its sender knows: they count against `mailbox.bytes`, and against
   * `limits.deadLetterBytes` if it becomes a dead letter. A message of unknown size counts by number alone.
   */
  readonly bytes?: number | undefined;
  /** Called with the position of the message when it is committed; of a repeat, with that of the first. Never without a store. */
  readonly onAccepted?: ((position: string) => void) | undefined;
  /**
   * Whether an ask or a survey gives replies as they travel, before their schema transforms them.
   *
   * @default {false}
   */
  readonly raw?: boolean | undefined;
}
