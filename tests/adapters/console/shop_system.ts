// A small shop that has something to show on every screen of a console.

import {
  actor,
  event,
  type Later,
  protocol,
  RetryableError,
  submit,
  survey,
  System,
  type SystemOptions,
  tell,
  TerminalError,
  unchecked,
} from "@posthorn/posthorn";

import * as z from "zod";

export const Order = protocol("order", {
  add: tell(z.object({ sku: z.string(), cents: z.number().int() })),
  charge: tell(unchecked()),
  settle: submit(z.string()),
  remind: tell(),
  settled: event(z.string()),
});
export const Ledger = protocol("ledger", { record: tell(z.string()), quote: survey(z.string()) });

interface OrderState {
  readonly cents: number;
  readonly lines: readonly string[];
}

/** A shop whose bank is closed until somebody says that it is open. */
export class Shop {
  /** Whether the bank charges cards. */
  bankIsOpen = false;
  readonly system: System;

  constructor(options: Partial<SystemOptions> = {}) {
    const order = actor(Order, {
      state: (): OrderState => ({ cents: 0, lines: [] }),
      retry: { attempts: 100, baseMs: 60_000 },
      on: {
        add(ctx, { sku, cents }) {
          if (sku === "slow-bank") throw new RetryableError("The bank does not answer", { afterMs: 60_000 });
          ctx.state = { cents: ctx.state.cents + cents, lines: [...ctx.state.lines, sku] };
          ctx.publish(Order.settled, sku);
        },
        charge: (ctx) => {
          if (!this.bankIsOpen) throw new TerminalError("The bank is closed", { code: "bank-closed" });
          ctx.state = { ...ctx.state, cents: 0 };
        },
        settle: (ctx): Later<string> => ctx.later(),
        remind: () => {},
      },
    });
    const ledger = actor(Ledger, {
      state: () => 0,
      on: { record: (ctx) => void ctx.state++, quote: () => undefined },
    });
    this.system = new System({ actors: [order, ledger], ...options });
  }

  /** Puts something on every screen. */
  async fill(): Promise<void> {
    const { system } = this;
    await system.ready();
    await system.subscribe(Order.settled, system.ref(Ledger, "main").at(Ledger.record)).ready;
    const ada = system.ref(Order, "ada");
    await ada.tell(Order.add, { sku: "tea", cents: 450 });
    await ada.tell(Order.add, { sku: "pot", cents: 1_999 });
    await system.ref(Order, "bob").tell(Order.charge, { card: "4242", cents: 450 });
    await system.ref(Order, "eve").tell(Order.add, { sku: "slow-bank", cents: 1 });
    await system.ref(Order, "eve").tell(Order.add, { sku: "behind it", cents: 2 });
    await system.ref(Order, "joe").submit(Order.settle);
    await system.schedule("reminder", { cron: "0 9 * * *", timeZone: "Europe/Berlin" }, ada.at(Order.remind));
    await ada.tell(Order.remind, { afterMs: 3_600_000 });
    while (system.deadLetters.size === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
