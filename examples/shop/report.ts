import { type Actor, actor, type Context } from "@posthorn/posthorn";
import { Mail, Report } from "./protocols.ts";

interface ReportState {
  started: boolean;
  orders: number;
  cents: number;
}

/** Counts the shipped orders, and mails the numbers to the owner every night. */
export function report(owner: string): Actor<"report"> {
  return actor(Report, {
    state: (): ReportState => ({ started: false, orders: 0, cents: 0 }),
    on: {
      start(ctx) {
        if (ctx.state.started) return; // sent at every start of the program
        ctx.state = { ...ctx.state, started: true };
        scheduleNext(ctx);
      },
      record(ctx, { cents }) {
        ctx.state = { ...ctx.state, orders: ctx.state.orders + 1, cents: ctx.state.cents + cents };
      },
      send(ctx) {
        const { orders, cents } = ctx.state;
        ctx.ref(Mail, owner).tell(Mail.send, { subject: "Today", text: `${orders} orders, ${cents} cents` });
        ctx.state = { ...ctx.state, orders: 0, cents: 0 };
        scheduleNext(ctx);
      },
      today: ({ state: { orders, cents } }) => ({ orders, cents }),
    },
  });
}

function scheduleNext(ctx: Context<"report", ReportState>): void {
  ctx.schedule("send", { at: nextNight(ctx.now) }, ctx.self.at(Report.send));
}

/** The next two o'clock at night, UTC. */
export function nextNight(nowMs: number): Date {
  const night = new Date(nowMs);
  night.setUTCHours(2, 0, 0, 0);
  if (night.getTime() <= nowMs) night.setUTCDate(night.getUTCDate() + 1);
  return night;
}
