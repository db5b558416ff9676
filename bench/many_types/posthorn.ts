import { type Actor, actor, protocol, System, tell, unchecked } from "@posthorn/posthorn";
import type { Outcome, Workload } from "../contender.ts";
import { timed } from "../timed.ts";
import { burstLength, typeCount } from "../workloads.ts";

/** The message that is passed on: the number of hops left, and the keys of all actors. */
interface Token {
  readonly left: number;
  readonly to: string;
}

const pass = tell(unchecked<Token>());
const Tally = protocol("tally", { take: tell(unchecked<{ n: number }>()), pass });
const Cart = protocol("cart", { take: tell(unchecked<{ sku: string; count: number }>()), pass });
const Bill = protocol("bill", {
  take: tell(unchecked<{ country: string; cents: number; paid: boolean }>()),
  pass,
});
const Visit = protocol("visit", { take: tell(unchecked<{ at: number; by: string }>()), pass });
const Place = protocol("place", { take: tell(unchecked<{ x: number; y: number }>()), pass });
const Order = protocol("order", {
  take: tell(unchecked<{ note: string; lines: number; total: number; open: boolean }>()),
  pass,
});
const Parcel = protocol("parcel", {
  take: tell(unchecked<{ from: string; to: string; kind: string }>()),
  pass,
});
const Timer = protocol("timer", { take: tell(unchecked<{ left: number }>()), pass });
const Producer = protocol("producer", { go: tell(unchecked<number>()) });

const mailbox = { capacity: 1_000_000 };

/**
 * Eight types of actors, each with its own state and message shape. `handled` is called for every message.
 */
function eightActors(handled: () => void): readonly Actor[] {
  return [
    actor(Tally, {
      state: () => ({ total: 0 }),
      on: {
        take(ctx, { n }) {
          ctx.state = { total: ctx.state.total + n };
          handled();
        },
        pass(ctx, { left, to }) {
          ctx.state = { total: ctx.state.total + 1 };
          if (left > 0) ctx.ref(Cart, to).tell(Cart.pass, { left: left - 1, to });
          handled();
        },
      },
      mailbox,
    }),
    actor(Cart, {
      state: () => ({ sku: "", count: 0 }),
      on: {
        take(ctx, { sku, count }) {
          ctx.state = { sku, count: ctx.state.count + count };
          handled();
        },
        pass(ctx, { left, to }) {
          ctx.state = { sku: "tea", count: ctx.state.count + 1 };
          if (left > 0) ctx.ref(Bill, to).tell(Bill.pass, { left: left - 1, to });
          handled();
        },
      },
      mailbox,
    }),
    actor(Bill, {
      state: () => ({ cents: 0, orders: 0 }),
      on: {
        take(ctx, { cents, paid }) {
          const { state } = ctx;
          if (paid) ctx.state = { cents: state.cents + cents, orders: state.orders + 1 };
          handled();
        },
        pass(ctx, { left, to }) {
          ctx.state = { cents: 450, orders: ctx.state.orders + 1 };
          if (left > 0) ctx.ref(Visit, to).tell(Visit.pass, { left: left - 1, to });
          handled();
        },
      },
      mailbox,
    }),
    actor(Visit, {
      state: () => ({ last: 0, visits: 0 }),
      on: {
        take(ctx, { at, by }) {
          ctx.state = { last: at, visits: ctx.state.visits + by.length };
          handled();
        },
        pass(ctx, { left, to }) {
          ctx.state = { last: left, visits: ctx.state.visits + 1 };
          if (left > 0) ctx.ref(Place, to).tell(Place.pass, { left: left - 1, to });
          handled();
        },
      },
      mailbox,
    }),
    actor(Place, {
      state: () => ({ x: 0.5, y: 0.5, n: 0 }),
      on: {
        take(ctx, { x, y }) {
          ctx.state = { x, y, n: ctx.state.n + 1 };
          handled();
        },
        pass(ctx, { left, to }) {
          ctx.state = { x: 1.5, y: 2.5, n: ctx.state.n + 1 };
          if (left > 0) ctx.ref(Order, to).tell(Order.pass, { left: left - 1, to });
          handled();
        },
      },
      mailbox,
    }),
    actor(Order, {
      state: () => ({ lines: 0, total: 0 }),
      on: {
        take(ctx, { lines, total, open }) {
          if (!open) ctx.state = { lines: ctx.state.lines + lines, total };
          handled();
        },
        pass(ctx, { left, to }) {
          ctx.state = { lines: ctx.state.lines + 1, total: 9 };
          if (left > 0) ctx.ref(Parcel, to).tell(Parcel.pass, { left: left - 1, to });
          handled();
        },
      },
      mailbox,
    }),
    actor(Parcel, {
      state: () => ({ from: "", to: "", kind: "", n: 0 }),
      on: {
        take(ctx, { from, to, kind }) {
          ctx.state = { from, to, kind, n: ctx.state.n + 1 };
          handled();
        },
        pass(ctx, { left, to }) {
          ctx.state = { from: "a", to: "b", kind: "c", n: ctx.state.n + 1 };
          if (left > 0) ctx.ref(Timer, to).tell(Timer.pass, { left: left - 1, to });
          handled();
        },
      },
      mailbox,
    }),
    actor(Timer, {
      state: () => ({ left: 0, done: 0 }),
      on: {
        take(ctx, { left }) {
          ctx.state = { left, done: ctx.state.done + 1 };
          handled();
        },
        pass(ctx, { left, to }) {
          ctx.state = { left, done: ctx.state.done + 1 };
          if (left > 0) ctx.ref(Tally, to).tell(Tally.pass, { left: left - 1, to });
          handled();
        },
      },
      mailbox,
    }),
  ];
}

