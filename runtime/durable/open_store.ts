import type { ActorId } from "../language/address.ts";
import type { DeadLetter, KeptDeadLetters } from "../ports/dead_letters.ts";
import type { Ids } from "../messages/ids.ts";
import type { Services } from "../activations/services.ts";
import type { Store, StoreConnection } from "../ports/store.ts";
import type { ResolvedOptions } from "../ports/options.ts";
import { Acceptor } from "./acceptor.ts";
import { Alarm } from "./background/alarm.ts";
import { Answers } from "./delivery/answers.ts";
import { Arrivals } from "./arrivals.ts";
import { Dispatch, type Whereabouts } from "./delivery/dispatch.ts";
import type { DurableActivation } from "./activations/durable_activation.ts";
import type { DurableServices } from "./activations/durable_home.ts";
import type { DurableHost } from "./activations/durable_host.ts";
import { EventLogRows } from "./delivery/event_log_rows.ts";
import { Instances } from "./background/instances.ts";
import { Keeper } from "./background/keeper.ts";
import { Ledger } from "./commits/ledger.ts";
import { OtherClocks } from "./commits/other_clocks.ts";
import { Proof } from "./background/proof.ts";
import { Replies } from "./delivery/replies.ts";
import { RowWriter } from "./delivery/row_writer.ts";
import { StoredLetters } from "./background/stored_letters.ts";
import { Suspects } from "./activations/suspects.ts";
import { TimelyConnection } from "./timely_connection.ts";
import { TurnEffects } from "./activations/turn_effects.ts";
import { Unhosted } from "./delivery/unhosted.ts";

/** What is needed of a system to open its store. */
export interface StoreParts {
  readonly store: Store;
  readonly options: ResolvedOptions;
  readonly services: Services;
  readonly ids: Ids;
  readonly letters: KeptDeadLetters;
}

/** The durable actors of the system, as all that works on its store sees them. */
export interface Residents {
  readonly hosts: ReadonlyMap<string, DurableHost>;
  /** Whether the system ends: then nothing is loaded any more. */
  ending(): boolean;
  hosting(protocol: string): "durable" | "transient" | "no";
  /** How full the mailbox of an actor is that is in memory here. */
  roomFor(actor: ActorId): { readonly waiting: number; readonly capacity: number } | undefined;
  /** Loads an actor, where there is room. */
  activate(actor: ActorId): DurableActivation | undefined;
  /** There is a dead letter. */
  buried(letter: DeadLetter, error?: unknown): void;
}

/** All that works on a store while it is open. */
export interface OpenStore extends DurableServices {
  readonly acceptor: Acceptor;
  readonly replies: Replies;
  readonly rows: RowWriter;
  readonly answers: Answers;
  readonly log: EventLogRows;
  readonly unhosted: Unhosted;
  readonly keeper: Keeper;
  readonly alarm: Alarm;
  readonly proof: Proof;
  readonly letters: StoredLetters;
  readonly watching: Disposable;
}

/** A connection to the store of a system that has written nothing yet. */
export interface Connected {
  readonly connection: StoreConnection;
  readonly otherClocks: OtherClocks;
}

/** Connects to the store of a system. It may never settle: a store need not answer. */
export async function connectStore({ store, options: { clock } }: StoreParts): Promise<Connected> {
  const otherClocks = new OtherClocks(clock);
  const opened = await store.open({ clock: otherClocks.slowest });
  return { connection: new TimelyConnection(opened, store.traits, clock), otherClocks };
}

/** Opens a store for a system that is called so there. Rejects where it cannot be used, and then it is closed. */
export async function openStore(
  instance: string,
  parts: StoreParts,
  residents: Residents,
  { connection, otherClocks }: Connected,
): Promise<OpenStore> {
  try {
    return await begin(instance, parts, residents, connection, otherClocks);
  } catch (error) {
    await connection.close().catch(() => {}); // why it could not be used says more
    throw error;
  }
}

