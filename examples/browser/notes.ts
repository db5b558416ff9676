import { actor, ask, event, protocol, submit, tell } from "@posthorn/posthorn";
import * as z from "zod";

const Note = z.object({ user: z.string(), text: z.string().max(1_000) });

/** One actor for each user. The key is the name of the user. */
export const Notes = protocol("notes", {
  add: tell(z.string().max(1_000)),
  list: ask(z.array(z.string())),
  print: submit(z.string()),
  added: event(Note, { subject: ({ user }) => user }),
});

export const notes = actor(Notes, {
  state: (): readonly string[] => [],
  on: {
    add(ctx, text) {
      ctx.state = [...ctx.state, text].slice(-100);
      ctx.publish(Notes.added, { user: ctx.key, text });
    },
    list: (ctx) => [...ctx.state],
    print: (ctx) => ctx.state.join("\n"),
  },
});
