import {
  actor,
  ask,
  event,
  protocol,
  type Random,
  submit,
  System,
  systemClock,
  tell,
  unchecked,
} from "@posthorn/posthorn";
import { denoKv } from "@posthorn/posthorn/deno-kv";

/** The sender, and the sequence number of the message to its actor: the tag. */
const Book = protocol("book", {
  write: tell(unchecked<string>()),
  note: ask(unchecked<string>(), unchecked<number>()),
  enter: submit(unchecked<string>(), unchecked<number>()),
  read: ask(unchecked<readonly string[]>()),
  heard: tell(unchecked<string>()),
  news: event(unchecked<string>()),
});

type Mode = "tell" | "ask" | "submit" | "publish";

interface Sent {
  readonly mode: Mode;
  readonly to: string;
  readonly tag: string;
  /** `once`: it must have taken effect; `perhaps`: once or never; `never`: it was refused. */
  outcome: "once" | "perhaps" | "never";
  /** Whether it was sent again, so that its order is unknown. */
  again: boolean;
  code?: string;
}

const books = ["b0", "b1", "b2", "b3", "b4"];
const readers = ["r0", "r1", "r2"];
const clientsMax = 4;
const pauseMs = 60;

/** The report of a run. */
export interface Figures {
  readonly sent: number;
  readonly confirmed: number;
  readonly unknown: number;
  readonly refused: number;
  readonly lost: readonly string[];
  readonly doubled: readonly string[];
  readonly untrue: readonly string[];
  readonly disordered: readonly string[];
  readonly deadLetters: readonly string[];
  readonly codes: Readonly<Record<string, number>>;
}

/** Three systems on one store, and clients that send to them in every mode. */
export class Load {
  readonly #url: string;
  readonly #prefix: string;
  readonly #random: Random;
  readonly #systems: System[] = [];
  readonly #sent: Sent[] = [];
  #ended = false;

  constructor(url: string, prefix: string, random: Random) {
    this.#url = url;
    this.#prefix = prefix;
    this.#random = random;
  }

  /** Starts the systems, and subscribes the readers. */
  async begin(): Promise<void> {
    for (let index = 0; index < 3; index++) this.#systems.push(await this.#start());
    const [first] = this.#systems;
    for (const reader of readers) first.subscribe(Book.news, first.ref(Book, reader).at(Book.heard));
    await sleep(2_000);
  }

  /** Sends until it is stopped; every 10 seconds a system is stopped and another started. */
  async run(forMs: number): Promise<void> {
    const clients = this.#systems.flatMap((_, place) =>
      Array.from({ length: clientsMax }, (_, client) => this.#client(place, `c${place}${client}`))
    );
    for (let leftMs = forMs; leftMs > 0; leftMs -= 10_000) {
      await sleep(Math.min(leftMs, 10_000));
      if (leftMs <= 10_000) break;
      const stopping = this.#systems[2];
      this.#systems[2] = await this.#start();
      await stopping.stop({ drainMs: 1_000 });
    }
    this.#ended = true;
    await Promise.all(clients);
  }

