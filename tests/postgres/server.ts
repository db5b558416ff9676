// PostgreSQL of Debian. A server shares nothing with another one on the machine: it has its own port and data.

import { installPackages } from "../brokers/apt.ts";
import type { Broker, BrokerKind, BrokerNode, BrokerOptions } from "../brokers/broker.ts";
import { isFile, run } from "../brokers/cache.ts";
import { makeCertificates } from "../brokers/certificates.ts";
import { answerOf, freePorts } from "../brokers/ports.ts";
import { eventually, runningOf } from "../brokers/process.ts";

const versions = "/usr/lib/postgresql";
/** The user of the machine that Debian's package makes: the server refuses to run as root. */
const runsAs = "postgres";

export const postgresServer: BrokerKind = {
  name: "postgres",
  version: "15, or whichever Debian has",
  stopSignal: "SIGINT", // it does not wait for its clients

  isInstalled: () => programs() !== undefined,

  async install() {
    if (!this.isInstalled()) await installPackages("postgresql");
  },

  async configure(folder: string, options: BrokerOptions): Promise<BrokerNode> {
    const [port] = freePorts(1);
    const certificates = options.tls ? await makeCertificates(folder) : undefined;
    await own(folder);
    const [command, ...args] = asUser(`${programs()}/initdb`);
    await run(command, [
      ...[...args, "-D", `${folder}/data`, "-U", "postgres", "-A", "trust", "-E", "UTF8"],
      ...["--locale=C.UTF-8", "--no-sync"],
    ]);
    const lines = [
      "listen_addresses = '127.0.0.1'",
      `port = ${port}`,
      `unix_socket_directories = '${folder}'`,
      "max_connections = 200",
      "shared_buffers = 64MB",
      "fsync = off", // a test kills the server, and not the machine
      ...(certificates
        ? [
          "ssl = on",
          `ssl_cert_file = '${certificates.certificate}'`,
          `ssl_key_file = '${certificates.key}'`,
        ]
        : []),
      ...options.configuration ?? [],
      "",
    ];
    const file = `${folder}/data/postgresql.conf`;
    await Deno.writeTextFile(file, lines.join("\n"), { append: true });
    return {
      name: "postgres",
      url: `postgres://postgres@127.0.0.1:${port}/postgres`,
      others: {},
      ports: [port],
      ...(certificates ? { authority: certificates.authority } : {}),
    };
  },

  program(folder) {
    const [command, ...args] = asUser(`${programs()}/postgres`);
    return { command, args: [...args, "-D", `${folder}/data`], log: `${folder}/log` };
  },

  /** It lets a client in, which it does not before it has recovered from a crash. */
  serves: letsIn,
};

/** Whether a client is let in, by the protocol of PostgreSQL. */
export async function letsIn({ ports: [port] }: BrokerNode): Promise<boolean> {
  const parameters = new TextEncoder().encode("user\0postgres\0database\0postgres\0\0");
  const request = new Uint8Array(8 + parameters.length);
  const view = new DataView(request.buffer);
  view.setInt32(0, request.length);
  view.setInt32(4, 3 << 16); // version 3.0 of the protocol
  request.set(parameters, 8);
  const answer = await answerOf(port, request, ({ length }) => length > 0);
  return answer[0] === "R".charCodeAt(0);
}

/** The folder of the newest server's programs. */
function programs(): string | undefined {
  try {
    return [...Deno.readDirSync(versions)]
      .map(({ name }) => Number(name))
      .toSorted((a, b) => b - a)
      .map((version) => `${versions}/${version}/bin`)
      .find((folder) => isFile(`${folder}/postgres`));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Gives a folder to the user of the server. Every folder above it must let that user pass. */
export async function own(folder: string): Promise<void> {
  if (isRoot()) await run("chown", ["-R", runsAs, folder]);
}

/** A command as the user of the server. */
export function asUser(...command: string[]): string[] {
  if (!isRoot()) return command;
  return ["setpriv", `--reuid=${runsAs}`, `--regid=${runsAs}`, "--clear-groups", ...command];
}

function isRoot(): boolean {
  return Deno.uid() === 0;
}

/** Stops a server like `pg_ctl stop -m immediate`: its processes end at once, and it recovers when it starts again. */
export async function stopImmediately(server: Broker): Promise<void> {
  const pid = runningOf(`${server.folder}/pid`);
  if (pid === undefined) return;
  Deno.kill(pid, "SIGQUIT");
  if (!await eventually(() => !server.isRunning, 30_000)) throw new Error("Cannot stop postgres: it runs on");
}

/** Starts a server that was killed: for a moment, processes that it has left may still hold its memory. */
export async function startAgain(server: Broker): Promise<void> {
  for (let attempt = 1;; attempt++) {
    try {
      return await server.start();
    } catch (error) {
      if (attempt === 5) throw error;
    }
  }
}
