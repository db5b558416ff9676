import { System } from "@posthorn/posthorn";
import type { Delivery, Tenure } from "@posthorn/posthorn/transport";
import { type SimulatedHost, Simulation } from "@posthorn/posthorn/testing/simulation";
import { capture, delivered, inbox, Order, order, type Reader } from "./intake_stage.ts";

/** A system in a simulated process, and its intake once the store is open. */
interface Member {
  readonly reader: Promise<Reader>;
  readonly system: System;
  stop(): Promise<unknown>;
}

/** A shard of a broker: its messages, and what was acknowledged of them. */
interface Shard {
  readonly name: string;
  epoch: string;
  readonly entries: Delivery[];
  acknowledged: number;
  /** The latest message that was handed over. */
  handedOver: number;
  tenures: number;
}

const keys = ["ada", "bob", "cyd"];

/**
 * A broker whose readers change all the time: a tenure moves while a burst is on its way, and the old reader goes on for
 * a while; acknowledgements are lost, positions are reset, senders repeat a batch.
 */
export class ReadingWorld {
  readonly simulation: Simulation<Member>;
  readonly sent = new Map<string, string[]>();
  readonly #shards: Shard[];
  readonly #isLog: boolean;
  #faults = true;
  #number = 0;

  constructor(seed: number) {
    this.#isLog = seed % 2 === 1;
    this.#shards = ["0", "1"].map((name) => ({
      name,
      epoch: "first",
      entries: [],
      acknowledged: 0,
      handedOver: -1,
      tenures: 0,
    }));
    this.simulation = new Simulation<Member>({
      seed,
      processes: 2,
      faults: { crash: 3, pause: 4, pauseMsMax: 8_000, clocksApartMs: 40_000 },
      start: (host) => this.#start(host),
      store: {
        faults: {
          conflict: 0.05,
          unknownLanded: 0.05,
          unknownLost: 0.03,
          unknownLandsLate: 0.04,
          landedStale: 0.08,
          unreadable: 0.01,
          locked: 0.02,
        },
      },
    });
    for (const shard of this.#shards) this.#move(shard);
  }

  /** Sends for a while with faults, and then lets all come to an end. Returns what is wrong. */
  async run(): Promise<string | undefined> {
    const { simulation } = this;
    for (let burst = 0; burst < 12; burst++) {
      this.#send();
      await simulation.advance(3_000);
    }
    this.#faults = false;
    simulation.calm();
    await simulation.advance(150_000, () => this.#shards.every((shard) => this.#isRead(shard)));
    for (const shard of this.#shards) {
      if (!this.#isRead(shard)) {
        return `shard ${shard.name} stands at ${shard.acknowledged} of ${shard.entries.length}`;
      }
    }
    await simulation.advance(60_000);
    for (const [key, texts] of this.sent) {
      const notes = await this.#notesOf(key);
      if (notes.join() !== texts.join()) return `${key}: ${notes.join()} instead of ${texts.join()}`;
    }
    return undefined;
  }

  async #notesOf(key: string): Promise<readonly string[]> {
    const { system } = this.simulation.running[0].system;
    let notes: readonly string[] = [];
    void system.ref(Order, key).ask(Order.total).then((reply) => notes = reply);
    await this.simulation.advance(10_000);
    return notes;
  }

  #start(host: SimulatedHost): Member {
    const captured = capture(host.store);
    const slow = order({
      onAdd: (text) => {
        if (Number(text) % 5 !== 0) return;
        return new Promise<void>((resolve) => void host.clock.setTimer(Number(text) % 7 * 150, resolve));
      },
    });
    const { clock, random } = host;
    const system = new System({
      clock,
      random,
      store: captured.store,
      actors: [slow],
      log: false,
      drainMs: 0,
    });
    const reader = captured.reader(system, [slow]);
    reader.catch(() => {}); // the store did not open in time: another tenure follows
    return { system, reader, stop: () => system.stop() };
  }

  #isRead({ acknowledged, entries }: Shard): boolean {
    return acknowledged >= entries.length;
  }

  /** Sends a burst; sometimes a relay sends the end of it again. */
  #send(): void {
    const chance = () => this.simulation.random.next();
    const burst: { readonly shard: Shard; readonly entry: Delivery }[] = [];
    for (let count = 0; count < 8; count++) {
      const at = Math.floor(chance() * keys.length);
      const key = keys[at];
      const text = String(++this.#number);
      this.sent.set(key, [...this.sent.get(key) ?? [], text]);
      const headers = { "posthorn-sender": "billing" };
      burst.push({
        shard: this.#shards[at % 2],
        entry: delivered("add", text, { key, id: `m${text}`, headers }),
      });
    }
    const again = chance() < 0.4 ? burst.slice(Math.floor(chance() * burst.length)) : [];
    for (const { shard, entry } of [...burst, ...again]) {
      const position = this.#isLog ? shard.entries.length : undefined;
      this.simulation.clock.setTimer(0, () => {
        shard.entries.push({ ...entry, position: position === undefined ? undefined : shard.entries.length });
        if (this.#faults && this.simulation.random.next() < 0.06) this.#move(shard);
      });
    }
  }

  /** Another process reads the shard from now on; the old one may learn that much later. */
  #move(shard: Shard): void {
    const { clock, random, running } = this.simulation;
    const tenure = ++shard.tenures;
    const next = () => {
      if (shard.tenures === tenure) this.#move(shard);
    };
    clock.setTimer(this.#faults ? 1_000 + random.next() * 8_000 : 20_000, next);
    if (running.length === 0) return;
    const { host, system: { reader } } = running[Math.floor(random.next() * running.length)];
    if (this.#faults && this.#isLog && random.next() < 0.1) shard.acknowledged = 0;
    const controller = new AbortController();
    const zombieMs = this.#faults && random.next() < 0.5 ? random.next() * 9_000 : 0;
    const isOver = () => {
      if (shard.tenures === tenure) return false;
      clock.setTimer(zombieMs, () => controller.abort(new Error("the tenure has ended")));
      return zombieMs === 0 || controller.signal.aborted;
    };
    const reading = reader.then((one) => this.#read(shard, one, controller.signal, isOver, host));
    reading.catch(() => {
      if (shard.tenures === tenure) clock.setTimer(100, next);
    });
  }

  async #read(
    shard: Shard,
    reader: Reader,
    signal: AbortSignal,
    isOver: () => boolean,
    { clock }: SimulatedHost,
  ): Promise<void> {
    const { random } = this.simulation;
    const receiver = reader.receiver(inbox);
    const tenure: Tenure = { shard: shard.name, epoch: this.#isLog ? shard.epoch : undefined, signal };
    await receiver.begin(tenure);
    let next = shard.acknowledged;
    while (!isOver()) {
      const end = Math.min(next + 1 + Math.floor(random.next() * 5), shard.entries.length);
      if (end === next) {
        await new Promise<void>((resolve) => void clock.setTimer(100, resolve));
        continue;
      }
      const batch = shard.entries.slice(next, end).map((entry, index) => ({
        ...entry,
        again: !this.#isLog && next + index <= shard.handedOver,
      }));
      shard.handedOver = Math.max(shard.handedOver, end - 1);
      await receiver.take(batch, tenure);
      next = end;
      const lost = this.#faults && random.next() < 0.15;
      if (!lost && (!isOver() || this.#isLog)) {
        shard.acknowledged = this.#isLog ? next : Math.max(shard.acknowledged, next);
      }
    }
  }
}
