import { actor, protocol, System, tell, unchecked } from "@posthorn/posthorn";
import { Cell, Core } from "../bare.ts";
import type { Gate } from "./pacing.ts";

/** Whose actors they are. */
export type Form = "posthorn" | "bare";

/** A shape of messages, and what handles them: in either form a function with text of its own, as users have it. */
interface Kind {
  readonly make: () => unknown;
  readonly bare: (gate: Gate) => (message: unknown) => void;
  readonly posthorn: (gate: Gate) => (context: unknown, message: unknown) => void;
}

const kinds: readonly Kind[] = [
  kind(
    () => ({ n: 1 }),
    (gate) => (message) => message.n === 1 && gate.pass(),
    (gate) => (_, message) => message.n === 1 && gate.pass(),
  ),
  kind(
    () => ({ sku: "tea", count: 2 }),
    (gate) => (message) => message.count === 2 && gate.pass(),
    (gate) => (_, message) => message.count === 2 && gate.pass(),
  ),
  kind(
    () => ({ country: "de", cents: 450, paid: true }),
    (gate) => (message) => message.paid && gate.pass(),
    (gate) => (_, message) => message.paid && gate.pass(),
  ),
  kind(
    () => ({ at: 7, by: "ada" }),
    (gate) => (message) => message.at === 7 && gate.pass(),
    (gate) => (_, message) => message.at === 7 && gate.pass(),
  ),
  kind(
    () => ({ x: 1.5, y: 2.5 }),
    (gate) => (message) => message.y === 2.5 && gate.pass(),
    (gate) => (_, message) => message.y === 2.5 && gate.pass(),
  ),
  kind(
    () => ({ note: "none", lines: 3, total: 9, open: false }),
    (gate) => (message) => !message.open && gate.pass(),
    (gate) => (_, message) => !message.open && gate.pass(),
  ),
  kind(
    () => ({ from: "a", to: "b", kind: "c" }),
    (gate) => (message) => message.kind === "c" && gate.pass(),
    (gate) => (_, message) => message.kind === "c" && gate.pass(),
  ),
  kind(
    () => ({ left: 5 }),
    (gate) => (message) => message.left === 5 && gate.pass(),
    (gate) => (_, message) => message.left === 5 && gate.pass(),
  ),
];

/** How many types there are, and how many actors: one of each type, or all of the first. */
export const typeCount = kinds.length;

/** Sends a message to one of the actors in turn. */
export type Sender = (index: number) => void;

/** The actors of the bare core. */
export function bareSender(types: number, gate: Gate): Sender {
  const core = new Core();
  const targets = kinds.map((_, index) => {
    const { make, bare } = kinds[index % types];
    return { make, cell: new Cell(core, bare(gate)) };
  });
  return (index) => {
    const { make, cell } = targets[index % typeCount];
    cell.tell(make());
  };
}

/** The actors of Posthorn: a type is a protocol of its own. */
export function posthornSender(types: number, gate: Gate): Sender {
  const definitions = kinds.slice(0, types).map(({ posthorn }, index) => {
    const Taker = protocol(`taker${index}`, { take: tell(unchecked<unknown>()) });
    return { Taker, taker: actor(Taker, { state: () => null, on: { take: posthorn(gate) } }) };
  });
  const system = new System({ actors: definitions.map(({ taker }) => taker) });
  const targets = kinds.map((_, index) => {
    const { Taker } = definitions[index % types];
    return { make: kinds[index % types].make, ref: system.ref(Taker, String(index)), take: Taker.take };
  });
  return (index) => {
    const { make, ref, take } = targets[index % typeCount];
    ref.tell(take, make());
  };
}

function kind<Message>(
  make: () => Message,
  bare: (gate: Gate) => (message: Message) => unknown,
  posthorn: (gate: Gate) => (context: unknown, message: Message) => unknown,
): Kind {
  return { make, bare, posthorn } as Kind;
}
