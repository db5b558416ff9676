import type { AtomicPart, Put } from "../../runtime/ports/store.ts";
import { TooLargeError } from "../../runtime/base/store_errors.ts";
import { Batch } from "../../runtime/durable/activations/batch.ts";
import { CrashSuspects } from "../../runtime/durable/activations/crash_suspects.ts";
import { DurableMember } from "../../runtime/durable/activations/durable_member.ts";
import { RemainingDelays } from "../../runtime/durable/activations/remaining_delays.ts";
import { DeadLetterRows } from "../../runtime/durable/background/dead_letter_rows.ts";
import { commitOne } from "../../runtime/durable/commits/commit_one.ts";
import { TurnSlots } from "../../runtime/scheduling/turn_slots.ts";
import { TurnLimit } from "../../runtime/turns/turn_limit.ts";
import { Turn } from "../../runtime/turns/turn.ts";
import { GroupCommitter } from "../../runtime/durable/commits/group_committer.ts";
import { StoreSession } from "../../runtime/durable/commits/store_session.ts";
import { MessageWriter, type StoredDeadLetter } from "../../runtime/durable/delivery/message_writer.ts";
import { Collector } from "../../runtime/messages/builtin_protocols.ts";
import type { MessageHeader } from "../../runtime/durable/rows/queued_message.ts";
import { decodeValue, encodeValue } from "../../runtime/durable/rows/value_codec.ts";
import { LaterReply } from "../../runtime/messages/later.ts";
import type { FaultPlan } from "./fault_plan.ts";
import { isCancelled } from "./commit_history.ts";
import { removes, repeated, type Rule, spaceOf, unchecked, writes } from "./rule.ts";
import { isOfLater } from "./laters.ts";
import { type Scene, withScene } from "./scenes.ts";

const within = (...scenes: readonly Scene[]) => (faultPlan: FaultPlan): FaultPlan =>
  scenes.reduce(withScene, faultPlan);

const isReplaced = ({ key, oldBytes }: Put): boolean => spaceOf(key) === "timer" && oldBytes !== undefined;

/** The removal of a key that the same part writes comes last, as if the part had both. */
function removedLast(part: AtomicPart): AtomicPart {
  const replaced = part.writes.filter(isReplaced);
  if (replaced.length === 0) return part;
  return {
    ...part,
    writes: part.writes.filter((write) => !isReplaced(write)),
    removals: [...part.removals, ...replaced.map(({ key }) => ({ key }))],
  };
}

const keeping = (space: string) => (part: AtomicPart): AtomicPart => ({
  ...part,
  removals: part.removals.filter(({ key }) => spaceOf(key) !== space),
});

/** The part without what it says of the places of requests. */
function withoutPlaces(part: AtomicPart): AtomicPart {
  const isPlace = ({ key, value }: Put) =>
    spaceOf(key) === "reply" && decodeValue<{ status: string }>(value).head.status === "pending";
  return { ...part, writes: part.writes.filter((write) => !isPlace(write)) };
}

/** Whether a key is that of a later which the turn of another actor opens. */
function opensLater(part: AtomicPart, key: string): boolean {
  return isOfLater(key) &&
    part.writes.some((other) => spaceOf(other.key) === "actor" && !isOfLater(other.key));
}

function deadlineOf(letter: Uint8Array): number | undefined {
  try {
    return decodeValue<StoredDeadLetter>(letter).head.head.deadlineMs;
  } catch {
    return undefined; // a row that no program can read
  }
}

/** The part with that deadline in the message that it writes. */
function withDeadline(part: AtomicPart, deadlineMs: number | undefined): AtomicPart {
  const writes = part.writes.map((write) => {
    if (spaceOf(write.key) !== "mail") return write;
    const { head, text } = decodeValue<MessageHeader>(write.value);
    return { ...write, value: encodeValue({ ...head, deadlineMs }, text) };
  });
  return { ...part, writes };
}

/** Rules that only matter in runs with certain scenes. */
/** The part with messages that have lost their headers. */
function withoutHeaders(part: AtomicPart): AtomicPart {
  const writes = part.writes.map((write) => {
    if (spaceOf(write.key) !== "mail") return write;
    const { head: { headers: _, ...head }, text } = decodeValue<MessageHeader>(write.value);
    return { ...write, value: encodeValue(head, text) };
  });
  return { ...part, writes };
}

