import { fileURLToPath } from "node:url";
import type { Case } from "../../goals/process.ts";
import { type Command, measure } from "../../run.ts";
import { type Peer, peers } from "./install.ts";
import { inDatabase, type MeasuredServer } from "./server.ts";

/** The sizes of the measurements. */
export interface PostgresSizes {
  readonly actors: readonly number[];
  /** The number of turns in one measurement, and of messages that peers handle, times their shares. */
  readonly turns: number;
  /** The number of messages that are sent one at a time, to the own instance and to another. */
  readonly alone: number;
  readonly another: number;
  /** The number of actors at rest in the database, and of sweeps beside them. */
  readonly atRest: number;
  readonly sweeps: number;
  /** How many times a process is killed. */
  readonly kills: number;
}

export const fullPostgresSizes: PostgresSizes = {
  actors: [1, 100, 10_000],
  turns: 20_000,
  alone: 2_000,
  another: 500,
  atRest: 1_000_000,
  sweeps: 20,
  kills: 3,
};

export const smokePostgresSizes: PostgresSizes = {
  actors: [1, 20],
  turns: 100,
  alone: 5,
  another: 5,
  atRest: 500,
  sweeps: 2,
  kills: 1,
};

const timeoutMs = 300_000;

export const forms = ["usual", "best"] as const;
export type Form = (typeof forms)[number];

/** The cases, in the order of a round. Peers are in `folder`. */
export function postgresCasesOf(
  server: MeasuredServer,
  sizes: PostgresSizes,
  folder: string | undefined,
): readonly Case[] {
  const { actors, turns, alone, another, atRest, sweeps, kills } = sizes;
  const own = (id: string, args: readonly (string | number)[], expected: number): Case => ({
    id,
    run: () =>
      inDatabase(server, (url) => {
        const [workload, ...numbers] = args;
        return measure(ownCommand([workload, url, server.pid, ...numbers]), expected, { timeoutMs });
      }),
  });
  return [
    ...actors.flatMap((count) => [
      own(`turns ${count}`, ["turns", count, turns], turns),
      own(`bare ${count}`, ["bare", count, turns], turns),
      own(`mailbox ${count}`, ["mailbox", count, turns], turns),
    ]),
    own("alone", ["alone", alone], alone),
    own("another", ["another", another], another),
    own("rest", ["rest", atRest, sweeps], atRest),
    own("killed", ["killed", kills], kills),
    ...folder === undefined ? [] : peers.flatMap((peer) =>
      forms.map((form): Case => {
        const count = messagesOf(peer, form, sizes);
        return {
          id: peerCase(peer, form),
          run: () =>
            inDatabase(
              server,
              (url) =>
                measure(peerCommand(folder, [peer.id, form, url, server.pid, count]), count, { timeoutMs }),
            ),
        };
      })
    ),
  ];
}

/** The id of the case of a peer. */
export function peerCase({ id }: Peer, form: Form): string {
  return `${id} ${form}`;
}

/** The number of messages of a measurement of a peer. */
export function messagesOf({ shares }: Peer, form: Form, { turns }: PostgresSizes): number {
  return Math.ceil(turns * shares[form]);
}

function ownCommand(args: readonly (string | number)[]): Command {
  const program = fileURLToPath(new URL("once.ts", import.meta.url));
  return { command: Deno.execPath(), args: ["run", "-A", "--unstable-kv", program, ...args.map(String)] };
}

function peerCommand(folder: string, args: readonly (string | number)[]): Command {
  const program = fileURLToPath(new URL("peer.mjs", import.meta.url));
  const flags = ["run", "-A", "--no-config", "--no-lock", "--node-modules-dir=manual"];
  return { command: Deno.execPath(), args: [...flags, program, folder, ...args.map(String)] };
}
