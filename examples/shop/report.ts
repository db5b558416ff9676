import { type Actor, actor } from "@posthorn/posthorn";
import { Mail, Report } from "./protocols.ts";

/** Counts the shipped orders, and mails the numbers to the owner when it is told to. */
export function report(owner: string): Actor<"report"> {
  return actor(Report, {
    state: () => ({ orders: 0, cents: 0 }),
    on: {
      record(ctx, { cents }) {
        ctx.state = { orders: ctx.state.orders + 1, cents: ctx.state.cents + cents };
      },
      send(ctx) {
        const { orders, cents } = ctx.state;
        ctx.ref(Mail, owner).tell(Mail.send, { subject: "Today", text: `${orders} orders, ${cents} cents` });
        ctx.state = { orders: 0, cents: 0 };
      },
      today: ({ state: { orders, cents } }) => ({ orders, cents }),
    },
  });
}
