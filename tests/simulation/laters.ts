import {
  type Actor,
  actor,
  Failure,
  type Later,
  protocol,
  submit,
  tell,
  unchecked,
} from "@posthorn/posthorn";
import { decodeValue, fromText } from "../../runtime/durable/rows/value_codec.ts";
import type { MessageHeader } from "../../runtime/durable/rows/queued_message.ts";
import type { AtomicPart, Entry } from "../../runtime/ports/store.ts";
import type { Clients, Sent, Workload } from "./clients.ts";

/** How a saga ends: it goes its steps, or it gives its later to somebody else, or to nobody. */
type Ending = "steps" | "handed" | "sent" | "twice" | "refused" | "never";

interface Order {
  readonly tag: string;
  readonly does: Ending;
  readonly waitMs: number;
}

interface Step {
  readonly tag: string;
  readonly answer: Later<string>;
}

/** A flow of several steps that answers the request which began it. */
const Saga = protocol("saga", {
  begin: submit(unchecked<Order>(), unchecked<string>()),
  charged: tell(unchecked<Order>()),
  due: tell(unchecked<string>()),
  undone: tell(Failure),
});
/** Who does the steps. */
const Teller = protocol("teller", {
  charge: submit(unchecked<Order>(), unchecked<Order>()),
  ship: submit(unchecked<string>(), unchecked<string>()),
  take: tell(unchecked<Step>()),
});
/** An actor that begins sagas, and gets their answers. */
const Buyer = protocol("buyer", {
  buy: tell(unchecked<{ readonly saga: string; readonly order: Order }>()),
  got: tell(unchecked<string>()),
  lost: tell(Failure),
});

const sagas: readonly string[] = ["s0", "s1", "s2"];
/** Longer than the steps take without faults. */
const patienceMs = 30_000;
const neverMs = 6_000;

interface SagaState {
  readonly begun: readonly string[];
  readonly open: Readonly<Record<string, Later<string>>>;
}

const saga = actor(Saga, {
  state: (): SagaState => ({ begun: [], open: {} }),
  on: {
    begin(ctx, order) {
      const { tag, does } = order;
      const timeoutMs = does === "never" ? neverMs : patienceMs;
      const answer = ctx.later({ timeoutMs, failTo: ctx.self.at(Saga.undone) });
      const { begun, open } = ctx.state;
      ctx.state = { begun: [...begun, tag], open: { ...open, [tag]: answer } };
      const teller = ctx.ref(Teller, "t0");
      if (does === "steps" || does === "refused") {
        teller.submit(Teller.charge, order, { replyTo: ctx.self.at(Saga.charged) });
      } else if (does === "handed") teller.submit(Teller.ship, tag, { replyTo: answer });
      else if (does !== "never") {
        teller.tell(Teller.take, { tag, answer });
        if (does === "twice") ctx.ref(Teller, "t1").tell(Teller.take, { tag, answer });
      }
      return answer;
    },
    charged(ctx, { tag, does, waitMs }) {
      const answer = ctx.state.open[tag];
      if (does === "refused") ctx.fail(answer, { code: "refused", message: tag });
      else ctx.schedule(tag, { afterMs: waitMs }, ctx.self.at(Saga.due), tag);
    },
    due(ctx, tag) {
      const { begun, open: { [tag]: answer, ...open } } = ctx.state;
      ctx.reply(answer, tag);
      ctx.state = { begun, open };
    },
    undone() {},
  },
  idleMs: 3_000,
});
const teller = actor(Teller, {
  state: () => 0,
  on: {
    charge: (_, order) => order,
    ship: (_, tag) => tag,
    take: (ctx, { tag, answer }) => ctx.reply(answer, tag),
  },
});
const buyer = actor(Buyer, {
  state: () => 0,
  on: {
    buy(ctx, { saga, order }) {
      const { got, lost } = Buyer;
      ctx.ref(Saga, saga).submit(Saga.begin, order, { replyTo: ctx.self.at(got), failTo: ctx.self.at(lost) });
    },
    got() {},
    lost() {},
  },
});

/** The actors of the scene, in each process. */
export const laterActors: readonly Actor[] = [saga, teller, buyer];

