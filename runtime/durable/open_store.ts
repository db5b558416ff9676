import type { Actor } from "../language/actor.ts";
import type { ActorId } from "../language/address.ts";
import type { ActorQuota } from "../activations/actor_registry.ts";
import type { MessageTimes } from "../activations/message_reports.ts";
import type { DeadLetter, InMemoryDeadLetters } from "../ports/dead_letters.ts";
import type { Ids } from "../messages/ids.ts";
import type { ObservationSource } from "../observation/source.ts";
import type { RuntimeServices } from "../activations/runtime_services.ts";
import type { Store, StoreConnection } from "../ports/store.ts";
import type { ResolvedOptions } from "../ports/options.ts";
import { Acceptor } from "./acceptor.ts";
import { PeerAcceptor } from "./peer_acceptor.ts";
import { DelayedAcceptor } from "./delayed_acceptor.ts";
import { DelayedRows } from "./delivery/delayed_rows.ts";
import { ScheduleRunner } from "./background/schedule_runner.ts";
import { SurveyReplies } from "./delivery/survey_replies.ts";
import { InProcessDelivery } from "./in_process_delivery.ts";
import { type HostLookup, MessageWriter, type WritingServices } from "./delivery/message_writer.ts";
import type { DurableActivation } from "./activations/durable_activation.ts";
import type { DurableServices } from "./activations/durable_services.ts";
import { DurableHost } from "./activations/durable_host.ts";
import { EventLogRows } from "./delivery/event_log_rows.ts";
import { MailEraser } from "./background/mail_eraser.ts";
import { Membership } from "./background/membership.ts";
import { WakeTimes } from "./background/wake_times.ts";
import { Assignments } from "./background/assignments.ts";
import { PausedProtocols } from "./background/paused_protocols.ts";
import { reportSession } from "./report_session.ts";
import { StoreSession } from "./commits/store_session.ts";
import { OtherClocks } from "./commits/other_clocks.ts";
import { DurabilityCheck } from "./background/durability_check.ts";
import { endedInStore, LaterRows } from "./activations/later_rows.ts";
import { laterActor } from "../turns/later_actor.ts";
import { LaterReply } from "../messages/later.ts";
import { ReplyRows } from "./delivery/reply_rows.ts";
import { RefusedMail } from "./background/refused_mail.ts";
import { Cancellations, MemoryCancellations } from "./delivery/cancellations.ts";
import { RowWriter } from "./delivery/row_writer.ts";
import { DeadLetterRows } from "./background/dead_letter_rows.ts";
import { CrashSuspects } from "./activations/crash_suspects.ts";
import { RunningRequests } from "./activations/running_requests.ts";
import { TimelyConnection } from "./timely_connection.ts";
import { TurnWrites } from "./activations/turn_writes.ts";
import { Unhosted } from "./delivery/unhosted.ts";
import { commitOne } from "./commits/commit_one.ts";
import { WriteSet } from "./commits/write_set.ts";
import { indexKey } from "./rows/keys.ts";
import type { Scheduled, ScheduleFilter } from "../ports/scheduled.ts";
import { cancelStored, storedSchedules } from "./stored_schedules.ts";
import { topicsOf } from "./rows/topics_of.ts";
import type { RemotePart } from "./remote_part.ts";
import { topicActor } from "./topic.ts";
import { watchCommits } from "./watch_commits.ts";

/** What is needed of a system to open its store. */
export interface StoreParts {
  readonly store: Store;
  readonly options: ResolvedOptions;
  readonly services: RuntimeServices;
  readonly ids: Ids;
  readonly letters: InMemoryDeadLetters;
  readonly actors: readonly Actor[];
  readonly quota: ActorQuota;
  /** The part for other services; absent without a transport. */
  readonly remote?: RemotePart | undefined;
}

/** The durable actors of the system, for the parts that work on its store. */
export interface LocalActors extends HostLookup {
  readonly hosts: ReadonlyMap<string, DurableHost>;
  /** Whether the system is stopping: then no actor is loaded any more. */
  ending(): boolean;
  /** Loads an actor, if there is room. */
  activate(actor: ActorId): DurableActivation | undefined;
  /** A message in the store was taken back: it no longer waits for its actor, if that is here, and its turn is aborted. */
  takenBack(to: ActorId, place: string): MessageTimes | undefined;
  /** Reports a dead letter. */
  deadLettered(letter: DeadLetter, error?: unknown): void;
}

