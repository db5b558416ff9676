// NATS with JetStream, built from its sources by Go.

import type { BrokerKind, BrokerNode, BrokerOptions } from "./broker.ts";
import { cacheFolder, isFile, run, threeTimes } from "./cache.ts";
import { makeCertificates } from "./certificates.ts";
import { answerOf, freePorts } from "./ports.ts";

const version = "2.15.2";
const user = "posthorn";
const password = "secret-of-nats";

function serverPath(): string {
  return `${cacheFolder(`nats-${version}`)}/nats-server`;
}

export const nats: BrokerKind = {
  name: "nats",
  version,

  isInstalled: () => isFile(serverPath()),

  async install() {
    if (this.isInstalled()) return;
    const folder = cacheFolder(`nats-${version}`);
    await Deno.mkdir(folder, { recursive: true });
    const env = { GOBIN: folder, GOFLAGS: "-buildvcs=false -modcacherw -trimpath", CGO_ENABLED: "0" };
    const args = ["install", "-ldflags=-s -w", `github.com/nats-io/nats-server/v2@v${version}`];
    await threeTimes(() => run("go", args, { env }));
  },

  async configure(folder: string, options: BrokerOptions): Promise<BrokerNode> {
    const [port, webSocketPort] = freePorts(2);
    const certificates = options.tls ? await makeCertificates(folder) : undefined;
    const tls = certificates &&
      `tls { cert_file: "${certificates.certificate}", key_file: "${certificates.key}" }`;
    await Deno.writeTextFile(
      `${folder}/nats.conf`,
      [
        `listen: "127.0.0.1:${port}"`,
        `websocket { listen: "127.0.0.1:${webSocketPort}", ${tls ?? "no_tls: true"} }`,
        `jetstream { store_dir: "${folder}/data", max_memory_store: 64MB, max_file_store: 4GB }`,
        ...(tls ? [tls] : []),
        ...(options.password ? [`authorization { user: "${user}", password: "${password}" }`] : []),
        ...options.configuration ?? [],
        "",
      ].join("\n"),
    );
    const login = options.password ? `${user}:${password}@` : "";
    const scheme = options.tls ? ["tls", "wss"] : ["nats", "ws"];
    return {
      name: "nats",
      url: `${scheme[0]}://${login}127.0.0.1:${port}`,
      others: { websocket: `${scheme[1]}://${login}127.0.0.1:${webSocketPort}` },
      ports: [port, webSocketPort],
      ...(options.password ? { user, password } : {}),
      ...(certificates ? { authority: certificates.authority } : {}),
    };
  },

  program: (folder) => ({
    command: serverPath(),
    args: ["-c", `${folder}/nats.conf`],
    log: `${folder}/log`,
  }),

  /** The server speaks first, and says whether JetStream is there. */
  async serves(node: BrokerNode): Promise<boolean> {
    const answer = await answerOf(node.ports[0], new Uint8Array(), (answer) => answer.includes(10));
    const said = new TextDecoder().decode(answer);
    return /^INFO .*"jetstream":true/.test(said);
  },
};
