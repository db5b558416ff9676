import { Broker } from "../../../tests/brokers/broker.ts";
import { withDatabase } from "../../../tests/postgres/database.ts";
import { postgresServer } from "../../../tests/postgres/server.ts";
import type { Measurement } from "../../run.ts";

/** As Debian has it but for its memory: a commit is on the disk before it is answered. */
const configuration = ["fsync = on", "shared_buffers = 256MB", "max_wal_size = 2GB"];

/** A server whose processor time is measured. */
export interface MeasuredServer extends AsyncDisposable {
  readonly url: string;
  /** Its first process. */
  readonly pid: number;
  readonly version: string;
}

/** The reason why nothing can be measured on PostgreSQL here, if there is one. */
export function postgresIsMissing(): string | undefined {
  if (Deno.build.os !== "linux") return "processor time is read from /proc, which only Linux has";
  if (!postgresServer.isInstalled()) return "it is not installed: deno task postgres --install";
}

/** Starts a server for the measurement alone, or takes one that runs on this machine. */
export async function serverFor(url: string | undefined): Promise<MeasuredServer> {
  const own = url === undefined ? await Broker.temporary(postgresServer, { configuration }) : undefined;
  const stop = async () => await own?.[Symbol.asyncDispose]();
  const interrupted = () => void stop().finally(() => Deno.exit(130)); // else it would run on
  if (own !== undefined) Deno.addSignalListener("SIGINT", interrupted);
  const found = url ?? own!.url;
  const { rows: [{ pid, version }] } = await withDatabase(
    found,
    (client) =>
      client.query(
        "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int AS pid, " +
          "split_part(current_setting('server_version'), ' ', 1) AS version",
      ),
  );
  return {
    url: found,
    pid: pid as number,
    version: version as string,
    async [Symbol.asyncDispose]() {
      if (own !== undefined) Deno.removeSignalListener("SIGINT", interrupted);
      await stop();
    },
  };
}

/** Measures in a new database, which is removed afterwards: no case finds what another has left. */
export async function inDatabase(
  { url }: MeasuredServer,
  measureAt: (url: string) => Promise<Measurement>,
): Promise<Measurement> {
  const name = `bench_${crypto.randomUUID().slice(0, 8)}`;
  await withDatabase(url, (client) => client.query(`CREATE DATABASE ${name}`));
  try {
    const at = new URL(url);
    at.pathname = `/${name}`;
    return await measureAt(at.href);
  } finally {
    await withDatabase(url, (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`));
  }
}