/** The parts that work on a store while it is open. */
export interface OpenStore extends DurableServices {
  readonly acceptor: Acceptor;
  readonly peerAcceptor: PeerAcceptor;
  readonly delayedAcceptor: DelayedAcceptor;
  readonly delayed: DelayedRows;
  readonly replies: ReplyRows;
  readonly rows: RowWriter;
  readonly cancellations: Cancellations;
  readonly surveyReplies: SurveyReplies;
  readonly log: EventLogRows;
  readonly unhosted: Unhosted;
  readonly mailEraser: MailEraser;
  readonly assignments: Assignments;
  readonly paused: PausedProtocols;
  readonly scheduleRunner: ScheduleRunner;
  readonly durabilityCheck: DurabilityCheck;
  readonly letters: DeadLetterRows;
  readonly watching: Disposable;
  readonly localActors: LocalActors;
  /** Lists the schedules of actors. */
  schedules(of: ScheduleFilter | undefined): AsyncGenerator<Scheduled>;
  /** Removes a schedule of an actor. Resolves with whether there was one. */
  cancelSchedule(actor: ActorId, name: string): Promise<boolean>;
  /** Lists the topics to which an actor subscribed. */
  topicsOf(actor: ActorId): Promise<string[]>;
  /** Answers questions about what is in the store. */
  observe(): Promise<ObservationSource>;
}

/** A connection to the store of a system that has written nothing yet. */
export interface Connected {
  readonly connection: StoreConnection;
  /**
   * Opens the store for a system that has that name there. Rejects if the store cannot be used, and then the connection is
   * closed.
   */
  open(instance: string, localActors: LocalActors): Promise<OpenStore>;
}

/**
 * The hosts of the durable actors of a system, topics and laters among them; `open` gives what is there once the store is
 * open.
 */
export function hostsOf(parts: StoreParts, open: () => OpenStore): DurableHost[] {
  const { actors, services, quota, store, options } = parts;
  const topic = topicActor({ events: options.limits.events, commit: store.traits.limits });
  const later = laterActor(LaterReply, endedInStore(options.replyRetentionMs), true);
  return [topic, later, ...actors].map((actor) =>
    new DurableHost(actor, services, quota, open, (id, forMs) => release(open(), id, forMs))
  );
}

/** Tells the other instances that they should look at an actor. */
function release({ session, assignments }: OpenStore, actor: ActorId, forMs: number): void {
  assignments.released(actor, forMs);
  const writeSet = new WriteSet();
  writeSet.leave(actor, session.clock.now());
  writeSet.remove(indexKey(session.instance, actor));
  commitOne(session.committer, writeSet).catch(() => {}); // its entry in this instance's index is still there
}

/** Connects to the store of a system. It may never settle: a store need not answer. */
export async function connectStore(parts: StoreParts): Promise<Connected> {
  const { store, options: { clock } } = parts;
  const otherClocks = new OtherClocks(clock, store.traits.processes === "one");
  const connection = new TimelyConnection(
    await store.open({ clock: otherClocks.slowest }),
    store.traits,
    clock,
  );
  return {
    connection,
    open: (instance, localActors) => openStore(instance, parts, localActors, connection, otherClocks),
  };
}

async function openStore(
  instance: string,
  parts: StoreParts,
  localActors: LocalActors,
  connection: TimelyConnection,
  otherClocks: OtherClocks,
): Promise<OpenStore> {
  try {
    return await begin(instance, parts, localActors, connection, otherClocks);
  } catch (error) {
    await connection.close().catch(() => {}); // the first error is the cause
    throw error;
  }
}

