import { Cell, Core } from "../bare.ts";
import type { Contender, Outcome } from "../contender.ts";
import { bareTypes } from "../many_types/bare.ts";
import { type Done, timed, timedCreation } from "../timed.ts";
import {
  asksInFlight,
  bigActors,
  burstLength,
  forkJoinActors,
  ringLength,
  subscribers,
} from "../workloads.ts";

type Add = { readonly type: "add"; readonly n: number };
type Hop = { readonly type: "hop"; readonly left: number };
type Ping = { readonly type: "ping"; readonly from: Cell };
type Inc = { readonly payload: number; readonly resolve: (reply: number) => void };

/** A counter that reports when it reaches a total. */
function counter(core: Core, until: number, done: Done): Cell {
  let count = 0;
  return new Cell(core, (message) => {
    count += (message as Add).n;
    if (count === until) done(count);
  });
}

function flood(cells: readonly Cell[], size: number): void {
  const many = cells.length;
  for (let index = 0; index < size; index++) cells[index % many].tell({ type: "add", n: 1 });
}

export const contender: Contender = {
  id: "bare",
  label: "bare core",
  form:
    "The mailbox loop of `bench/bare.ts`: closures as actors, a fresh message object with its kind in it each time.",
  workloads: {
    ...bareTypes,
    count: (size) =>
      timed((done) => {
        const cell = counter(new Core(), size, done);
        for (let index = 0; index < size; index++) cell.tell({ type: "add", n: 1 });
      }),
    burst: (size) =>
      timed((done) => {
        const core = new Core();
        const target = counter(core, size, done);
        let left = size;
        const producer = new Cell(core, (_, self) => {
          for (let index = 0; index < burstLength && left > 0; index++, left--) {
            target.tell({ type: "add", n: 1 });
          }
          if (left > 0) self.tell({ type: "go" });
        });
        producer.tell({ type: "go" });
      }),
    pingPong: (size) =>
      timed((done) => {
        const core = new Core();
        let pongs = 0;
        const pong = new Cell(core, (message, self) =>
          (message as Ping).from.tell({ type: "pong", from: self }));
        const ping = new Cell(core, (_, self) => {
          if (++pongs === size) {
            done(pongs);
          } else pong.tell({ type: "ping", from: self });
        });
        pong.tell({ type: "ping", from: ping });
      }),
    ring: (size) =>
      timed((done) => {
        const core = new Core();
        const cells: Cell[] = [];
        for (let index = 0; index < ringLength; index++) {
          const next = (index + 1) % ringLength;
          cells.push(
            new Cell(core, (message) => {
              const { left } = message as Hop;
              if (left === 0) done(index);
              else cells[next].tell({ type: "hop", left: left - 1 });
            }),
          );
        }
        cells[0].tell({ type: "hop", left: size });
      }),
    big: bigRounds,
    bigKept: bigRounds,
    forkJoin: (size) =>
      timed((done) => {
        const core = new Core();
        let count = 0;
        const cells = Array.from(
          { length: forkJoinActors },
          () =>
            new Cell(core, () => {
              if (++count === size) done(count);
            }),
        );
        flood(cells, size);
      }),
    create: (size) =>
      timedCreation((done, cells: Cell[]) => {
        const core = new Core();
        let count = 0;
        const receive = () => {
          if (++count === size) done(count);
        };
        for (let index = 0; index < size; index++) {
          const cell = new Cell(core, receive);
          cells.push(cell);
          cell.tell({ type: "add", n: 1 });
        }
      }),
    askOne: (size) =>
      timed(async (done) => {
        const cell = successor(new Core());
        let x = 0;
        for (let index = 0; index < size; index++) x = await cell.ask(x) as number;
        done(x);
      }),
    askMany: (size) =>
      timed(async (done) => {
        const cell = successor(new Core());
        const loop = async () => {
          let x = 0;
          for (let index = 0; index < size / asksInFlight; index++) x = await cell.ask(x) as number;
          return x;
        };
        const last = await Promise.all(Array.from({ length: asksInFlight }, loop));
        done(last.reduce((sum, x) => sum + x, 0));
      }),
    publish: (size) =>
      timed((done) => {
        const core = new Core();
        let count = 0;
        const receive = () => {
          if (++count === size * subscribers) done(count);
        };
        const cells = Array.from({ length: subscribers }, () => new Cell(core, receive));
        let left = size;
        const publisher = new Cell(core, (_, self) => {
          const event = { type: "event", n: left };
          for (const cell of cells) cell.tell(event);
          if (--left > 0) self.tell({ type: "go" });
        });
        publisher.tell({ type: "go" });
      }),
  },
};

function successor(core: Core): Cell {
  return new Cell(core, (message) => {
    const { payload, resolve } = message as Inc;
    resolve(payload + 1);
  });
}

/** Every cell holds references to all others. */
function bigRounds(size: number): Promise<Outcome> {
  return timed((done) => {
    const core = new Core();
    let total = 0;
    const cells: Cell[] = [];
    for (let index = 0; index < bigActors; index++) {
      let received = 0;
      let rounds = 0;
      const round = (self: Cell) => {
        rounds++;
        for (const other of cells) if (other !== self) other.tell({ type: "add", n: 1 });
      };
      cells.push(
        new Cell(core, (message, self) => {
          if ((message as { type: string }).type === "go") return round(self);
          total++;
          if (++received % (bigActors - 1) === 0 && rounds < size) round(self);
          if (total === size * bigActors * (bigActors - 1)) done(total);
        }),
      );
    }
    for (const cell of cells) cell.tell({ type: "go" });
  });
}