export const sceneRules: readonly Rule[] = [
  {
    name: "cancel-check",
    foundBy: 1,
    says: "a request is taken back only if its message still waits",
    faultPlan: within("cancelling"),
    part: (part) => part.writes.some(isCancelled) ? unchecked("mail")(part) : part,
  },
  {
    name: "cancelled-goes",
    foundBy: 1,
    says: "the message of a request leaves its mailbox in the commit that takes it back",
    faultPlan: within("cancelling"),
    part: (part) => part.writes.some(isCancelled) ? keeping("mail")(part) : part,
  },
  {
    name: "cancelled-not-sent",
    foundBy: 1,
    says: "a delayed request leaves its row in the commit that takes it back",
    faultPlan: within("cancelling"),
    part: (part) => part.writes.some(isCancelled) ? keeping("timer")(part) : part,
  },
  {
    name: "place-moves",
    foundBy: 2,
    says: "a request that steps aside says in its reply where it is now",
    faultPlan: within("cancelling"),
    part: (part) => removes(part, "mail") ? withoutPlaces(part) : part,
  },
  {
    name: "later-once",
    foundBy: 1,
    says: "a request that is answered later is answered at most once",
    faultPlan: within("laters"),
    code: (patches) =>
      patches.method(Turn.prototype, "erase", (erase) =>
        function (this: Turn) {
          if (this.actor.protocol !== LaterReply.answer.protocol) erase.call(this);
        }),
  },
  {
    name: "later-with-turn",
    foundBy: 1,
    says: "the commit of the turn that answers later opens the later, so that its answer reaches the caller",
    faultPlan: within("laters"),
    part: (part) => ({ ...part, writes: part.writes.filter(({ key }) => !opensLater(part, key)) }),
  },
  {
    name: "later-ends",
    foundBy: 1,
    says: "the caller of a request that is answered later hears if its time is up",
    faultPlan: within("laters"),
    part: (part) => ({
      ...part,
      writes: part.writes.filter(({ key }) => !isOfLater(key) || !key.startsWith("timer")),
    }),
  },
  {
    name: "asked-with-turn",
    foundBy: 1,
    says: "a topic tells with its turn how many respondents it asked",
    faultPlan: within("surveys"),
    code: (patches) =>
      patches.method(
        Turn.prototype,
        "send",
        (send) =>
          function (this: Turn, to, operation, payload, parts) {
            send.call(this, to, operation, operation.name === Collector.asked.name ? 1 : payload, parts);
          },
      ),
  },
  {
    name: "pass-with-turn",
    foundBy: 1,
    says: "a respondent that gives no reply tells so in the commit that removes its message",
    faultPlan: within("surveys"),
    code: (patches) => patches.method(MessageWriter.prototype, "pass", () => () => {}),
  },
  {
    name: "deadline-again",
    foundBy: 1,
    says: "a dead letter that is resent has no deadline any more",
    faultPlan: within("deadlines"),
    connect: (connection) => {
      const deadlines = new Map<string, number | undefined>(); // of each dead letter that was listed
      return {
        async list(range) {
          const rows = await connection.list(range);
          for (const { key, value } of rows) {
            if (spaceOf(key) === "dead") deadlines.set(key, deadlineOf(value));
          }
          return rows;
        },
        commit: (parts) =>
          connection.commit(parts.map((part) => {
            const dead = part.removals.find(({ key }) => deadlines.has(key));
            return dead === undefined ? part : withDeadline(part, deadlines.get(dead.key));
          })),
      };
    },
  },
  {
    name: "letters-anew",
    foundBy: 35,
    says: "dead letters are counted again if instances removed different ones",
    faultPlan: (faultPlan) => ({
      ...within("crowded", "spoiled", "deadlines")({
        ...faultPlan,
        ...faultPlan.shared,
        shared: undefined,
        processes: 2,
        brim: 1,
        times: {},
        process: { ...faultPlan.process, pause: 4 },
      }),
      capacity: 8,
    }),
    code: (patches) => patches.method(DeadLetterRows.prototype, "countAnew", () => () => Promise.resolve()),
  },
  {
    name: "never-fits",
    foundBy: 22,
    says: "a part that no commit can take is refused, and blocks nothing",
    faultPlan: within("bulky"),
    code: (patches) =>
      patches.method(
        GroupCommitter.prototype,
        "submit",
        (submit) =>
          function (this: GroupCommitter, request) {
            const { done } = request;
            request.done = (result) => {
              if (result.status === "refused" && result.error instanceof TooLargeError) return;
              done.call(request, result);
            };
            submit.call(this, request);
          },
      ),
  },
  {
    name: "page-refused",
    foundBy: 1,
    says: "a page of an event that no commit can take is a dead letter",
    faultPlan: within("bulky"),
    code: (patches) => patches.getter(Batch.prototype, "turns", ({ taken }) => taken),
  },
  {
    name: "heartbeat-aside",
    foundBy: 1,
    says: "a heartbeat is written past everything that waits to be committed",
    faultPlan: within("saturated"),
    code: (patches) =>
      patches.method(GroupCommitter.prototype, "commitAside", () =>
        function (this: GroupCommitter, part) {
          return commitOne(this, part);
        }),
  },
  {
    name: "tried-alone",
    foundBy: 3,
    says: "a crash suspect that was tried before runs alone",
    faultPlan: within("poisons"),
    code: (patches) =>
      patches.method(CrashSuspects.prototype, "enter", (enter) =>
        function (this: CrashSuspects, _, begin) {
          enter.call(this, 1, begin);
        }),
  },
  {
    name: "tried-where-it-waits",
    foundBy: 3,
    says: "an attempt of a crash suspect is written only if the message still waits",
    faultPlan: (faultPlan) => ({
      ...repeated(faultPlan),
      process: { ...faultPlan.process, crash: 6, pause: 4 },
      actorsMax: 1_000,
    }),
    code: (patches) => patches.method(Batch.prototype, "whereWaits", () => () => {}),
  },
  {
    name: "ended-stay-ended",
    foundBy: 3,
    says: "an instance that has ended is not written as living by a commit that succeeds late",
    faultPlan: (faultPlan) => {
      const plan = within("presence")({ ...faultPlan, ...faultPlan.shared, shared: undefined, scenes: [] });
      const store = { ...plan.store, unknownLandsLate: 0.3 };
      return { ...plan, store, process: { ...plan.process, crash: 6 } };
    },
    part: (part) => ({
      ...part,
      checks: writes(part, "instance")
        ? part.checks.filter(({ key }) => spaceOf(key) !== "ended")
        : part.checks,
    }),
  },
  {
    name: "hung-give-way",
    foundBy: 1,
    says: "a crash suspect keeps the others waiting for a limited time",
    faultPlan: within("hung"),
    code: (patches) => patches.method(CrashSuspects.prototype, "exclusionMs", () => () => 1e9),
  },
  {
    name: "failure-of-its-message",
    foundBy: 1,
    says: "a state that cannot be created is the failure of the message that it was created for",
    faultPlan: within("spoiled"),
    code: (patches) =>
      patches.method(
        DurableMember.prototype,
        "makeState",
        (makeState) =>
          function (this: DurableMember, batch) {
            makeState.call(this, batch);
            if (this.fault !== undefined) throw this.fault.error;
          },
      ),
  },
  {
    name: "last-word",
    foundBy: 1,
    says: "a schedule that is set again in a turn or batch exists, whatever was cancelled before",
    faultPlan: within("reminders"),
    part: removedLast,
  },
  {
    name: "turn-limit",
    foundBy: 1,
    says: "a handler that does not settle in time is abandoned, and its actor goes on",
    faultPlan: within("limited"),
    code: (patches) => patches.method(TurnLimit, "within", () => (_turn, result) => Promise.resolve(result)),
  },
  {
    name: "turn-slots",
    foundBy: 4,
    says: "no more turns of a protocol are awaited at once than its concurrency allows",
    faultPlan: within("limited"),
    code: (patches) => patches.method(TurnSlots.prototype, "enter", () => () => true),
  },
  {
    name: "slot-handed-on",
    foundBy: 1,
    says: "when a turn has ended, an actor that waits for its slot gets it",
    faultPlan: within("limited"),
    code: (patches) => patches.method(TurnSlots.prototype, "leave", () => () => {}),
  },
  {
    name: "behind-its-place",
    foundBy: 20,
    says: "a message that names the position of an earlier one is handled after it",
    faultPlan: within("callers"),
    code: (patches) =>
      patches.method(StoreSession.prototype, "positionBehind", () =>
        function (this: StoreSession) {
          return this.nextPosition();
        }),
  },
  {
    name: "own-wait",
    foundBy: 2,
    says: "a retry waits no longer than it should, whatever the clocks say",
    faultPlan: within("hours"),
    code: (patches) =>
      patches.method(
        RemainingDelays.prototype,
        "leftMs",
        (leftMs) =>
          function (this: RemainingDelays, name, untilMs) {
            return leftMs.call(this, name, untilMs);
          },
      ),
  },
  {
    name: "slowest-clock",
    foundBy: 3,
    says: "a row with an expiry is over when it is over by the clocks of all instances",
    faultPlan: (faultPlan) =>
      within("hours")({
        ...faultPlan,
        poison: false,
        scenes: [],
        process: { ...faultPlan.process, crash: 0, stop: 0, clockJump: 0 },
      }),
    code: (patches) =>
      patches.method(StoreSession.prototype, "isOver", () =>
        function (this: StoreSession, untilMs) {
          return untilMs !== undefined && untilMs <= this.clock.now();
        }),
  },
  {
    name: "dead-are-seen",
    foundBy: 1,
    says: "if a store can tell that a process has ended, no instance waits for its heartbeats",
    faultPlan: within("presence"),
    connect: () => ({ presence: undefined }),
  },
  {
    name: "marks-end",
    foundBy: 1,
    says: "a row that is kept for a time says for how long",
    part: (part) => ({
      ...part,
      writes: part.writes.map((write) =>
        spaceOf(write.key) === "mark" ? { ...write, expiresAtMs: undefined } : write
      ),
    }),
  },
  {
    name: "subscription-goes",
    foundBy: 1,
    says: "no row of a subscription remains after it has ended",
    faultPlan: within("leaving"),
    part: keeping("subscribed"),
  },
  {
    name: "erased-goes",
    foundBy: 1,
    says: "no row of an erased actor remains for good",
    part: keeping("actor"),
  },
  {
    name: "headers-with-mail",
    foundBy: 1,
    says: "a message is stored with its headers, and whoever handles it reads them",
    faultPlan: within("headers"),
    part: withoutHeaders,
  },
];
