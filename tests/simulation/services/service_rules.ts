import type { SimulatedHost } from "@posthorn/posthorn/testing/simulation";
import type { Parcel, Receiver, Tenure, Transport, TransportConnection } from "@posthorn/posthorn/transport";
import type { Probes } from "../../../runtime/durable/commits/probes.ts";
import { decodeValue, encodeValue } from "../../../runtime/durable/rows/value_codec.ts";
import type { AtomicPart, Entry, Store, StoreConnection } from "../../../runtime/ports/store.ts";
import { BatchPart } from "../../../runtime/remote/batch_part.ts";
import { WriteSet } from "../../../runtime/durable/commits/write_set.ts";
import { CancelIntake } from "../../../runtime/remote/cancel_intake.ts";
import { Relay } from "../../../runtime/remote/relay.ts";
import { SourceTenure } from "../../../runtime/remote/source_row.ts";
import { AskedServices } from "../../../actors/asked_services.ts";
import { Remote } from "../../../runtime/messages/remote_address.ts";
import { Turn } from "../../../runtime/turns/turn.ts";
import type { Patches } from "../patches.ts";
import { spaceOf, unchecked, unwritten, writes } from "../rule.ts";
import type { ServicesPlan } from "./services_plan.ts";

/** One rule of the protocol between services, and how to take it out. */
export interface ServiceRule {
  readonly name: string;
  /** The rule, as a sentence. */
  readonly says: string;
  /** The first seed, from 1, that detects its removal: as many runs are needed. */
  readonly foundBy: number;
  /** Replaces methods of the code by ones without the rule. */
  readonly code?: (patches: Patches) => void;
  /** Commits parts without the rule. */
  readonly part?: (part: AtomicPart) => AtomicPart;
  /** A transport without the rule: those that an adapter has to keep. */
  readonly transport?: (transport: Transport, host: SimulatedHost) => Transport;
  /** Additional faults that make detection faster. */
  readonly plan?: (plan: ServicesPlan) => ServicesPlan;
  /** Connections to the store without the rule. */
  readonly connect?: (connection: StoreConnection) => Partial<StoreConnection>;
}

/** How the keys of the marks begin that an intake writes. */
const acceptedMarks = "mark\u001ffrom%20";

const takes = (part: AtomicPart): boolean => writes(part, "source");

/** A transport whose messages that take back requests come before the others of their batch. */
export function overtaking(transport: Transport): Transport {
  return through(transport, (connection) => ({
    async send(batch) {
      const isCancel = ({ headers }: Parcel) => headers["posthorn-cancel"] !== undefined;
      const first = batch.filter(isCancel);
      if (first.length === 0 || first.length === batch.length) return await connection.send(batch);
      const early = [...await connection.send(first)];
      const late = [...await connection.send(batch.filter((parcel) => !isCancel(parcel)))];
      return batch.map((parcel) => (isCancel(parcel) ? early : late).shift());
    },
  }));
}

