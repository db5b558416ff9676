import type { ActorId, Arguments, SendOptions, SubmitOptions, TellOptions } from "../language/address.ts";
import type { InputOf, NamedProtocol, Operation, ReplyOf } from "../language/protocol.ts";
import type { DelayOptions } from "../language/when.ts";
import type { AtomicPart, Entry } from "./store.ts";

/** The prefix of the keys that say for which actors transactions have written messages: part of the index of actors. */
export const postedPrefix = "index\u001f~posted\u001f";

/** What a submit within a transaction gives. */
export interface TransactionTicket {
  /** The id by which any system on the store collects the reply after the commit: `system.ticket(id, Order.place)`. */
  readonly id: string;
}

/** A handle to one actor within a transaction. */
export interface TransactionRef<in out Name extends string> extends ActorId {
  /** The name of its protocol. */
  readonly protocol: Name;

  /**
   * Sends a notification with the transaction. Resolves when its rows are written: if the transaction commits, the message
   * is accepted, and if it is rolled back, nothing was sent. Rejects before anything is written as `Ref.tell` does:
   * `InvalidPayloadError`, `MailboxFullError` (with 10,000 messages or 64 MiB waiting), `IdConflictError`, a `TypeError`
   * for an option that does not exist. What the database refuses rejects with the error of the client, and ends the
   * transaction as any failed statement does.
   */
  tell<Op extends Operation<"tell", Name>>(
    operation: Op,
    ...args: Arguments<InputOf<Op>, TellOptions>
  ): Promise<void>;

  /**
   * Sends a request with the transaction. Its reply is kept for collection, or sent to `replyTo`: an address, or a later of
   * this service. Before the commit nobody knows the ticket; if it is rolled back nobody ever will. Rejects as
   * {@linkcode TransactionRef.tell} does.
   */
  submit<Op extends Operation<"submit", Name>>(
    operation: Op,
    ...args: Arguments<InputOf<Op>, SubmitOptions<ReplyOf<Op>> & DelayOptions>
  ): Promise<TransactionTicket>;
}

/**
 * Sends messages within a transaction of the user: they are accepted with its commit, and never without it. Ids are
 * recognised for 24 hours, and replies are kept for an hour, as by default. There is no `ask`: nobody answers before the
 * commit.
 */
export interface Transaction {
  /**
   * Returns a handle to one actor. Throws a `PosthornError` (`invalid-key`) as `System.ref` does.
   */
  ref<Name extends string>(protocol: NamedProtocol<Name>, key: string): TransactionRef<Name>;

  /** Publishes an event with the transaction. Rejects as {@linkcode TransactionRef.tell} does. */
  publish<Op extends Operation<"event">>(
    event: Op,
    ...args: Arguments<InputOf<Op>, SendOptions>
  ): Promise<void>;
}

/** What a store does in a transaction of a user. */
export interface TransactionConnection {
  /** Reads entries as the transaction sees them. */
  read(keys: readonly string[]): Promise<(Entry | undefined)[]>;
  /** Counts the entries whose keys have a prefix, at most so many, and the bytes of their values. */
  count(prefix: string, most: number): Promise<{ readonly messages: number; readonly bytes: number }>;
  /**
   * Applies a part in the transaction, and sees to it that the systems on the store notice after the commit. Resolves with
   * whether its checks hold.
   */
  commit(part: AtomicPart): Promise<boolean>;
}