  /** Waits until all work is done, and returns the faults found. */
  async judge(): Promise<Figures> {
    const states = await this.#rest();
    const count = (to: string, tag: string) => states.get(to)!.filter((entry) => entry === tag).length;
    const figures = { lost: [], doubled: [], untrue: [] } as Record<string, string[]>;
    for (const { mode, to, tag, outcome, code } of this.#sent) {
      for (const reader of mode === "publish" ? readers : [to]) {
        const effects = count(reader, tag);
        const name = `${mode} ${tag} to ${reader} (${outcome} ${code ?? ""})`;
        if (effects > 1) figures.doubled.push(name);
        if (effects === 0 && outcome === "once") figures.lost.push(name);
        if (effects > 0 && outcome === "never") figures.untrue.push(name);
      }
    }
    const codes: Record<string, number> = {};
    for (const { code } of this.#sent) if (code !== undefined) codes[code] = (codes[code] ?? 0) + 1;
    const of = (outcome: Sent["outcome"]) => this.#sent.filter((sent) => sent.outcome === outcome).length;
    return {
      sent: this.#sent.length,
      confirmed: of("once"),
      unknown: of("perhaps"),
      refused: of("never"),
      lost: figures.lost,
      doubled: figures.doubled,
      untrue: figures.untrue,
      disordered: [...states].flatMap(([to, entries]) => this.#disorder(to, entries)),
      // An ask that could not be started in time is one as well, and whoever asked was told.
      deadLetters: this.#systems[0].deadLetters.list().filter(({ reason }) => reason !== "deadline")
        .map(({ message }) => message),
      codes,
    };
  }

  async end(): Promise<void> {
    await Promise.all(this.#systems.map((system) => system.stop({ drainMs: 1_000 })));
  }

  async #start(): Promise<System> {
    const book = actor(Book, {
      state: (): readonly string[] => [],
      on: {
        write: (ctx, tag) => void (ctx.state = [...ctx.state, tag]),
        note: (ctx, tag) => (ctx.state = [...ctx.state, tag]).length,
        enter: (ctx, tag) => (ctx.state = [...ctx.state, tag]).length,
        read: (ctx) => ctx.state,
        heard: (ctx, tag) => void (ctx.state = [...ctx.state, tag]),
      },
    });
    const store = denoKv(this.#url, { prefix: this.#prefix });
    for (;;) {
      const system = new System({ actors: [book], store, askTimeoutMs: 30_000 });
      if (await system.ready().then(() => true, () => false)) return system;
      await system.stop();
    }
  }

  async #client(place: number, name: string): Promise<void> {
    for (let number = 0; !this.#ended; number++) {
      const modes: Mode[] = ["tell", "tell", "ask", "submit", "publish"];
      const mode = this.#pick(modes);
      const to = mode === "publish" ? readers[0] : this.#pick(books);
      const sent: Sent = { mode, to, tag: `${name}-${number}`, outcome: "perhaps", again: false };
      this.#sent.push(sent);
      await this.#send(sent, place);
      await sleep(this.#random.next() * pauseMs);
    }
  }

  /** Sends a message; half of those with an id are repeated with it until their outcome is known. */
  async #send(sent: Sent, place: number): Promise<void> {
    const named = sent.mode !== "ask" && this.#random.next() < 0.5;
    for (let attempt = 1; attempt <= 8; attempt++) {
      try {
        await this.#act(this.#systems[place], sent, named ? { id: sent.tag } : {});
        sent.outcome = "once";
        return;
      } catch (error) {
        sent.code = (error as { code?: string }).code ?? String(error);
        // The end of a wait or of a system does not tell the effect.
        const unknown = ["outcome-unknown", "deadline"].includes(sent.code) || sent.again;
        sent.outcome = unknown ? "perhaps" : "never";
        if (!named) return;
        sent.again ||= unknown;
        await sleep(500);
      }
    }
  }

  async #act(system: System, { mode, to, tag }: Sent, options: { id?: string }): Promise<void> {
    const ref = system.ref(Book, to);
    if (mode === "tell") await ref.tell(Book.write, tag, options);
    else if (mode === "ask") await ref.ask(Book.note, tag);
    else if (mode === "publish") await system.publish(Book.news, tag, options);
    else {
      const ticket = await ref.submit(Book.enter, tag, options);
      void ticket.reply({ timeoutMs: 20_000 }).catch(() => {}); // its effect is checked in the end
    }
  }

  /** The states when no more messages arrive. */
  async #rest(): Promise<Map<string, readonly string[]>> {
    let before = -1;
    for (let quiet = 0; quiet < 3;) {
      await sleep(6_000); // more than a heartbeat
      const states = new Map<string, readonly string[]>();
      for (const name of [...books, ...readers]) {
        states.set(name, await this.#systems[0].ref(Book, name).ask(Book.read));
      }
      const total = [...states.values()].reduce((sum, { length }) => sum + length, 0);
      quiet = total === before ? quiet + 1 : 0;
      before = total;
      if (quiet === 2) return states;
    }
    throw new Error("never");
  }

  /**
   * The messages of one client to one actor that were handled out of order, although each was accepted before
   * the next was sent.
   */
  #disorder(to: string, entries: readonly string[]): string[] {
    const tells = new Map(
      this.#sent.filter((sent) =>
        sent.mode === "tell" && sent.to === to && !sent.again && sent.outcome === "once"
      )
        .map(({ tag }) => [tag, Number(tag.split("-")[1])]),
    );
    const latest = new Map<string, number>();
    const found: string[] = [];
    for (const tag of entries) {
      const number = tells.get(tag);
      if (number === undefined) continue;
      const [client] = tag.split("-");
      if (number < (latest.get(client) ?? -1)) found.push(`${tag} in ${to} after ${latest.get(client)}`);
      latest.set(client, number);
    }
    return found;
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.#random.next() * items.length)];
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => void systemClock().setTimer(ms, resolve));
}