async function begin(
  instance: string,
  { store, options, services, ids, letters, remote }: StoreParts,
  localActors: LocalActors,
  connection: TimelyConnection,
  otherClocks: OtherClocks,
): Promise<OpenStore> {
  const { clock, random, deduplicationWindowMs, limits } = options;
  const wakeTimes = wakeTimesOf(connection, options, localActors, services);
  const session = new StoreSession(instance, connection, store.traits, clock, random, otherClocks);
  reportSession(session, services.delivery);
  const delayed = new DelayedRows(session, ids, limits, (dueMs) => scheduleRunner.wakeAt(dueMs));
  const rows = writingOf(session, options, services, ids, localActors, delayed, () => keeping);
  const { replies, surveyReplies, unhosted, writer, committedDelivery } = rows;
  if (remote !== undefined) {
    const { deadLettered } = localActors;
    writer.remote = await remote.beginRows({ session, writer, committedDelivery, replies, deadLettered });
  }
  const runningRequests = new RunningRequests(session);
  const log = new EventLogRows(session, (error) => services.delivery.callbackFailed("watch", error));
  const writing = { session, writer, committedDelivery };
  const accepting = { ...writing, replies, ids, deduplicationWindowMs };
  const beside = besideTurns({ ...accepting, delayed }, options, services, localActors);
  const peerAcceptor = new PeerAcceptor(accepting, beside.cancellations);
  const looks = [() => replies.look(), () => runningRequests.look(), () => log.look()];
  const stored = new DeadLetterRows(writing, letters, limits.deadLetters);
  const running = { timers: wakeTimes.timers, cron: services.cron, writer, committedDelivery, delayed };
  const scheduleRunner: ScheduleRunner = new ScheduleRunner(session, running);
  const turnWrites = new TurnWrites(session, writer, scheduleRunner, services.cron);
  const keeping = keepingOf(services, writing, localActors, { connection, wakeTimes, remote }, [
    ...looks, // a notification of the watch may have been lost
    ...[surveyReplies, peerAcceptor.replies, unhosted, stored].map((rows) => () => rows.heartbeat()),
    () => scheduleRunner.run(),
    () => delayed.heartbeat(),
    ...remote === undefined ? [] : [() => remote.heartbeat()],
  ]);
  const { membership, assignments, paused } = keeping;
  const durabilityCheck = new DurabilityCheck(session, () => ids.ulid());
  await durabilityCheck.look();
  await paused.look();
  await assignments.begin();
  const watching = watchCommits(connection, looks, { ...rows, peerAcceptor, scheduleRunner, assignments });
  return {
    acceptor: new Acceptor(accepting),
    peerAcceptor,
    delayedAcceptor: new DelayedAcceptor({ ...accepting, delayed, laterMs: options.laterMs }),
    delayed,
    session,
    writer,
    replies,
    ...beside,
    surveyReplies,
    log,
    unhosted,
    mailEraser: new MailEraser(writing, { localActors, membership, unhosted }),
    assignments,
    paused,
    scheduleRunner,
    durabilityCheck,
    letters: stored,
    watching,
    localActors,
    schedules: (of) => storedSchedules(connection, of),
    cancelSchedule: (actor, name) => cancelStored(session, actor, name),
    topicsOf: (actor) => topicsOf(connection, actor),
    observe: async () => new (await import("./observation/store_source.ts")).StoreSource(session),
    turnWrites,
    laters: new LaterRows(replies, turnWrites),
    crashSuspects: new CrashSuspects(services.timers),
    membership,
    runningRequests,
    committedDelivery,
    published: (topic) => log.wake(topic),
    deadLettered: (letter, error) => localActors.deadLettered(letter, error),
  };
}

/** When this process must run again: the store is told, if it can start it, and whoever else wants to know. */
function wakeTimesOf(
  { wakeAt }: StoreConnection,
  { clock, onWakeAt }: ResolvedOptions,
  { hosts }: LocalActors,
  { delivery, timers }: RuntimeServices,
): WakeTimes {
  timers.leavesNone = wakeAt !== undefined;
  const tell = (atMs: number | undefined) => {
    wakeAt?.(atMs);
    try {
      onWakeAt?.(atMs);
    } catch (error) {
      delivery.callbackFailed("onWakeAt", error);
    }
  };
  const wakeTimes = new WakeTimes(clock, wakeAt ?? onWakeAt ? tell : undefined, wakeAt);
  for (const host of hosts.values()) host.wakeTimes = wakeTimes;
  return wakeTimes;
}

/** What settles replies beside the turns: those of actors in memory, and those of requests that are taken back. */
function besideTurns(
  writing: WritingServices & {
    readonly replies: ReplyRows;
    readonly ids: Ids;
    readonly delayed: DelayedRows;
  },
  { replyRetentionMs, random }: ResolvedOptions,
  { timers, delivery }: RuntimeServices,
  localActors: LocalActors,
): { readonly rows: RowWriter; readonly cancellations: Cancellations } {
  const rows = new RowWriter({ ...writing, replyRetentionMs, timers, random });
  const memory = new MemoryCancellations({ delivery, ids: writing.ids, rows });
  const takenBack = (to: ActorId, place: string) => localActors.takenBack(to, place);
  return {
    rows,
    cancellations: new Cancellations({ ...writing, memory, delivery, timers, takenBack }),
  };
}

