// The five modes behind HTTP: `modes.js FILE`, or without a file in memory. Prints its URL.

import process from "node:process";
import { actor, ask, event, protocol, submit, survey, System, tell } from "@posthorn/posthorn";
import { ingress } from "@posthorn/posthorn/http";
import { sqlite } from "@posthorn/posthorn/sqlite";
import * as z from "zod";
import { listen } from "../listen.ts";

const Note = z.object({ text: z.string() });
const Book = protocol("book", {
  write: tell(Note),
  texts: ask(z.array(z.string())),
  print: submit(z.object({ delayMs: z.number() }), z.string()),
  written: event(Note),
  like: survey(z.string(), z.string()),
});
const book = actor(Book, {
  state: (): readonly string[] => [],
  on: {
    write(ctx, note) {
      ctx.state = [...ctx.state, note.text];
      ctx.publish(Book.written, note);
    },
    texts: (ctx) => [...ctx.state],
    async print(ctx, { delayMs }) {
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      return ctx.state.join("");
    },
    like: (ctx, word) => ctx.state.includes(word) ? ctx.key : undefined,
  },
});
const [path] = process.argv.slice(2);
const system = new System({ actors: [book], store: path === undefined ? undefined : sqlite(path) });
await system.ready();
for (const key of ["ada", "bob", "cleo"]) {
  system.subscribe(Book.like, system.ref(Book, key).at(Book.like));
}
const app = ingress(system, { expose: [Book], streamsMax: 2 });
console.log(`http://127.0.0.1:${await listen(app.fetch)}/`);
process.once("SIGTERM", async () => {
  await system.stop();
  process.exit();
});
