import { Admissions } from "../../runtime/durable/activations/admissions.ts";
import { DurableActivation } from "../../runtime/durable/activations/durable_activation.ts";
import { DurableMailbox } from "../../runtime/durable/activations/durable_mailbox.ts";
import { Suspicion } from "../../runtime/durable/activations/suspicion.ts";
import { Assignments } from "../../runtime/durable/background/assignments.ts";
import { Membership } from "../../runtime/durable/background/membership.ts";
import { GroupCommitter } from "../../runtime/durable/commits/group_committer.ts";
import { EventLogRows } from "../../runtime/durable/delivery/event_log_rows.ts";
import { ActorRecord } from "../../runtime/durable/rows/actor_record.ts";
import { OutcomeUnknownError } from "../../runtime/base/store_errors.ts";
import type { AtomicPart } from "../../runtime/ports/store.ts";
import { alone } from "./fault_plan.ts";
import { abandoned, deployed, listened, lost, repeated, type Rule, slow, turnsHidden } from "./rule.ts";

/** Parts of which a store did not say what became of them. */
const unanswered = new WeakSet<AtomicPart>();

/** Rules that no store can take out: a method of the code does without each. */
export const codeRules: readonly Rule[] = [
  {
    name: "lane",
    foundBy: 1,
    says: "messages from outside for one receiver are committed one group after another",
    code: (patches) =>
      patches.method(
        GroupCommitter.prototype,
        "submit",
        (submit) =>
          function (this: GroupCommitter, request) {
            submit.call(this, Object.assign(request, { lane: undefined }));
          },
      ),
  },
  {
    name: "behind-direct",
    foundBy: 38,
    says: "messages behind those that are accepted with their turns wait until these are decided",
    faultPlan: lost,
    code: (patches) => patches.method(Admissions.prototype, "behind", () => (commit) => commit()),
  },
  {
    name: "listed-after-loaded",
    foundBy: 2,
    says:
      "a message is delivered in the process only to a receiver that was listed after its sender was loaded",
    code: (patches) =>
      patches.method(DurableMailbox.prototype, "enqueue", (enqueue) =>
        function (this: DurableMailbox, mail) {
          enqueue.call(this, mail, 0);
        }),
  },
  {
    name: "suspects",
    foundBy: 1,
    says: "messages that waited when a process crashed are counted before they run",
    faultPlan: (faultPlan) => ({ ...faultPlan, poison: true }),
    code: (patches) => patches.method(Suspicion.prototype, "has", () => () => false),
  },
  {
    name: "left-to-its-trial",
    foundBy: 1,
    says:
      "a crash suspect is left to the instance that runs it while that instance lives, and its attempt counts only if the instance crashed",
    code: (patches) =>
      patches.method(Membership.prototype, "fateOf", (fateOf) =>
        async function (this: Membership, instance) {
          const fate = await fateOf.call(this, instance);
          return fate === "lives" ? "ended" : fate;
        }),
  },
  {
    name: "newer-state",
    foundBy: 3,
    says: "a state whose form is newer than the program is left as it is",
    faultPlan: deployed,
    code: (patches) => patches.method(ActorRecord.prototype, "isNewerThan", () => () => false),
  },
  {
    name: "unknown-waits",
    foundBy: 42,
    says: "a message of an unknown operation waits for a program that knows it",
    faultPlan: deployed,
    code: (patches) =>
      patches.method(
        DurableActivation.prototype,
        "run",
        (run) =>
          function (this: DurableActivation, scheduler) {
            for (const mail of this.mailbox.mails) {
              const isKnown = this.host.operation(mail.head.operation) !== undefined;
              if (!isKnown) Object.assign(mail, { fault: "its actor has no such operation" });
            }
            return run.call(this, scheduler);
          },
      ),
  },
  {
    name: "left-for-a-while",
    foundBy: 1,
    says: "an instance does not take back at once what it released",
    faultPlan: (faultPlan) => abandoned(deployed(faultPlan)),
    code: (patches) =>
      patches.method(Assignments.prototype, "released", () =>
        function (this: Assignments, actor) {
          this.left(actor);
        }),
  },
  {
    name: "taken-over-at-once",
    foundBy: 1,
    says: "if one process uses a store, the next one continues at once with what waits",
    faultPlan: alone,
    code: (patches) => patches.method(Membership.prototype, "takeAllForDead", () => () => {}),
  },
  {
    name: "taken-by-hosts",
    foundBy: 7,
    says: "an instance takes over only protocols that it hosts",
    faultPlan: deployed,
    code: (patches) => patches.method(Assignments.prototype, "hosts", () => () => true),
  },
  {
    name: "listen-first",
    foundBy: 11,
    says: "a published event waits until the functions that have subscribed by then follow the log",
    faultPlan: (faultPlan) => slow(listened(faultPlan)),
    code: (patches) => patches.method(EventLogRows.prototype, "whenFollowed", () => (act) => act()),
  },
  {
    name: "log-at-heartbeat",
    foundBy: 2,
    says: "a log is read at heartbeats too, whatever watches tell",
    faultPlan: (faultPlan) => ({ ...listened(faultPlan), store: { ...faultPlan.store, watchLost: 1 } }),
    code: (patches) => patches.method(EventLogRows.prototype, "look", () => () => Promise.resolve()),
  },
  {
    name: "landed-answers-stale",
    foundBy: 1,
    says: "if a store has unknown outcomes, a commit that it calls stale may have succeeded before",
    faultPlan: repeated,
    connect: (connection) => ({
      async commit(parts) {
        try {
          return await connection.commit(parts);
        } catch (error) {
          if (error instanceof OutcomeUnknownError) { for (const part of parts) unanswered.add(part); }
          throw error;
        }
      },
    }),
    code: (patches) =>
      patches.method(
        GroupCommitter.prototype,
        "submit",
        (submit) =>
          function (this: GroupCommitter, request) {
            const { find } = request;
            const findUncertain = () =>
              unanswered.has(request.part) ? find!.call(request) : Promise.resolve("stale" as const);
            submit.call(this, find === undefined ? request : Object.assign(request, { find: findUncertain }));
          },
      ),
  },
  {
    name: "hidden-asks",
    foundBy: 11,
    says: "an ask that may have had its effect is not run again",
    faultPlan: repeated,
    part: (part) => turnsHidden(part, ["other-1", "other-2", "other-3"]),
    code: (patches) =>
      patches.method(
        DurableActivation.prototype,
        "stale",
        (stale) =>
          function (this: DurableActivation, batch) {
            stale.call(this, batch, false);
          },
      ),
  },
];