/** All rules between services that the product has. Those of one store are in `rules.ts`. */
export const serviceRules: readonly ServiceRule[] = [
  {
    name: "asked-tells",
    foundBy: 1,
    says: "each service tells how many respondents it asked, in the turn that asks them",
    code: (patches) =>
      patches.method(Turn.prototype, "send", (send) =>
        function (this: Turn, to, operation, payload, parts) {
          if (operation.name !== Remote.asked.name) send.call(this, to, operation, payload, parts);
        }),
  },
  {
    name: "through-when-all-are",
    foundBy: 1,
    says: "a service is through when all of its respondents have replied, abstained or failed",
    code: (patches) =>
      patches.method(AskedServices.prototype, "asked", (asked) =>
        function (this: AskedServices, name) {
          asked.call(this, name, 0);
        }),
  },
  {
    name: "outbox-in-the-turn",
    foundBy: 1,
    says: "what a turn sends to another service is a row in the commit of the turn",
    part: (part) => writes(part, "actor") ? unwritten("out")(part) : part,
  },
  {
    name: "later-at-home",
    foundBy: 1,
    says: "a request that is answered later is open where it was accepted, whoever gives the answer",
    part: (part) => ({
      ...part,
      writes: part.writes.filter(({ key }) => !key.startsWith("actor\u001f~later")),
    }),
  },
  {
    name: "removed-when-sent",
    foundBy: 1,
    says: "a row of the outbox is removed when the broker has it, and not before",
    code: (patches) =>
      patches.method(Relay.prototype, "next", (next) =>
        async function (this: Relay) {
          const batch = await next.call(this);
          await batch?.sent(batch.parcels.map(() => undefined));
          return batch && { ...batch, sent: () => true };
        }),
  },
  {
    name: "removed-when-known",
    foundBy: 1,
    says: "a row of the outbox stays if nobody knows whether the broker has it",
    code: (patches) =>
      patches.method(Relay.prototype, "next", (next) =>
        async function (this: Relay) {
          const batch = await next.call(this);
          return batch && {
            ...batch,
            unknown: () =>
              void Promise.resolve(batch.sent(batch.parcels.map(() => undefined))).catch(() => {}),
          };
        }),
  },
  {
    name: "from-the-head",
    foundBy: 1,
    says: "after a send of which nobody knows, the lane begins again with its first row",
    code: (patches) => {
      const failed = new WeakSet<Relay>();
      patches.method(Relay.prototype, "next", (next) =>
        async function (this: Relay) {
          const batch = await next.call(this);
          if (batch === undefined) return undefined;
          const ahead = failed.delete(this) && batch.parcels.length > 1 ? 1 : 0;
          return {
            parcels: batch.parcels.slice(ahead),
            sent: (answers) =>
              batch.sent([...Array(ahead).fill({ code: "no-receiver", message: "" }), ...answers]),
            unknown: () => void failed.add(this),
          };
        });
    },
  },
  {
    name: "one-lane",
    foundBy: 1,
    says: "all that goes to one destination is in one lane",
    part: (part) => ({
      ...part,
      writes: part.writes.map((write) =>
        spaceOf(write.key) === "out" ? { ...write, key: dealt(write.key) } : write
      ),
    }),
  },
  {
    name: "each-recipient",
    foundBy: 1,
    says: "without a broker that divides an event, each service gets it by a row of its own",
    plan: (plan) => ({ ...plan, eachService: true }),
    part: (part) => ({
      ...part,
      writes: part.writes.filter(({ key }) => spaceOf(key) !== "out" || !key.includes("@gamma")),
    }),
  },
  {
    name: "a-prefix-lands",
    foundBy: 1,
    says: "of a send that fails a prefix may have arrived, and nothing behind it will",
    transport: (transport, host) =>
      through(transport, (connection) => ({
        async send(batch) {
          if (host.random.next() < 0.7) return await connection.send(batch);
          const answers = await Promise.allSettled(batch.map((parcel) => connection.send([parcel])));
          const failed = answers.find(({ status }) => status === "rejected");
          if (failed !== undefined) throw (failed as PromiseRejectedResult).reason;
          return answers.flatMap((answer) => (answer as PromiseFulfilledResult<[undefined]>).value);
        },
      })),
  },
  {
    name: "source-check",
    foundBy: 3,
    says: "a batch is accepted only if no other tenure has accepted from its shard meanwhile",
    plan: bursts,
    part: (part) => takes(part) ? unchecked("source")(part) : part,
  },
  {
    name: "source-place",
    foundBy: 1,
    says: "a tenure puts what it accepts behind all that was accepted from its shard before",
    plan: bursts,
    connect: (connection) => ({
      read: async (keys) =>
        (await connection.read(keys)).map((row) => row && isIn("source", row) ? withoutPlace(row) : row),
    }),
  },
  {
    name: "marks",
    foundBy: 1,
    says: "a message is accepted with a mark, by which its repeats are recognised",
    part: (part) => takes(part) ? unwritten("mark")(part) : part,
  },
  {
    name: "mark-with-message",
    foundBy: 1,
    says: "the mark of a message is in the commit that accepts it",
    connect: (connection) => ({
      async commit(parts) {
        const marks = parts.filter(takes).flatMap(({ writes }) => writes.filter((row) => isIn("mark", row)));
        if (marks.length > 0) await connection.commit([{ checks: [], writes: marks, removals: [] }]);
        return await connection.commit(
          parts.map((part) => takes(part) ? unwritten("mark")(unchecked("mark")(part)) : part),
        );
      },
    }),
  },
  {
    name: "expected-in-the-turn",
    foundBy: 1,
    says: "what a turn waits for is a row in the commit that sends the request",
    part: (part) => writes(part, "out") ? unwritten("expect")(part) : part,
  },
  {
    name: "batch-sees-itself",
    foundBy: 1,
    says: "a message of a batch sees what those before it did",
    plan: (plan) => ({ ...plan, broker: { ...plan.broker, sentTwice: 0.3 } }),
    code: (patches) =>
      patches.method(BatchPart.prototype, "takesAlone", (takesAlone) =>
        function (this: BatchPart, one) {
          this.changed.clear();
          return takesAlone.call(this, one);
        }),
  },
  {
    name: "acknowledged-after-commit",
    foundBy: 1,
    says: "a batch is acknowledged when it is committed",
    transport: (transport) =>
      through(transport, (connection) => ({
        receive: (channel, receiver) =>
          connection.receive(channel, {
            begin: (tenure) => receiver.begin(tenure),
            take(batch, tenure) {
              void receiver.take(batch, tenure).catch(() => {});
              return Promise.resolve([]);
            },
          }),
      })),
  },
  {
    name: "marks-after-a-stale-part",
    foundBy: 1,
    says: "if a batch cannot be committed, the marks of its messages are read",
    connect: (connection) => ({
      read: async (keys) =>
        (await connection.read(keys)).map((row) => row?.key.startsWith(acceptedMarks) ? undefined : row),
    }),
  },
  {
    name: "poison-is-put-aside",
    foundBy: 1,
    says: "a message that cannot be handled is a dead letter, and stops nothing behind it",
    transport: (transport) =>
      received(transport, (receiver) => ({
        take: (batch, tenure) =>
          batch.some(({ operation }) => operation === "nothing")
            ? Promise.reject(new Error("It cannot be handled"))
            : receiver.take(batch, tenure),
      })),
  },
  {
    name: "epoch",
    foundBy: 1,
    says: "a position counts only in the log of which it is",
    plan: logged,
    transport: (transport) => {
      const same = new WeakMap<Tenure, Tenure>();
      const sameOf = (tenure: Tenure) => {
        const known = same.get(tenure) ?? { shard: tenure.shard, epoch: "the same", signal: tenure.signal };
        same.set(tenure, known);
        return known;
      };
      return received(transport, (receiver) => ({
        begin: (tenure) => receiver.begin(sameOf(tenure)),
        take: (batch, tenure) => receiver.take(batch, sameOf(tenure)),
      }));
    },
  },
  {
    name: "position",
    foundBy: 1,
    says: "what is not behind the position of a log was accepted before",
    plan: forgetful,
    code: (patches) => patches.method(SourceTenure.prototype, "isNew", () => () => true),
  },
  {
    name: "replies-through-the-inbox",
    foundBy: 1,
    says:
      "a reply to an actor comes through the inbox, so that it keeps its order with what else is sent to that actor",
    transport: (transport) =>
      through(transport, (connection) => ({
        send: (batch) =>
          connection.send(batch.map((parcel) => {
            if (parcel.replyTo?.kind !== "inbox") return parcel;
            const { "posthorn-reply-protocol": _, "posthorn-reply-key": __, ...headers } = parcel.headers;
            return { ...parcel, headers, replyTo: { kind: "replies" } };
          })),
      })),
  },
  {
    name: "taken-back-check",
    foundBy: 12,
    says: "a request of another service is taken back only if it still waits",
    part: (part) => takes(part) ? unchecked("mail")(part) : part,
  },
  {
    name: "taken-back-goes",
    foundBy: 1,
    says: "a request of another service leaves its mailbox in the part that takes it back",
    part: (part) =>
      takes(part) ? { ...part, removals: part.removals.filter(({ key }) => spaceOf(key) !== "mail") } : part,
  },
  {
    name: "never-seen",
    foundBy: 1,
    says: "a request that is taken back before it comes leaves a mark, by which it is left out",
    plan: (plan) => ({ ...plan, overtakes: true }),
    code: (patches) =>
      patches.method(
        CancelIntake.prototype,
        "take",
        (take) =>
          function (this: CancelIntake, one, message, meaning, found) {
            const own = new WriteSet();
            take.call(this, own, message, meaning, found);
            own.writes.splice(
              0,
              own.writes.length,
              ...own.writes.filter(({ key }) => key !== meaning.request),
            );
            one.add(own);
          },
      ),
  },
];