/** Users who begin sagas, some of them by way of an actor. */
export function laters(check: LaterCheck): Workload {
  return { name: "l", count: 24, everyMs: 1_500, errand };

  async function errand(clients: Clients, tag: string): Promise<void> {
    const key = clients.pick(sagas);
    const does = clients.pick(["steps", "steps", "handed", "sent", "twice", "refused", "never"] as const);
    const order: Order = { tag, does, waitMs: Math.floor(clients.draw() * 4_000) };
    const sent = { actor: `saga/${key}`, job: { tag }, outcome: "open" } as Sent;
    const asBuyer = clients.draw() < 0.4;
    check.begun.push({ tag, does, sent, ticket: undefined, asBuyer });
    const place = check.begun.length - 1;
    const ticket = await clients.again(sent, async (system) => {
      if (asBuyer) {
        await system.ref(Buyer, "b0").tell(Buyer.buy, { saga: key, order }, { id: tag });
        return undefined;
      }
      return (await system.ref(Saga, key).submit(Saga.begin, order, { id: tag })).id;
    });
    check.begun[place] = { ...check.begun[place], ticket };
    if (ticket === undefined) return;
    await clients.call((system) => system.ticket(ticket).reply({ timeoutMs: 15_000 })).catch(() => {});
  }
}

interface Begun {
  readonly tag: string;
  readonly does: Ending;
  readonly sent: Sent;
  readonly ticket: string | undefined;
  readonly asBuyer: boolean;
}

const separator = "\u001f";

/** Compares the outcomes of sagas with what was begun: each has one. */
export class LaterCheck {
  readonly begun: Begun[] = [];
  /** The outcomes that came, by ticket, or by the tag of what a buyer gets. */
  readonly #outcomes = new Map<string, string[]>();
  readonly #fail: (why: string) => void;
  /** The id of the request of each buyer's saga. */
  readonly #requests = new Map<string, string>();

  constructor(fail: (why: string) => void) {
    this.#fail = fail;
  }

  /** Looks at what a commit writes. */
  apply(parts: readonly AtomicPart[]): void {
    for (const { writes } of parts) {
      for (const { key, value } of writes) {
        const [space, protocol] = key.split(separator);
        if (space === "reply") this.#reply(key, value);
        else if (space === "mail" && protocol === "buyer") this.#mail(value);
        else if (space === "mail" && protocol === "saga") this.#request(value);
      }
    }
  }

  /** `late` says that a time may not have passed yet. */
  checkAtRest(rows: readonly Entry[], late: boolean): void {
    for (const { tag, does, sent, ticket, asBuyer } of this.begun) {
      const outcomes = this.#outcomes.get(asBuyer ? tag : ticket ?? "") ?? [];
      if (sent.outcome === "refused" && outcomes.length > 0) this.#fail(`${tag} was refused and is answered`);
      if (sent.outcome === "accepted" && outcomes.length !== 1 && !late) {
        this.#fail(`the request ${tag} (${does}) has ${outcomes.length} outcomes`);
      }
      for (const outcome of outcomes) {
        const answered = outcome === JSON.stringify(tag);
        if (does === "never" || does === "refused" ? answered : !answered && !outcome.startsWith("failed")) {
          this.#fail(`the request ${tag} (${does}) is answered ${outcome}`);
        }
      }
    }
    for (const { key, value } of rows) {
      if (!key.startsWith(`actor${separator}saga${separator}`)) continue;
      const { begun } = fromText(decodeValue(value).text) as SagaState;
      if (new Set(begun).size < begun.length) this.#fail(`a saga began twice: ${begun.join(" ")}`);
    }
  }

  #reply(key: string, value: Uint8Array): void {
    const { head, text } = decodeValue<{ status: string }>(value);
    if (head.status === "pending") return;
    const name = decodeURIComponent(key.slice(key.lastIndexOf(separator) + 1));
    this.#add(name, head.status === "done" ? text : "failed");
  }

  #mail(value: Uint8Array): void {
    const { head, text } = decodeValue<MessageHeader>(value);
    if (head.operation === "buy") return;
    const tag = this.#requests.get(head.causationId ?? "");
    if (tag !== undefined) this.#add(tag, head.operation === "got" ? text : "failed");
  }

  #request(value: Uint8Array): void {
    const { head, text } = decodeValue<MessageHeader>(value);
    if (head.operation === "begin") this.#requests.set(head.id, (fromText(text) as Order).tag);
  }

  #add(name: string, outcome: string): void {
    this.#outcomes.set(name, [...this.#outcomes.get(name) ?? [], outcome]);
  }
}

/** Whether a row is of a later: at rest none is left. */
export function isOfLater(key: string): boolean {
  const [space, protocol] = key.split(separator);
  return (space === "actor" || space === "timer") && protocol === "~later";
}
