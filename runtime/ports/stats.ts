/**
 * What a system is doing, in numbers. Between two turns, `accepted` = `done` + `dead` + `waiting` + `running`.
 */
export interface Stats {
  /** Messages that were accepted since the system began, the runtime's own among them. */
  readonly accepted: number;
  /** Messages whose turn committed. */
  readonly done: number;
  /** Messages that became dead letters. */
  readonly dead: number;
  /** Messages in mailboxes, or waiting to be tried again. */
  readonly waiting: number;
  /** Turns that a promise is awaited for. */
  readonly running: number;
  /** Replies to surveys that came when these were over: they are dropped, and counted as done. */
  readonly lateReplies: number;
  /** The same for each protocol that the system hosts, with the number of its actors. The runtime's own begin with `~`. */
  readonly protocols: Readonly<Record<string, ProtocolStats>>;
  /**
   * What waits in the store for protocols that this system does not host, as far as this process knows: about so much.
   * Another instance may host them; where none does, see {@linkcode System.unsubscribe}. Not in `waiting`. Absent without
   * a store.
   */
  readonly unhosted?: Readonly<Record<string, UnhostedStats>>;
}

/** What waits for the actors of a protocol that is not hosted here. */
export interface UnhostedStats {
  /** Actors for which something waits. */
  readonly actors: number;
  /** Messages that wait for them. */
  readonly waiting: number;
}

/** What the actors of one protocol are doing, in numbers. */
export interface ProtocolStats {
  /** Actors that are active or have state kept. */
  readonly actors: number;
  /** Messages in their mailboxes. */
  readonly waiting: number;
  /** Messages whose turn committed. */
  readonly done: number;
}
