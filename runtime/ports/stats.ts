/**
 * The counters of a system. Between two turns, `accepted` = `done` + `dead` + `cancelled` + `waiting` +
 * `running`.
 */
export interface Stats {
  /** Messages accepted since the system started, including those of built-in actors. */
  readonly accepted: number;
  /** Messages whose turn committed. */
  readonly done: number;
  /** Messages that became dead letters. */
  readonly dead: number;
  /** Messages that were taken back: {@linkcode Ticket.cancel}. One that ran counts when its handler has settled. */
  readonly cancelled: number;
  /** Messages in mailboxes or waiting for a retry. */
  readonly waiting: number;
  /**
   * Delayed messages that wait until they are due, with a store about and as far as this process knows. Not included in
   * `accepted`: they are when they are due.
   */
  readonly delayed: number;
  /** Turns that await a promise. */
  readonly running: number;
  /** Replies that arrived after their survey had ended: they are dropped, and counted as done. */
  readonly lateReplies: number;
  /** The counters of each protocol that the system hosts. The names of built-in protocols begin with `~`. */
  readonly protocols: Readonly<Record<string, ProtocolStats>>;
  /**
   * The approximate number of messages in the store for protocols that no living instance hosts, as far as
   * this process knows. A later version of the program may host them; if none will, see
   * {@linkcode System.unsubscribe} and {@linkcode System.eraseMail}. Not included in `waiting`. Absent without a
   * store.
   */
  readonly unhosted?: Readonly<Record<string, UnhostedStats>>;
  /**
   * The messages in the store that wait to be sent to other services, by lane: `inbox:order`, `event:order.settled`. As
   * far as this process knows. Not included in `waiting`. Absent without a transport.
   */
  readonly outbox?: Readonly<Record<string, LaneStats>>;
}

/** The messages that wait to be sent to one destination. */
export interface LaneStats {
  /** How many there are. */
  readonly waiting: number;
  /** How long the oldest of them has waited, in milliseconds; absent if that is not known. */
  readonly oldestMs?: number;
}

/** The messages for actors of a protocol that no living instance hosts. */
export interface UnhostedStats {
  /** Actors that have waiting messages. */
  readonly actors: number;
  /** Messages that wait for them. */
  readonly waiting: number;
}

/** The counters of one protocol. */
export interface ProtocolStats {
  /** Actors that are active or whose state is kept in memory. */
  readonly actors: number;
  /** Messages in their mailboxes. */
  readonly waiting: number;
  /** Messages whose turn committed. */
  readonly done: number;
  /** The turns that share the `concurrency` of its actors in this process; absent without that option. */
  readonly turns?: TurnStats;
}

/** The turns of a protocol whose actors have a `concurrency`. */
export interface TurnStats {
  /** Actors whose turn runs or is awaited: at most `concurrency`. */
  readonly running: number;
  /** Actors that have messages and wait for one of these to end. */
  readonly waiting: number;
}
