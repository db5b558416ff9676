// RabbitMQ of Debian. A node shares nothing with another one on the machine: it has its own ports, epmd,
// cookie, configuration and data.

import { installPackages } from "./apt.ts";
import type { Broker, BrokerKind, BrokerNode, BrokerOptions } from "./broker.ts";
import { isFile, run } from "./cache.ts";
import { makeCertificates } from "./certificates.ts";
import { answerOf, freePorts } from "./ports.ts";

const programs = "/usr/lib/rabbitmq/bin";
const user = "posthorn";
const password = "secret-of-rabbitmq";

export const rabbitmq: BrokerKind = {
  name: "rabbitmq",
  version: "3.10.8, or whichever Debian has",

  isInstalled: () => isFile(`${programs}/rabbitmq-server`),

  async install() {
    if (!this.isInstalled()) await withoutServices(() => installPackages("rabbitmq-server"));
  },

  async configure(folder: string, options: BrokerOptions): Promise<BrokerNode> {
    const ports = freePorts(5);
    const [port, , , managementPort, tlsPort] = ports;
    const certificates = options.tls ? await makeCertificates(folder) : undefined;
    const lines = [
      `listeners.tcp.default = 127.0.0.1:${port}`,
      `default_user = ${user}`,
      `default_pass = ${password}`,
      "vm_memory_high_watermark.absolute = 1GB",
      "disk_free_limit.absolute = 200MB",
      "log.file.level = warning",
    ];
    if (certificates) {
      lines.push(
        `listeners.ssl.default = 127.0.0.1:${tlsPort}`,
        `ssl_options.cacertfile = ${certificates.authority}`,
        `ssl_options.certfile = ${certificates.certificate}`,
        `ssl_options.keyfile = ${certificates.key}`,
        "ssl_options.verify = verify_none",
      );
    }
    if (options.management) {
      lines.push("management.tcp.ip = 127.0.0.1", `management.tcp.port = ${managementPort}`);
    }
    await Deno.writeTextFile(
      `${folder}/rabbitmq.conf`,
      [...lines, ...options.configuration ?? [], ""].join("\n"),
    );
    await Deno.writeTextFile(
      `${folder}/enabled_plugins`,
      options.management ? "[rabbitmq_management].\n" : "[].\n",
    );
    for (const name of ["home", "mnesia", "logs"]) await Deno.mkdir(`${folder}/${name}`);
    const login = `${user}:${password}@127.0.0.1`;
    return {
      name: "rabbitmq",
      url: options.tls ? `amqps://${login}:${tlsPort}` : `amqp://${login}:${port}`,
      others: {
        internal: `amqp://${login}:${port}`,
        ...(options.management ? { management: `http://${login}:${managementPort}` } : {}),
      },
      ports,
      user,
      password,
      ...(certificates ? { authority: certificates.authority } : {}),
    };
  },

  program: (folder, node) => ({
    command: `${programs}/rabbitmq-server`,
    args: [],
    env: environment(folder, node),
    log: `${folder}/log`,
  }),

  /** It answers the header of AMQP 0-9-1 with Connection.Start: a frame of class 10, method 10. */
  async serves(node: BrokerNode): Promise<boolean> {
    const header = new Uint8Array([...new TextEncoder().encode("AMQP"), 0, 0, 9, 1]);
    const answer = await answerOf(node.ports[0], header, ({ length }) => length >= 11);
    if (answer[0] !== 1 || answer.subarray(7, 11).join() !== "0,10,0,10") return false;
    const { management } = node.others;
    if (management === undefined) return true;
    const { origin } = new URL(management.replace(/\/\/.*@/, "//"));
    const response = await fetch(`${origin}/api/overview`, {
      headers: { authorization: `Basic ${btoa(`${user}:${password}`)}` },
    }).catch(() => undefined);
    await response?.body?.cancel();
    return response?.status === 200;
  },

  /** What is started is a script; the node is its child. */
  processOf: (folder) => Number(Deno.readTextFileSync(`${folder}/beam.pid`)),

  /** Erlang's name server was started by the node, and outlives it. */
  async cleanUp(folder: string, node: BrokerNode): Promise<void> {
    await new Deno.Command("epmd", {
      args: ["-kill"],
      env: environment(folder, node),
      stdout: "null",
      stderr: "null",
    }).output();
  },
};

/** Runs `rabbitmqctl` against a node, and returns what it prints. */
export async function rabbitmqctl({ folder, node }: Broker, ...args: string[]): Promise<string> {
  return await run(`${programs}/rabbitmqctl`, ["-q", ...args], { env: environment(folder, node) });
}

/**
 * Evaluates Erlang in a node, as `rabbitmqctl eval` does, and returns what that comes to. `rabbitmqctl` computes for a
 * second until it has started, so a test runs it only to see what it says.
 */
export async function evaluate({ folder, node }: Broker, code: string): Promise<string> {
  const variables = environment(folder, node);
  const cookie = (await Deno.readTextFile(`${folder}/home/.erlang.cookie`)).trim();
  const args = ["-sname", variables.RABBITMQ_NODENAME, "-c", cookie, "-e"];
  const answer = await run("erl_call", args, {
    env: { ERL_EPMD_PORT: variables.ERL_EPMD_PORT },
    input: `${code}\n`,
  });
  const result = /^\{ok, ([^]*)\}$/.exec(answer.trim())?.[1];
  if (result === undefined) throw new Error(`Cannot evaluate ${code}: ${answer}`);
  return result;
}

/** Runs `rabbitmqadmin` against a node with the option `management`, and returns what it prints. */
export async function rabbitmqadmin({ node }: Broker, ...args: string[]): Promise<string> {
  const { management } = node.others;
  if (management === undefined) throw new Error("Cannot run rabbitmqadmin: the node has no management");
  const { port } = new URL(management);
  const login = ["--host", "127.0.0.1", "--port", port, "--username", user, "--password", password];
  return await run("rabbitmqadmin", [...login, ...args]);
}

function environment(folder: string, { ports: [port, distributionPort, namePort] }: BrokerNode) {
  return {
    HOME: `${folder}/home`,
    ERL_CRASH_DUMP: `${folder}/erl_crash.dump`,
    ERL_EPMD_ADDRESS: "127.0.0.1",
    ERL_EPMD_PORT: String(namePort),
    RABBITMQ_NODENAME: `posthorn${port}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(distributionPort),
    RABBITMQ_MNESIA_BASE: `${folder}/mnesia`,
    RABBITMQ_LOG_BASE: `${folder}/logs`,
    RABBITMQ_CONFIG_FILE: `${folder}/rabbitmq`,
    RABBITMQ_CONF_ENV_FILE: `${folder}/rabbitmq-env.conf`, // there is none, and none of the machine is read
    RABBITMQ_ENABLED_PLUGINS_FILE: `${folder}/enabled_plugins`,
    RABBITMQ_PID_FILE: `${folder}/beam.pid`,
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS:
      "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none",
  };
}

/** Debian's package starts a node of the machine, unless this file of its own says no. */
async function withoutServices(install: () => Promise<void>): Promise<void> {
  const policy = "/usr/sbin/policy-rc.d";
  if (isFile(policy)) return await install();
  await Deno.writeTextFile(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 }).catch((error: unknown) => {
    throw new Error("Cannot install rabbitmq-server: it takes root", { cause: error });
  });
  try {
    await install();
  } finally {
    await Deno.remove(policy);
  }
}
