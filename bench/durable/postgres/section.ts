import { formatCount, formatRate, formatRatio, tableOf } from "../../format.ts";
import {
  alternate,
  failureLines,
  formatMedian,
  formatSpread,
  type GoalOptions,
  type Measured,
  spread,
} from "../../goals/process.ts";
import type { Section } from "../../section.ts";
import {
  type Form,
  forms,
  fullPostgresSizes,
  messagesOf,
  peerCase,
  postgresCasesOf,
  type PostgresSizes,
  smokePostgresSizes,
} from "./cases.ts";
import { bothSides, postgresGoals, serverRatio } from "./goals.ts";
import { type Peer, peers } from "./install.ts";
import { serverFor } from "./server.ts";

/** Options of the section. */
export interface PostgresSectionOptions extends GoalOptions {
  /** Sizes that differ from the defaults. */
  readonly sizes?: Partial<PostgresSizes>;
  /** A server that runs on this machine; by default one is started. */
  readonly url?: string;
  /** The folder that has the peers, or nothing to leave them out. */
  readonly folder?: string;
}

/** Measures durable turns on PostgreSQL, bare SQL, and queues of others on the same server. */
export async function postgresSection(options: PostgresSectionOptions): Promise<Section> {
  const sizes = { ...options.size === "full" ? fullPostgresSizes : smokePostgresSizes, ...options.sizes };
  await using server = await serverFor(options.url);
  const measured = await alternate(postgresCasesOf(server, sizes, options.folder), options);
  const there = options.folder === undefined ? [] : peers;
  return {
    title: "Durable turns on PostgreSQL",
    markdown: `${introduction(server.version, sizes)}

### What a message costs

${costsOf(measured, sizes, there)}

### Speed

${ratesOf(measured, sizes, there)}

### One message at a time

${aloneOf(measured)}

### Actors at rest

${restOf(measured, sizes)}${failureLines(measured.failures)}`,
    goals: postgresGoals(measured.series, sizes, there),
  };
}

function introduction(version: string, { turns }: PostgresSizes): string {
  return `PostgreSQL ${version} as Debian configures it, with 256 MB of shared buffers; client and server share the machine.
Processor time is that of the client's process, and of all processes of the server, from /proc: it says more than rates
where other programs run, too. Each measurement has a database of its own.

Code outside any actor tells \`add\` to so many actors in turn, 1,000 messages on their way at once, each sent by a call of
its own, ${
    formatCount(turns)
  } in all. A message is accepted, and its turn changes the actor's state, in order and exactly
once. As many before warm up.

Bare SQL writes the rows that Posthorn has committed in a run of its own, with the same keys and values in the same
groups: each is a transaction with a prepared statement that writes and one that removes arrays of rows. Nothing is
checked, nothing expires, and nothing runs. The mailbox in tables is the same where each message is stored before its
turn, four rows a turn. Queues keep no state and no order: they hand a message to a function that counts. Everything is
sent first, 1,000 at a time, and then handled, so they find enough to take several at once.`;
}

function costsOf({ series }: Measured, sizes: PostgresSizes, peers: readonly Peer[]): string {
  const row = (id: string, label: string, form: string, beside = "") => {
    const of = (figure: (also: Readonly<Record<string, number>>) => number) =>
      formatSpread(spread(series[id], ({ also }) => figure(also!)));
    return [
      label,
      form,
      of(({ serverMicros }) => serverMicros),
      of(({ clientMicros }) => clientMicros),
      beside,
    ];
  };
  const ratio = (one: string, other: string) => {
    const spread = serverRatio(series, one, other);
    return spread === undefined ? "no result" : formatRatio(spread.median);
  };
  const own = sizes.actors.flatMap((actors) => {
    const form = nameOf(actors);
    return [
      row(`turns ${actors}`, "**Posthorn**", form),
      row(`bare ${actors}`, "bare SQL, the same rows", form, ratio(`bare ${actors}`, `turns ${actors}`)),
      row(`mailbox ${actors}`, "a mailbox in tables", form, ratio(`mailbox ${actors}`, `turns ${actors}`)),
    ];
  });
  const most = sizes.actors[sizes.actors.length - 1];
  const others = peers.flatMap((peer) =>
    forms.map((form) =>
      row(peerCase(peer, form), peer.label, peer[form], ratio(peerCase(peer, form), `turns ${most}`))
    )
  );
  return `Microseconds of processor time for one message, from sending to handled: the middle one of the rounds, and the
range. The last column is the server's time as a multiple of that of Posthorn with as many actors; of queues, with ${
    formatCount(most)
  }.

${tableOf(["", "", "server µs", "client µs", "server beside"], [...own, ...others], 2)}`;
}

