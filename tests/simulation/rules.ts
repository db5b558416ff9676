import { eventNumber } from "../../runtime/durable/rows/keys.ts";
import { positionOf } from "../../runtime/durable/rows/queued_message.ts";
import { decodeValue, encodeValue } from "../../runtime/durable/rows/value_codec.ts";
import type { Entry, KeyRange } from "../../runtime/ports/store.ts";
import { OutcomeUnknownError, StoreError } from "../../runtime/base/store_errors.ts";
import { alone } from "./fault_plan.ts";
import { codeRules } from "./code_rules.ts";
import { frontRules } from "./front_rules.ts";
import { delayRules } from "./delay_rules.ts";
import { erasingRules } from "./erasing_rules.ts";
import { interceptionRules } from "./intercepted.ts";
import { pausingRules } from "./pausing_rules.ts";
import { operatorRules } from "./operator.ts";
import { sessionRules } from "./session_rules.ts";
import { sceneRules } from "./scene_rules.ts";
import { transactionRules } from "./transactions.ts";
import {
  deployed,
  isDropped,
  isLeft,
  isMail,
  isState,
  listened,
  pause,
  removes,
  repeated,
  type Rule,
  slow,
  spaceOf,
  turnsHidden,
  unchecked,
  unwritten,
  withoutMarks,
  writes,
} from "./rule.ts";

