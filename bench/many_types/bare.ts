import { Cell, Core } from "../bare.ts";
import type { Workload } from "../contender.ts";
import { timed } from "../timed.ts";
import { burstLength, typeCount } from "../workloads.ts";

type Pass = { readonly type: "pass"; readonly left: number };
type Take<Payload> = { readonly type: "take" } & Payload;
type Tally = Take<{ readonly n: number }> | Pass;
type Cart = Take<{ readonly sku: string; readonly count: number }> | Pass;
type Bill = Take<{ readonly country: string; readonly cents: number; readonly paid: boolean }> | Pass;
type Visit = Take<{ readonly at: number; readonly by: string }> | Pass;
type Place = Take<{ readonly x: number; readonly y: number }> | Pass;
type Order =
  | Take<{ readonly note: string; readonly lines: number; readonly total: number; readonly open: boolean }>
  | Pass;
type Parcel = Take<{ readonly from: string; readonly to: string; readonly kind: string }> | Pass;
type Timer = Take<{ readonly left: number }> | Pass;

/** Eight cells, each with its own closure, state and message shape, like {@linkcode eightActors}. */
function eightCells(core: Core, handled: () => void): readonly Cell[] {
  const cells: Cell[] = [];
  const pass = (index: number, left: number) => {
    if (left > 0) cells[index % typeCount].tell({ type: "pass", left: left - 1 });
  };
  let tally = { total: 0 };
  let cart = { sku: "", count: 0 };
  let bill = { cents: 0, orders: 0 };
  let visit = { last: 0, visits: 0 };
  let place = { x: 0.5, y: 0.5, n: 0 };
  let order = { lines: 0, total: 0 };
  let parcel = { from: "", to: "", kind: "", n: 0 };
  let timer = { left: 0, done: 0 };
  cells.push(
    new Cell(core, (raw) => {
      const message = raw as Tally;
      if (message.type === "take") tally = { total: tally.total + message.n };
      else {
        tally = { total: tally.total + 1 };
        pass(1, message.left);
      }
      handled();
    }),
    new Cell(core, (raw) => {
      const message = raw as Cart;
      if (message.type === "take") cart = { sku: message.sku, count: cart.count + message.count };
      else {
        cart = { sku: "tea", count: cart.count + 1 };
        pass(2, message.left);
      }
      handled();
    }),
    new Cell(core, (raw) => {
      const message = raw as Bill;
      if (message.type === "take") {
        if (message.paid) bill = { cents: bill.cents + message.cents, orders: bill.orders + 1 };
      } else {
        bill = { cents: 450, orders: bill.orders + 1 };
        pass(3, message.left);
      }
      handled();
    }),
    new Cell(core, (raw) => {
      const message = raw as Visit;
      if (message.type === "take") visit = { last: message.at, visits: visit.visits + message.by.length };
      else {
        visit = { last: message.left, visits: visit.visits + 1 };
        pass(4, message.left);
      }
      handled();
    }),
    new Cell(core, (raw) => {
      const message = raw as Place;
      if (message.type === "take") place = { x: message.x, y: message.y, n: place.n + 1 };
      else {
        place = { x: 1.5, y: 2.5, n: place.n + 1 };
        pass(5, message.left);
      }
      handled();
    }),
    new Cell(core, (raw) => {
      const message = raw as Order;
      if (message.type === "take") {
        if (!message.open) order = { lines: order.lines + message.lines, total: message.total };
      } else {
        order = { lines: order.lines + 1, total: 9 };
        pass(6, message.left);
      }
      handled();
    }),
    new Cell(core, (raw) => {
      const message = raw as Parcel;
      if (message.type === "take") {
        parcel = { from: message.from, to: message.to, kind: message.kind, n: parcel.n + 1 };
      } else {
        parcel = { from: "a", to: "b", kind: "c", n: parcel.n + 1 };
        pass(7, message.left);
      }
      handled();
    }),
    new Cell(core, (raw) => {
      const message = raw as Timer;
      if (message.type === "take") timer = { left: message.left, done: timer.done + 1 };
      else {
        timer = { left: message.left, done: timer.done + 1 };
        pass(8, message.left);
      }
      handled();
    }),
  );
  return cells;
}

/** The workloads with 8 types on the bare core. */
export const bareTypes: Readonly<Record<"typesBurst" | "typesHop", Workload>> = {
  typesBurst: (size) =>
    timed((done) => {
      const core = new Core();
      let count = 0;
      const [tally, cart, bill, visit, place, order, parcel, timer] = eightCells(core, () => {
        if (++count === size) done(count);
      });
      let left = size;
      const producer = new Cell(core, (_, self) => {
        const many = Math.min(left, burstLength);
        for (let index = 0; index < many; index++) {
          switch (index % typeCount) {
            case 0:
              tally.tell({ type: "take", n: 1 });
              break;
            case 1:
              cart.tell({ type: "take", sku: "tea", count: 2 });
              break;
            case 2:
              bill.tell({ type: "take", country: "de", cents: 450, paid: true });
              break;
            case 3:
              visit.tell({ type: "take", at: 7, by: "ada" });
              break;
            case 4:
              place.tell({ type: "take", x: 1.5, y: 2.5 });
              break;
            case 5:
              order.tell({ type: "take", note: "none", lines: 3, total: 9, open: false });
              break;
            case 6:
              parcel.tell({ type: "take", from: "a", to: "b", kind: "c" });
              break;
            default:
              timer.tell({ type: "take", left: 5 });
          }
        }
        left -= many;
        if (left > 0) self.tell({ type: "go" });
      });
      producer.tell({ type: "go" });
    }),
  typesHop: (size) =>
    timed((done) => {
      let count = 0;
      const [first] = eightCells(new Core(), () => {
        if (++count === size) done(count);
      });
      first.tell({ type: "pass", left: size - 1 });
    }),
};