/** A tenure often moves in the midst of a burst, and clocks are apart. */
function bursts(plan: ServicesPlan): ServicesPlan {
  const processes = { alpha: 2, beta: 2, gamma: 2 };
  return {
    ...plan,
    processes,
    process: { ...plan.process, clocksApartMs: 20_000 },
    broker: { ...plan.broker, moveInBurst: 0.1 },
  };
}

/** A log, which is often read from its start, and made anew. */
function logged(plan: ServicesPlan): ServicesPlan {
  return { ...plan, reads: "log", broker: { ...plan.broker, reset: 6, recreate: 12 } };
}

/** Marks live so short that a log that is read from its start has outlived some of them. */
function forgetful(plan: ServicesPlan): ServicesPlan {
  return {
    ...plan,
    reads: "log",
    windowMs: 30_000,
    process: { ...plan.process, pause: 0, clocksApartMs: 0, clockJump: 0 }, // which could outlive the window too
    broker: { ...plan.broker, reset: 6, recreate: 0, block: 0, partition: 0, unread: 0 },
  };
}

const isIn = (space: string, { key }: { readonly key: string }): boolean => spaceOf(key) === space;

/** The row of a shard, which does not say behind what to go on. */
function withoutPlace(row: Entry): Entry {
  const { head, text } = decodeValue<object>(row.value);
  return { ...row, value: encodeValue({ ...head, place: undefined }, text) };
}