export const rules: readonly Rule[] = [
  {
    name: "record-check",
    foundBy: 1,
    says: "a turn commits only on the version of its actor that it began with",
    part: unchecked("actor", (part) => writes(part, "actor")),
  },
  {
    name: "mail-check",
    foundBy: 1,
    says: "a turn commits only if each of its messages still waits as it was read",
    part: unchecked("mail"),
  },
  {
    name: "fence-of-reads",
    foundBy: 1,
    says: "an ask that only reads is answered only if its actor is still as it was read",
    part: (part) => writes(part, "actor") ? part : unchecked("actor")(part),
  },
  {
    name: "mark-check",
    foundBy: 1,
    says: "a message is accepted only if its id was not accepted before",
    part: unchecked("mark"),
  },
  {
    name: "mark-window",
    foundBy: 1,
    says: "the mark of an accepted message outlives every attempt to commit it again",
    connect: (connection, clock) => ({
      commit: (parts) => connection.commit(parts.map((part) => withoutMarks(part, clock.now() + 1))),
    }),
  },
  {
    name: "index-with-mail",
    foundBy: 1,
    says: "every commit that writes a message writes an index entry of its receiver",
    part: (part) => writes(part, "mail") ? unwritten("index")(part) : part,
  },
  {
    name: "index-check",
    foundBy: 4,
    says: "an index entry is removed only if it is unchanged since no message waited",
    part: (part) => removes(part, "index") && !writes(part, "index") ? unchecked("index")(part) : part,
  },
  {
    name: "schedule-check",
    foundBy: 1,
    says: "a schedule sends its message only if it is still due",
    part: (part) => removes(part, "schedule") ? unchecked("schedule")(unchecked("timer")(part)) : part,
  },
  {
    name: "timer-check",
    foundBy: 1,
    says: "a schedule sends its message only if it was neither cancelled nor set again",
    connect: (connection, clock) => ({
      async commit(parts) {
        // other instances are faster
        if (parts.some((part) => removes(part, "schedule"))) await pause(clock, 400);
        return await connection.commit(parts);
      },
    }),
    part: (part) => removes(part, "schedule") ? unchecked("timer")(part) : part,
  },
  {
    name: "letter-check",
    foundBy: 28,
    says: "a dead letter is resent only if it is still a dead letter",
    part: (part) => removes(part, "dead") ? unchecked("dead")(part) : part,
  },
  {
    name: "unknown-is-tried-again",
    foundBy: 1,
    says: "a commit with an unknown outcome is tried again until its outcome is known",
    connect: (connection) => ({
      async commit(parts) {
        try {
          return await connection.commit(parts);
        } catch (error) {
          if (!(error instanceof OutcomeUnknownError)) throw error;
          throw new StoreError("store-unavailable", "Cannot commit: it is taken for failed");
        }
      },
    }),
  },
  {
    name: "one-commit",
    foundBy: 1,
    says: "the state of a turn and the messages that it sends are one commit",
    connect: (connection) => ({
      async commit(parts) {
        const versions = await connection.commit(
          parts.map((part) =>
            writes(part, "actor") ? { ...part, writes: part.writes.filter(isState) } : part
          ),
        );
        const rest = parts.filter((part, index) => writes(part, "actor") && versions[index] !== undefined)
          .map((part) => ({
            checks: [],
            writes: part.writes.filter((write) => !isState(write)),
            removals: [],
          }))
          .filter(({ writes }) => writes.length > 0);
        if (rest.length > 0) await connection.commit(rest);
        return versions;
      },
    }),
  },
  {
    name: "one-list",
    foundBy: 4,
    says: "the waiting messages of an actor are listed as of one moment",
    faultPlan: slow,
    connect: (connection, clock) => ({
      async list(range: KeyRange) {
        if (!isMail(range) || range.limit < 3) return await connection.list(range);
        const middle = range.prefix + positionOf(Math.floor(clock.now() * 1_000), "");
        const first = (await connection.list(range)).filter(({ key }) => key <= middle);
        if (first.length === range.limit) return first;
        await pause(clock, 2_000);
        const after = range.after === undefined || range.after < middle ? middle : range.after;
        return [...first, ...await connection.list({ ...range, after, limit: range.limit - first.length })];
      },
    }),
  },
  {
    name: "record-first",
    foundBy: 1,
    says: "an actor's record is read before its messages are listed",
    connect: (connection) => {
      const early = new Map<string, Promise<Entry[]>>();
      return {
        async read(keys) {
          for (const key of keys) {
            if (spaceOf(key) !== "actor") continue;
            const prefix = `mail${key.slice("actor".length)}\u001f`;
            const list = connection.list({ prefix, limit: 256 });
            early.set(prefix, list);
            await list.catch(() => {});
          }
          return await connection.read(keys);
        },
        list(range) {
          const found = early.get(range.prefix);
          early.delete(range.prefix);
          return found !== undefined && range.after === undefined ? found : connection.list(range);
        },
      };
    },
  },
  {
    name: "sender-clock",
    foundBy: 11,
    says:
      "the next message of an actor has a later position than its last, whatever the clock of its process says",
    connect: (connection) => ({
      async read(keys) {
        return (await connection.read(keys)).map((stored) => {
          if (stored === undefined || spaceOf(stored.key) !== "actor") return stored;
          const { head, text } = decodeValue<{ clock: number }>(stored.value);
          return { ...stored, value: encodeValue({ ...head, clock: 0 }, text) };
        });
      },
    }),
  },
  {
    name: "mark-with-turn",
    foundBy: 1,
    says: "a message that is accepted with its turn has its mark in the same commit",
    faultPlan: repeated,
    part: (part) =>
      turnsHidden(writes(part, "actor") ? unwritten("mark")(part) : part, ["other-1", "other-2", "other-3"]),
  },
  {
    name: "take-over",
    foundBy: 1,
    says: "an instance that has ended is taken over",
    connect: (connection) => ({
      list: (range) => range.prefix === "index\u001f" ? Promise.resolve([]) : connection.list(range),
    }),
  },
  {
    name: "own-index",
    foundBy: 4,
    says:
      "an instance looks at its own index entries after a commit that may have succeeded without an answer",
    connect: (connection) => ({
      list: (range) =>
        spaceOf(range.prefix) === "index" && range.limit === 1_000
          ? Promise.resolve([])
          : connection.list(range),
    }),
  },
  {
    name: "list-before-tidy",
    foundBy: 3,
    says: "an index entry is removed only if the store, and not memory, shows that no message waits",
    connect: (connection, clock) => ({
      async commit(parts) {
        const versions = await connection.commit(parts);
        // some are notified late
        if (clock.monotonicMs() > 8_000 && parts[0]?.checks.length % 3 === 0) await pause(clock, 5_000);
        return versions;
      },
      list: (range) => isMail(range) && range.limit === 1 ? Promise.resolve([]) : connection.list(range),
    }),
  },
  {
    name: "take-over-moves",
    foundBy: 2,
    says: "an instance that takes over an index entry writes its own in the same commit",
    part: (part) => removes(part, "index") ? unwritten("index")(part) : part,
  },
  {
    name: "mail-goes-with-its-turn",
    foundBy: 1,
    says: "a message leaves the mailbox in the commit of its turn",
    part: (part) => ({
      ...part,
      removals: part.removals.filter(({ key }, index) => spaceOf(key) !== "mail" || index > 0),
    }),
  },
  {
    name: "reply-with-turn",
    foundBy: 1,
    says: "a reply is written in the commit of the turn that replies",
    part: (part) => writes(part, "actor") ? unwritten("reply")(part) : part,
  },
  {
    name: "left-to-nobody",
    foundBy: 17,
    says: "an instance moves the entries that it releases to the unassigned index",
    faultPlan: deployed,
    part: (part) => isLeft(part) ? { checks: [], writes: [], removals: [] } : part,
  },
  {
    name: "one-process",
    foundBy: 3,
    says: "a store that declares a single process is used by one at a time",
    faultPlan: (faultPlan) => ({ ...alone(faultPlan), processes: 3 }),
  },
  {
    name: "seen-after-commit",
    foundBy: 1,
    says: "nothing of a turn is visible before its commit is known",
    faultPlan: (faultPlan) => ({ ...faultPlan, beside: true }),
    connect: (connection) => ({
      commit(parts) {
        if (!parts.every((part) => writes(part, "actor"))) return connection.commit(parts);
        connection.commit(parts).catch(() => {});
        return Promise.resolve(parts.map(() => "soon"));
      },
    }),
  },
  {
    name: "read-on",
    foundBy: 1,
    says: "a subscribed function continues behind the last event that it received",
    faultPlan: listened,
    connect: (connection) => ({
      list(range) {
        if (spaceOf(range.prefix) !== "event" || range.after === undefined) return connection.list(range);
        const number = Math.max(eventNumber(range.after) - 1, 0);
        return connection.list({ ...range, after: range.prefix + number.toString().padStart(16, "0") });
      },
    }),
  },
  {
    name: "latest-turns",
    foundBy: 11,
    says: "a record names the latest turns of the instances that had it before",
    faultPlan: repeated,
    part: (part) => turnsHidden(part, undefined),
  },
  {
    name: "letter-of-the-dropped",
    foundBy: 2,
    says: "a message that is evicted from a full mailbox is a dead letter, in the commit that removes it",
    part: (part) => ({ ...part, writes: part.writes.filter((write) => !isDropped(write)) }),
  },
  ...codeRules,
  ...sceneRules,
  ...interceptionRules,
  ...frontRules,
  ...transactionRules,
  ...delayRules,
  ...erasingRules,
  ...pausingRules,
  ...operatorRules,
  ...sessionRules,
];
