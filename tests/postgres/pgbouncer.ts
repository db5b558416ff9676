// pgbouncer of Debian, a pooler before a server: it starts in milliseconds, so each test that needs one has its own.

import { installPackages } from "../brokers/apt.ts";
import type { BrokerKind, BrokerNode } from "../brokers/broker.ts";
import { isFile } from "../brokers/cache.ts";
import { freePorts } from "../brokers/ports.ts";
import { asUser, letsIn, own } from "./server.ts";

const program = "/usr/sbin/pgbouncer";

/** When a connection of a client gets another one of the server. */
export type PoolMode = "session" | "transaction";

/** The pooler before the server of that URL. */
export function pgbouncerOf(url: string, mode: PoolMode = "transaction"): BrokerKind {
  const { hostname, port } = new URL(url);
  return {
    name: "pgbouncer",
    version: "1.18, or whichever Debian has",

    isInstalled: () => isFile(program),

    async install() {
      if (!this.isInstalled()) await installPackages("pgbouncer");
    },

    async configure(folder: string): Promise<BrokerNode> {
      const [listens] = freePorts(1);
      const lines = [
        "[databases]",
        `* = host=${hostname} port=${port} user=postgres`,
        "[pgbouncer]",
        "listen_addr = 127.0.0.1",
        `listen_port = ${listens}`,
        "unix_socket_dir =",
        "auth_type = any",
        `pool_mode = ${mode}`,
        "default_pool_size = 5", // fewer than clients have connections, so that they share
        "",
      ];
      await Deno.writeTextFile(`${folder}/pgbouncer.ini`, lines.join("\n"));
      await own(folder);
      const others = {};
      return {
        name: "pgbouncer",
        url: `postgres://postgres@127.0.0.1:${listens}/postgres`,
        others,
        ports: [listens],
      };
    },

    program(folder) {
      const [command, ...args] = asUser(program);
      return { command, args: [...args, `${folder}/pgbouncer.ini`], log: `${folder}/log` };
    },

    serves: letsIn,
  };
}
