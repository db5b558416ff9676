import { type OptionNames, requireKnownOptions } from "../../../runtime/base/option_names.ts";
import { requireWithin } from "../../../runtime/base/require.ts";
import type { Transport } from "../../../runtime/ports/transport.ts";

/** How {@linkcode RabbitmqOptions} of `amqps` are secured. */
export interface RabbitmqTls {
  /**
   * The certificates of the authorities that are trusted, in PEM.
   *
   * @default {those of the platform}
   */
  readonly ca?: string | readonly string[];
  /** The certificate of this program, in PEM, if the broker wants one. It needs `key`. */
  readonly cert?: string;
  /** The private key of `cert`, in PEM. */
  readonly key?: string;
  /**
   * The name that the broker's certificate must have.
   *
   * @default {the host of the URL}
   */
  readonly serverName?: string;
}

/** Options of {@linkcode rabbitmq}. */
export interface RabbitmqOptions {
  /**
   * Where the broker is: `amqp://user:password@host:port/vhost`, or `amqps://` with TLS. User and password are `guest` if
   * they are absent, the port is 5672 (5671 with TLS), and the virtual host is `/`. Characters with a meaning in URLs are
   * percent-encoded: the virtual host `/sales` is `%2Fsales`. For a cluster a list of 1 to 16 URLs: its nodes, which
   * are tried in turn.
   */
  readonly url: string | readonly string[];
  /**
   * What other services may send to, ask and hear: protocols and operations. Nothing else exists for them.
   *
   * @default {[]}
   */
  readonly expose?: Transport["expose"];
  /**
   * What begins the names of all exchanges and queues, with a dot behind it: `staging.order`. So several environments
   * share one broker without meeting. 1 to 32 of `[a-z0-9-]`, of which the first is a letter.
   *
   * @default {none}
   */
  readonly namespace?: string;
  /** How `amqps` is secured. */
  readonly tls?: RabbitmqTls;
  /**
   * How many messages of a queue the broker sends ahead, 1 to 10,000. At most half of them are one batch. So many
   * bodies of each queue are in memory at once.
   *
   * @default {500}
   */
  readonly prefetch?: number;
  /**
   * The interval of heartbeats in seconds, 1 to 60. A connection that is silent for two of them is cut; then another
   * process of the service reads its queues. A broker with a shorter interval decides.
   *
   * @default {10}
   */
  readonly heartbeatSeconds?: number;
  /**
   * The maximum size of a body in bytes, 1 to 134,217,728. A larger one is refused with `too-large`. It must not exceed
   * `max_message_size` of the broker: 128 MiB by default, and 16 MiB since RabbitMQ 4.
   *
   * @default {16_777_216}
   */
  readonly messageBytes?: number;
}

const optionNames: OptionNames<RabbitmqOptions> = {
  expose: true,
  heartbeatSeconds: true,
  messageBytes: true,
  namespace: true,
  prefetch: true,
  tls: true,
  url: true,
};

const tlsNames: OptionNames<RabbitmqTls> = {
  ca: true,
  cert: true,
  key: true,
  serverName: true,
};

/** A node of the broker. */
export interface Node {
  readonly hostname: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly vhost: string;
  readonly secure: boolean;
}

/** The options, checked and complete. */
export interface Settings {
  readonly nodes: readonly Node[];
  readonly namespace: string | undefined;
  readonly tls: Readonly<Record<string, unknown>>;
  readonly prefetch: number;
  readonly heartbeatSeconds: number;
  readonly messageBytes: number;
}

const nodesMax = 16;

/** Checks the options. Its errors contain no URL, because that has a password. */
export function settingsOf(options: RabbitmqOptions): Settings {
  requireKnownOptions("rabbitmq", options, optionNames);
  requireKnownOptions("rabbitmq", options.tls, tlsNames, "tls");
  const { url, namespace, tls = {}, prefetch = 500, heartbeatSeconds = 10, messageBytes = 16_777_216 } =
    options;
  requireWithin("prefetch", prefetch, 1, 10_000);
  requireWithin("heartbeatSeconds", heartbeatSeconds, 1, 60);
  requireWithin("messageBytes", messageBytes, 1, 134_217_728);
  const isNamespace = typeof namespace === "string" && /^[a-z][a-z0-9-]{0,31}$/.test(namespace);
  if (namespace !== undefined && !isNamespace) {
    throw unusable("namespace", "1 to 32 of a-z, 0-9 and -, of which the first is a letter");
  }
  const urls: readonly string[] = typeof url === "string" ? [url] : url;
  if (!Array.isArray(urls) || urls.length < 1 || urls.length > nodesMax) {
    throw unusable("url", `a URL, or a list of 1 to ${nodesMax} URLs`);
  }
  return { nodes: urls.map(nodeOf), namespace, tls: tlsOf(tls), prefetch, heartbeatSeconds, messageBytes };
}

function nodeOf(text: string): Node {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "amqp:" && url.protocol !== "amqps:") || url.hostname === "") {
    throw unusable("url", "amqp://user:password@host:port/vhost or amqps://…");
  }
  if (url.search !== "" || url.hash !== "") throw unusable("url", "without a query: there are options");
  const secure = url.protocol === "amqps:";
  const [vhost, ...more] = url.pathname.slice(1).split("/");
  if (more.length > 0) throw unusable("url", "one whose virtual host is one segment: write / in it as %2F");
  return {
    hostname: url.hostname.replace(/^\[(.*)\]$/, "$1"), // the brackets of IPv6 belong to the URL
    port: url.port === "" ? (secure ? 5671 : 5672) : Number(url.port),
    username: decoded(url.username) || "guest",
    password: url.username === "" && url.password === "" ? "guest" : decoded(url.password),
    vhost: decoded(vhost) || "/",
    secure,
  };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch { // the error would contain a part of the URL
    throw unusable("url", "percent-encoded");
  }
}

function tlsOf({ ca, cert, key, serverName }: RabbitmqTls): Record<string, unknown> {
  const authorities: readonly unknown[] = ca === undefined ? [] : [ca].flat();
  for (const [option, pem] of [...authorities.map((one) => ["tls.ca", one]), ["tls.cert", cert]]) {
    if (pem !== undefined && !/-----BEGIN [A-Z ]*CERTIFICATE-----/.test(`${pem}`)) {
      throw unusable(`${option}`, "a certificate in PEM: the text of the file, not its path");
    }
  }
  if (key !== undefined && !/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(key)) {
    throw unusable("tls.key", "a private key in PEM: the text of the file, not its path");
  }
  if ((cert === undefined) !== (key === undefined)) throw unusable("tls.cert", "given together with tls.key");
  const given = { ca: ca === undefined ? undefined : authorities, cert, key, servername: serverName };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function unusable(option: string, what: string): RangeError {
  return new RangeError(`Cannot use ${option} of rabbitmq: it must be ${what}`);
}
