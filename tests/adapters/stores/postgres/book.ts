import { actor, ask, protocol, type System, systemClock, tell, unchecked } from "@posthorn/posthorn";

const clock = systemClock();
const sleep = (ms: number) => new Promise<void>((resolve) => void clock.setTimer(ms, resolve));

export const Book = protocol("book", {
  write: tell(unchecked<string>()),
  copy: tell(unchecked<string>()),
  read: ask(unchecked<readonly string[]>()),
});
export const book = actor(Book, {
  state: (): readonly string[] => [],
  on: {
    write(ctx, line) {
      ctx.state = [...ctx.state, line];
      ctx.ref(Book, "copies").tell(Book.copy, line);
    },
    copy: (ctx, line) => void (ctx.state = [...ctx.state, line]),
    read: (ctx) => ctx.state,
  },
  mailbox: { capacity: 100_000 },
  retry: { attempts: 30 },
});

/** Sends lines to a book one after the other, each until it is accepted, and returns those that were. */
export async function write(
  system: System,
  key: string,
  name: string,
  isOver: () => boolean,
): Promise<string[]> {
  const lines: string[] = [];
  while (!isOver()) {
    const line = `${name}-${lines.length}`;
    for (;;) {
      try {
        await system.ref(Book, key).tell(Book.write, line, { id: line });
        break;
      } catch (error) {
        const { code = "" } = error as { readonly code?: string };
        if (!["store-unavailable", "outcome-unknown"].includes(code)) throw error;
        await sleep(50);
      }
    }
    lines.push(line);
  }
  return lines;
}