async function begin(
  instance: string,
  { store, options, services, ids, letters }: StoreParts,
  residents: Residents,
  connection: StoreConnection,
  otherClocks: OtherClocks,
): Promise<OpenStore> {
  const { clock, random, replyRetentionMs, deduplicationWindowMs, limits } = options;
  const { timers, delivery } = services;
  const ledger = new Ledger(instance, connection, store.traits, clock, random, otherClocks);
  ledger.onUnreadable = (row, error) => delivery.unreadable(row, error);
  const replies = new Replies(ledger, replyRetentionMs);
  const landing = new Arrivals({
    ledger,
    delivery,
    keeper: () => keeper,
    ending: () => residents.ending(),
    find: ({ protocol, key }) => residents.hosts.get(protocol)?.find(key),
    activate: (actor) => residents.activate(actor),
  });
  const answers = new Answers(ledger, ids, (locals) => landing.deliverLocally(locals));
  const unhosted = new Unhosted(ledger, (protocol) => residents.hosts.has(protocol));
  const dispatch = new Dispatch(ledger, replies, answers, whereabouts(residents, unhosted), ids);
  const log = new EventLogRows(ledger, (error) => delivery.callbackFailed("watch", error));
  const stored = new StoredLetters({ ledger, dispatch, landing }, letters, limits.deadLetters);
  const alarm = new Alarm(ledger, { timers, dispatch, landing });
  const { instances, keeper } = keeping(services, ledger, residents, [
    () => replies.look(), // what a watch should have told may have been lost
    () => ledger.probes?.without("log-at-heartbeat") ? Promise.resolve() : log.look(),
    () => answers.heartbeat(),
    () => unhosted.heartbeat(),
    () => stored.heartbeat(),
    () => alarm.ring(),
  ]);
  const proof = new Proof(ledger, store.traits);
  await proof.look();
  await keeper.begin();
  const watching = connection.watch(() => {
    replies.look().catch(() => {}); // the next heartbeat does
    answers.wake();
    log.look().catch(() => {}); // the next heartbeat does
    keeper.adopt().catch(() => {}); // the next heartbeat does
  });
  return {
    acceptor: new Acceptor({ ledger, dispatch, replies, ids, deduplicationWindowMs, landing }),
    ledger,
    dispatch,
    replies,
    rows: new RowWriter({ ledger, dispatch, replies, landing, replyRetentionMs, timers, random }),
    answers,
    log,
    unhosted,
    keeper,
    alarm,
    proof,
    letters: stored,
    watching,
    turnEffects: new TurnEffects(ledger, dispatch),
    suspects: new Suspects(timers, ledger.probes),
    suspicious: (names) => instances.suspicious(names),
    fateOf: (name) => instances.fateOf(name),
    lives: (name) => instances.lives(name),
    landing,
    published: (topic) => log.wake(topic),
    buried: (letter, error) => residents.buried(letter, error),
  };
}

function whereabouts(residents: Residents, unhosted: Unhosted): Whereabouts {
  return {
    hosting: (protocol) => residents.hosting(protocol),
    roomFor: (actor) => (residents.hosts.has(actor.protocol) ? residents : unhosted).roomFor(actor),
    unhosted: (actor) => unhosted.wrote(actor),
    astray: (letter) => {
      const host = residents.hosts.get(letter.protocol);
      if (host !== undefined) host.buried++;
      residents.buried(letter);
    },
  };
}

/** What keeps this instance's place among those that share the store. */
function keeping(
  services: Services,
  ledger: Ledger,
  residents: Residents,
  onHeartbeat: readonly (() => Promise<unknown>)[],
): { readonly instances: Instances; readonly keeper: Keeper } {
  const { hosts } = residents;
  const instances: Instances = new Instances(ledger, {
    newName: () => services.newId(),
    reborn: () => {
      keeper.forget();
      for (const host of hosts.values()) for (const one of host.activations()) one.letGo();
    },
  });
  const keeper: Keeper = new Keeper(ledger, instances, {
    timers: services.timers,
    protocols: [...hosts.keys()],
    look: (actor, crashed) => residents.activate(actor)?.look(crashed) !== undefined,
    atRest: ({ protocol, key }) => hosts.get(protocol)?.find(key)?.atRest ?? true,
    onHeartbeat,
  });
  return { instances, keeper };
}