const producer = actor(Producer, {
  state: () => null,
  on: {
    go(ctx, left) {
      const tally = ctx.ref(Tally, "main");
      const cart = ctx.ref(Cart, "main");
      const bill = ctx.ref(Bill, "main");
      const visit = ctx.ref(Visit, "main");
      const place = ctx.ref(Place, "main");
      const order = ctx.ref(Order, "main");
      const parcel = ctx.ref(Parcel, "main");
      const timer = ctx.ref(Timer, "main");
      const many = Math.min(left, burstLength);
      for (let index = 0; index < many; index++) {
        switch (index % typeCount) {
          case 0:
            tally.tell(Tally.take, { n: 1 });
            break;
          case 1:
            cart.tell(Cart.take, { sku: "tea", count: 2 });
            break;
          case 2:
            bill.tell(Bill.take, { country: "de", cents: 450, paid: true });
            break;
          case 3:
            visit.tell(Visit.take, { at: 7, by: "ada" });
            break;
          case 4:
            place.tell(Place.take, { x: 1.5, y: 2.5 });
            break;
          case 5:
            order.tell(Order.take, { note: "none", lines: 3, total: 9, open: false });
            break;
          case 6:
            parcel.tell(Parcel.take, { from: "a", to: "b", kind: "c" });
            break;
          default:
            timer.tell(Timer.take, { left: 5 });
        }
      }
      if (left > many) ctx.self.tell(Producer.go, left - many);
    },
  },
});

/**
 * Creates a system of the eight actors, starts the workload, and stops the system when all messages are
 * handled.
 */
async function timedIn(size: number, begin: (system: System) => void): Promise<Outcome> {
  const checked = Promise.withResolvers<number>();
  let count = 0;
  const eight = eightActors(() => {
    if (++count === size) checked.resolve(count);
  });
  const system = new System({ actors: [...eight, producer] });
  const outcome = await timed(() => begin(system), checked);
  await system.stop({ drainMs: 0 });
  return outcome;
}

/** The workloads with 8 types. */
export const posthornTypes: Readonly<Record<"typesBurst" | "typesHop", Workload>> = {
  typesBurst: (size) => timedIn(size, (system) => void system.ref(Producer, "main").tell(Producer.go, size)),
  typesHop: (size) =>
    timedIn(
      size,
      (system) => void system.ref(Tally, "main").tell(Tally.pass, { left: size - 1, to: "main" }),
    ),
};