function nameOf(actors: number): string {
  return `${formatCount(actors)} ${actors === 1 ? "actor" : "actors"}`;
}

function ratesOf({ series }: Measured, sizes: PostgresSizes, peers: readonly Peer[]): string {
  const row = (id: string, label: string, form: string, count: number) => {
    const rate = spread(series[id], ({ elapsedMs }) => count * 1_000 / elapsedMs);
    const of = (name: string) => {
      const figures = spread(series[id], ({ also }) => also![name] ?? NaN);
      return figures === undefined || Number.isNaN(figures.median) ? "" : formatMedian(figures);
    };
    return [
      label,
      form,
      ...rate === undefined ? ["no result", "", ""] : [rate.median, rate.min, rate.max].map(formatRate),
      ...["p50", "partsPerCommit", "rowsPerTurn"].map(of),
    ];
  };
  const own = sizes.actors.flatMap((actors) => [
    row(`turns ${actors}`, "**Posthorn**", nameOf(actors), sizes.turns),
    row(`bare ${actors}`, "bare SQL, the same rows", nameOf(actors), sizes.turns),
    row(`mailbox ${actors}`, "a mailbox in tables", nameOf(actors), sizes.turns),
  ]);
  const others = peers.flatMap((peer) =>
    forms.map((form: Form) => row(peerCase(peer, form), peer.label, `${form}`, messagesOf(peer, form, sizes)))
  );
  const head = ["", "", "messages/s", "least", "greatest", "p50 ms", "parts a commit", "rows a turn"];
  return `The same measurements. Bare SQL has one connection and waits for each statement.

${tableOf(head, [...own, ...others], 2)}`;
}

function aloneOf({ series }: Measured): string {
  const row = (id: string, label: string) => {
    const of = (figure: (also: Readonly<Record<string, number>>) => number) =>
      formatSpread(spread(series[id], ({ also }) => figure(also!)));
    return [
      label,
      of(({ p50 }) => p50),
      of(({ serverMicros }) => serverMicros),
      of(({ clientMicros }) => clientMicros),
      of(bothSides),
    ];
  };
  const killed = (name: string) => formatSpread(spread(series.killed, ({ also }) => also![name]));
  return `A message to an actor that is loaded, until its turn is committed; and from a turn to a turn of another instance,
with the commit and the notification between them. Each waits for the one before. Microseconds are of both instances; a
message and its turn are measured in ten blocks, of which the cheapest counts. For the goals the best round counts: whatever
other programs do in the pauses makes what follows dearer.

${
    tableOf(["", "p50 ms", "server µs", "client µs", "both µs"], [
      row("alone", "a message and its turn"),
      row("another", "a turn, and the turn of another instance that follows"),
    ])
  }

A process is killed in the midst of a turn, and another one is started at once: ${
    killed("p50")
  } ms from the start of that process until the turn begins again, ${
    killed("readyP50")
  } ms of them with its store open.`;
}

function restOf({ series }: Measured, { atRest, sweeps }: PostgresSizes): string {
  const of = (name: string) => formatSpread(spread(series.rest, ({ also }) => also![name]));
  return `What the server reads for a sweep, which looks for messages of others and for schedules that are due: of ${
    formatCount(sweeps)
  } sweeps, in an empty database and beside ${
    formatCount(atRest)
  } actors. An index with so many rows is two pages deeper.

${
    tableOf(["", "rows", "pages"], [
      ["no actors", of("rowsAlone"), of("pagesAlone")],
      [`${formatCount(atRest)} actors at rest`, of("rowsBeside"), of("pagesBeside")],
    ])
  }`;
}