/** What writes the messages, the replies and the survey replies of this instance. */
function writingOf(
  session: StoreSession,
  { replyRetentionMs, laterMs }: ResolvedOptions,
  { delivery }: RuntimeServices,
  ids: Ids,
  localActors: LocalActors,
  delayed: DelayedRows,
  keeping: () => Keeping,
) {
  const committedDelivery = new InProcessDelivery(
    session,
    delivery,
    localActors,
    () => keeping().assignments,
  );
  const replies = new ReplyRows(session, replyRetentionMs, laterMs);
  const surveyReplies = new SurveyReplies(
    session,
    ids,
    (locals) => committedDelivery.deliverTransient(locals),
  );
  const unhosted = new Unhosted(session, {
    here: (protocol) => localActors.hosts.has(protocol),
    elsewhere: (protocol) => keeping().membership.hostedElsewhere(protocol),
  });
  const writer = new MessageWriter(session, replies, surveyReplies, localActors, unhosted, delayed, ids);
  return { committedDelivery, replies, surveyReplies, unhosted, writer };
}

/** Whether nothing of an actor waits but for a time. */
function waitsForTime(actor: DurableActivation | undefined): boolean {
  if (actor?.status !== "idle") return actor?.status === "held";
  return actor.mailbox.complete && actor.waiting + actor.mailbox.leaving.size === 0;
}

/** The membership of this instance among those that share the store, and the actors that are assigned to it. */
interface Keeping {
  readonly membership: Membership;
  readonly assignments: Assignments;
  readonly paused: PausedProtocols;
}

/** When this process must run again, and what tells that it must. */
interface Waking {
  readonly connection: TimelyConnection;
  readonly wakeTimes: WakeTimes;
  readonly remote: RemotePart | undefined;
}

function keepingOf(
  services: RuntimeServices,
  writing: WritingServices,
  localActors: LocalActors,
  { connection, wakeTimes, remote }: Waking,
  onHeartbeat: readonly (() => Promise<unknown>)[],
): Keeping {
  const { hosts, undelivered } = localActors;
  const { session } = writing;
  const transient = new Set([...services.delivery.hosts.keys()].filter((name) => !name.startsWith("~")));
  const refusedMail = new RefusedMail({ ...writing, undelivered });
  const membership: Membership = new Membership(session, {
    newName: () => services.ids.ulid(),
    hosts: [...hosts.keys(), ...transient].filter((name) => !name.startsWith("~")),
    reborn: () => {
      assignments.forget();
      for (const host of hosts.values()) for (const one of host.activations()) one.letGo();
    },
  });
  const waitsPaused = ({ protocol, key }: ActorId) => {
    const host = hosts.get(protocol);
    return host?.paused === true && host.find(key) === undefined;
  };
  const paused = new PausedProtocols(session, {
    hosts,
    resumed: (protocol) => assignments.resumed(protocol),
  });
  const assignments: Assignments = new Assignments(session, membership, {
    timers: services.timers,
    wakeTimes,
    paused,
    waitsPaused,
    sends: () => remote?.waits === true,
    protocols: [...hosts.keys(), ...transient],
    look(actor, crashed) {
      if (!transient.has(actor.protocol)) {
        if (waitsPaused(actor) && !crashed) return false; // a crash must be written down
        return localActors.activate(actor)?.look(crashed) !== undefined;
      }
      void refusedMail.refuse(actor, () => assignments.left(actor));
      return true;
    },
    atRest(actor) {
      if (transient.has(actor.protocol)) return refusedMail.atRest(actor);
      return hosts.get(actor.protocol)?.find(actor.key)?.atRest ?? true;
    },
    waitsForTime: ({ protocol, key }) => waitsForTime(hosts.get(protocol)?.find(key)),
    onHeartbeat: [...onHeartbeat, () => paused.look()],
  });
  connection.onCommit = (parts) => {
    wakeTimes.committing(parts);
    assignments.stir();
  };
  connection.onUnknown = () => assignments.doubt();
  return { membership, assignments, paused };
}
