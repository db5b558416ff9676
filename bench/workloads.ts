/** One workload: its definition, its sizes and its expected result. */
export interface WorkloadInfo {
  /** The id on the command line. */
  readonly id: string;
  /** The name in tables and charts: that of the Savina suite if it has one. */
  readonly title: string;
  /** The exact definition, which every contender implements. */
  readonly definition: string;
  /** The unit that is counted. */
  readonly unit: string;
  /** The full size, and the one at which the test suite runs it. */
  readonly size: number;
  readonly smokeSize: number;
  /** The number of units in a run of this size. */
  units(size: number): number;
  /** The expected `check` of a run of this size. */
  expected(size: number): number;
}

/**
 * The number of runs in one process, of which the fastest counts: a single run varied by a factor of 2.5, the
 * fastest of five by a few per cent.
 */
export const runsInProcess = 5;
export const typeCount = 8;
export const burstLength = 1_024;
export const ringLength = 503;
export const bigActors = 200;
export const forkJoinActors = 60;
export const asksInFlight = 1_000;
export const subscribers = 1_000;
export const respondents = 100;

export const workloads: readonly WorkloadInfo[] = [
  {
    id: "typesBurst",
    title: "8 types, bursts",
    definition:
      "8 actors, each of a type of its own, with a shape of message of its own, handlers with text of their own, and a state " +
      "(an object) that every message replaces. A producer actor sends them 1,024 messages in turn in a turn, then itself a " +
      "message to go on, until `size` have been sent. Timed until all are handled. The check is the number handled.",
    unit: "messages",
    size: 800_000,
    smokeSize: 8_000,
    units: (size) => size,
    expected: (size) => size,
  },
  {
    id: "typesHop",
    title: "8 types, hops",
    definition:
      "The same 8 actors pass one token on in a ring: each replaces its state and sends one message to an actor of the next " +
      "type, whom the token names. `size` hops. The check is the number of hops.",
    unit: "hops",
    size: 400_000,
    smokeSize: 8_000,
    units: (size) => size,
    expected: (size) => size,
  },
  {
    id: "count",
    title: "count",
    definition:
      "Code outside any actor sends `size` messages that each say `add 1` to one counter actor, in one loop that " +
      "waits for nothing but, where mailboxes are bounded, for room. Timed until the counter has handled the last. The check is its count.",
    unit: "messages",
    size: 1_000_000,
    smokeSize: 5_000,
    units: (size) => size,
    expected: (size) => size,
  },
  {
    id: "burst",
    title: "count in bursts",
    definition:
      "A producer actor sends 1,024 times `add 1` to one counter actor in a turn, then itself a message to go on, until " +
      "`size` have been sent. Timed until the counter has handled the last. The check is its count.",
    unit: "messages",
    size: 1_000_000,
    smokeSize: 5_000,
    units: (size) => size,
    expected: (size) => size,
  },
  {
    id: "burstEmpty",
    title: "bursts without payload",
    definition:
      "As count in bursts, with an operation that has no payload, where that carries a number which nobody checks. The check " +
      "is the count.",
    unit: "messages",
    size: 1_000_000,
    smokeSize: 5_000,
    units: (size) => size,
    expected: (size) => size,
  },
  {
    id: "burstObject",
    title: "bursts, payload of two fields checked by zod",
    definition:
      "As count in bursts, with a payload `{ sku, count }` that `z.object({ sku: z.string(), count: z.number() })` checks: a " +
      "fresh one for each message. The check is the sum of the counts, which are 1.",
    unit: "messages",
    size: 500_000,
    smokeSize: 5_000,
    units: (size) => size,
    expected: (size) => size,
  },
  {
    id: "pingPong",
    title: "ping-pong",
    definition:
      "Two actors. One sends a ping that names itself, the other answers with a pong to whom it names; `size` exchanges of " +
      "two messages each, a fresh message each time. The check is the number of pongs.",
    unit: "messages",
    size: 250_000,
    smokeSize: 1_000,
    units: (size) => size * 2,
    expected: (size) => size,
  },
  {
    id: "ring",
    title: "thread ring",
    definition:
      "503 actors in a ring pass one token on: each receives how many hops are left and sends one less to the next. The " +
      "check is the index (from 0, the token starts at 0 with `size` left) of the actor that receives 0 left.",
    unit: "hops",
    size: 500_000,
    smokeSize: 2_000,
    units: (size) => size,
    expected: (size) => size % ringLength,
  },
  {
    id: "big",
    title: "big",
    definition:
      "200 actors; in each round each sends one message to each other, and starts its next round when it has received 199 " +
      "more. `size` rounds. The check is the number of messages received in all.",
    unit: "messages",
    size: 10,
    smokeSize: 2,
    units: (size) => size * bigActors * (bigActors - 1),
    expected: (size) => size * bigActors * (bigActors - 1),
  },
  {
    id: "bigKept",
    title: "big, kept handles",
    definition:
      "As big, where each actor keeps a handle to every other one and looks no name up: in Go, CAF and the bare core that is " +
      "what big is. The check is the number of messages received in all.",
    unit: "messages",
    size: 10,
    smokeSize: 2,
    units: (size) => size * bigActors * (bigActors - 1),
    expected: (size) => size * bigActors * (bigActors - 1),
  },
  {
    id: "forkJoin",
    title: "fork-join throughput",
    definition:
      "Code outside any actor sends `size` messages to 60 actors in turn (message i to actor i modulo 60), in one loop " +
      "that waits for nothing but room. Timed until all are handled. The check is the number handled.",
    unit: "messages",
    size: 500_000,
    smokeSize: 6_000,
    units: (size) => size,
    expected: (size) => size,
  },
  {
    id: "create",
    title: "fork-join create",
    definition:
      "Code outside any actor makes `size` actors and sends one message to each; all are kept. Timed until all have handled " +
      "it. The check is the number handled; `bytesPerActor` is the heap that they keep after a collection, each.",
    unit: "actors",
    size: 250_000,
    smokeSize: 1_000,
    units: (size) => size,
    expected: (size) => size,
  },
  {
    id: "askOne",
    title: "ask, one after another",
    definition:
      "Code outside any actor asks one actor for the successor of a number, waits for it, and asks with that: " +
      "`x = await ask(x)`, `size` times from 0. The check is the last answer.",
    unit: "asks",
    size: 250_000,
    smokeSize: 1_000,
    units: (size) => size,
    expected: (size) => size,
  },
  {
    id: "askMany",
    title: "ask, 1,000 in flight",
    definition:
      "1,000 loops outside any actor ask one actor as above at the same time, `size` asks in all (size / 1,000 each, each " +
      "from 0). The check is the sum of their last answers.",
    unit: "asks",
    size: 250_000,
    smokeSize: 2_000,
    units: (size) => size,
    expected: (size) => size,
  },
  {
    id: "askObject",
    title: "ask, payload of two fields checked by zod",
    definition:
      "As ask, one after another, with a payload `{ by, n }` that `z.object({ by: z.string(), n: z.number() })` checks: a " +
      "fresh one for each ask. The check is the last answer.",
    unit: "asks",
    size: 250_000,
    smokeSize: 1_000,
    units: (size) => size,
    expected: (size) => size,
  },
  {
    id: "publish",
    title: "publish to 1,000",
    definition:
      "1,000 actors subscribe to one event. A publisher actor publishes once a turn, then sends itself a message to go on, " +
      "`size` events in all. Timed until the last delivery. The check is the number of deliveries handled.",
    unit: "deliveries",
    size: 1_000,
    smokeSize: 5,
    units: (size) => size * subscribers,
    expected: (size) => size * subscribers,
  },
  {
    id: "submit",
    title: "submit to reply collected",
    definition:
      "Code outside any actor submits a request to one actor and collects its reply, 100 at a time, `size` in all. The " +
      "check is the sum of the replies (each is 1).",
    unit: "replies",
    size: 40_000,
    smokeSize: 200,
    units: (size) => size,
    expected: (size) => size,
  },
  {
    id: "survey",
    title: "survey of 100",
    definition:
      "100 actors respond to one survey, each with 1. Code outside any actor runs `size` surveys one after another and " +
      "takes all 100 replies of each. The check is the sum of the replies.",
    unit: "replies",
    size: 1_000,
    smokeSize: 5,
    units: (size) => size * respondents,
    expected: (size) => size * respondents,
  },
];