/** The key of an outbox row in one of two lanes. */
function dealt(key: string): string {
  const [space, lane, place] = key.split("\u001f");
  let sum = 0;
  for (let index = 0; index < place.length; index++) sum += place.charCodeAt(index);
  return [space, `${lane}~${sum % 2}`, place].join("\u001f");
}

/** A transport whose connections are changed. */
function through(
  transport: Transport,
  change: (connection: TransportConnection) => Partial<TransportConnection>,
): Transport {
  return {
    ...transport,
    async open(services) {
      const connection = await transport.open(services);
      const plain: TransportConnection = {
        send: (batch) => connection.send(batch),
        receive: (channel, receiver) => connection.receive(channel, receiver),
        drain: () => connection.drain(),
        get state() {
          return connection.state;
        },
        watch: (onChange) => connection.watch(onChange),
        close: () => connection.close(),
      };
      return Object.defineProperties(plain, Object.getOwnPropertyDescriptors(change(connection)));
    },
  };
}

/** A transport whose receivers are changed. */
function received(transport: Transport, change: (receiver: Receiver) => Partial<Receiver>): Transport {
  return through(transport, (connection) => ({
    receive: (channel, receiver) =>
      connection.receive(channel, {
        begin: (tenure) => receiver.begin(tenure),
        take: (batch, tenure) => receiver.take(batch, tenure),
        ...change(receiver),
      }),
  }));
}

/** A store without a rule, whose connections allow the code to be observed. */
export function ruled(store: Store, rule: ServiceRule | undefined, probes: Probes): Store {
  return {
    ...store,
    async open(services) {
      const connection = await store.open(services);
      const { part } = rule ?? {};
      const plain: StoreConnection = {
        read: (keys) => connection.read(keys),
        list: (range) => connection.list(range),
        commit: (parts) => connection.commit(part === undefined ? parts : parts.map(part)),
        watch: (onChange) => connection.watch(onChange),
        close: () => connection.close(),
        presence: connection.presence,
      };
      return Object.assign({ ...plain, ...rule?.connect?.(plain) }, { probes });
    },
  };
}
