import { guarded } from "../../../runtime/base/guarded.ts";
import { type OptionNames, requireKnownOptions } from "../../../runtime/base/option_names.ts";
import { requireWithin } from "../../../runtime/base/require.ts";
import type { Transport } from "../../../runtime/ports/transport.ts";
import { Names } from "./names.ts";

/** How a connection of `nats` is secured. */
export interface NatsTls {
  /**
   * The certificates of the authorities that are trusted, in PEM.
   *
   * @default {those of the platform}
   */
  readonly ca?: string;
  /** The certificate of this program, in PEM, if the server wants one. It needs `key`. */
  readonly cert?: string;
  /** The private key of `cert`, in PEM. */
  readonly key?: string;
}

/** Options of {@linkcode nats}. */
export interface NatsOptions {
  /**
   * Where the server is: `nats://user:password@host:port`, `tls://` if it must have TLS, or `wss://` for the `websocket`
   * block of the server (`ws://` without TLS). Older versions of Deno, for example 2.5, cannot begin TLS on an open
   * connection: use `wss://` there. A user without a password is a token. The port is 4222, and 443 for `wss`. For a
   * cluster a list of 1 to 16 URLs, which are tried in turn. Characters with a meaning in URLs are percent-encoded.
   */
  readonly url: string | readonly string[];
  /**
   * What other services may send to, ask and hear: protocols and operations. Nothing else exists for them.
   *
   * @default {[]}
   */
  readonly expose?: Transport["expose"];
  /** How connections with TLS are secured, except for `wss`, whose certificates the platform knows (`DENO_CERT`). */
  readonly tls?: NatsTls;
  /** The text of a credentials file (`.creds`), if the server wants a JWT. It needs the package `@nats-io/nats-core`. */
  readonly credentials?: string;
  /**
   * Is put in front of every name in the server, so that two environments share one without meeting: 1 to 32 of
   * `[a-z0-9-]`, begins with a letter, and is neither `posthorn` nor the name of a protocol. The subject `order.ada.add`
   * becomes `test.order.ada.add`, and the stream `ORDER` becomes `TEST_ORDER`.
   *
   * @default {none}
   */
  readonly namespace?: string;
  /**
   * The maximum size of a body in bytes, 1 to 67,043,328. A larger one is refused with `too-large`. With 64 KiB for the
   * headers it must not exceed `max_payload` of the server, which is 1 MiB by default.
   *
   * @default {983_040}
   */
  readonly messageBytes?: number;
  /**
   * How long a stream keeps a message, in milliseconds, 60,000 to 3,153,600,000,000: what a service has not read by then
   * is lost. It is given to streams that this program creates; `nats stream edit` changes others.
   *
   * @default {604_800_000} seven days
   */
  readonly retentionMs?: number;
  /**
   * On how many servers a stream is kept, 1 to 5. It is given to streams that this program creates.
   *
   * @default {1}
   */
  readonly replicas?: number;
}

const optionNames: OptionNames<NatsOptions> = {
  credentials: true,
  expose: true,
  messageBytes: true,
  namespace: true,
  replicas: true,
  retentionMs: true,
  tls: true,
  url: true,
};

const tlsNames: OptionNames<NatsTls> = {
  ca: true,
  cert: true,
  key: true,
};

/** A server. */
export interface Server {
  /** The URL of a WebSocket, without user and password. */
  readonly address: string;
  readonly host: string;
  readonly port: number;
  /** For errors: without user and password. */
  readonly place: string;
  readonly isWebSocket: boolean;
  readonly user: string;
  readonly password: string | undefined;
}

/** The options, checked and complete. */
export interface Settings {
  readonly servers: readonly Server[];
  readonly tls: NatsTls | undefined;
  readonly credentials: string | undefined;
  readonly names: Names;
  readonly messageBytes: number;
  readonly retentionMs: number;
  readonly replicas: number;
}

const serversMax = 16;

/** Checks the options. Its errors contain no URL, because that has a password. */
export function settingsOf(options: NatsOptions): Settings {
  requireKnownOptions("nats", options, optionNames);
  requireKnownOptions("nats", options.tls, tlsNames, "tls");
  const {
    url,
    tls,
    credentials,
    namespace = "",
    messageBytes = 983_040,
    retentionMs = 604_800_000,
    replicas = 1,
  } = options;
  requireWithin("messageBytes", messageBytes, 1, 67_043_328);
  requireWithin("retentionMs", retentionMs, 60_000, 3_153_600_000_000);
  requireWithin("replicas", replicas, 1, 5);
  if (credentials !== undefined && !/-----BEGIN NATS USER JWT-----/.test(credentials)) {
    throw unusable("credentials", "the text of a credentials file, not its path");
  }
  const urls: readonly string[] = typeof url === "string" ? [url] : url;
  if (!Array.isArray(urls) || urls.length < 1 || urls.length > serversMax) {
    throw unusable("url", `a URL, or a list of 1 to ${serversMax} URLs`);
  }
  const isNamespace = typeof namespace === "string" && /^([a-z][a-z0-9-]{0,31})?$/.test(namespace);
  if (!isNamespace || namespace === "posthorn") {
    throw unusable("namespace", "1 to 32 of [a-z0-9-] that begin with a letter, and not posthorn");
  }
  const names = new Names(namespace);
  const servers = urls.map(serverOf);
  return { servers, tls: tlsOf(tls, urls), credentials, names, messageBytes, retentionMs, replicas };
}

const schemes = ["nats:", "tls:", "ws:", "wss:"];

function serverOf(text: string): Server {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !schemes.includes(url.protocol) || url.hostname === "") {
    throw unusable("url", "nats://user:password@host:port or wss://…");
  }
  if (url.search !== "" || url.hash !== "") throw unusable("url", "without a query: there are options");
  const isWebSocket = url.protocol.startsWith("ws");
  const port = Number(url.port || (isWebSocket ? (url.protocol === "ws:" ? 80 : 443) : 4222));
  const place = `${url.hostname}:${port}`;
  return {
    address: `${url.protocol}//${place}${url.pathname}`,
    host: url.hostname.replace(/^\[|\]$/g, ""), // of an address of IPv6
    port,
    place,
    isWebSocket,
    user: decoded(url.username),
    password: url.password === "" ? undefined : decoded(url.password),
  };
}

/** What the client is told of TLS: that there must be some, if a URL or an option says so. */
function tlsOf(tls: NatsTls | undefined, urls: readonly string[]): NatsTls | undefined {
  if (tls === undefined) return urls.some((url) => url.startsWith("tls:")) ? {} : undefined;
  if (urls.some((url) => url.startsWith("ws"))) throw unusable("tls", "absent with ws:// and wss://");
  const { ca, cert, key } = tls;
  for (
    const [option, pem, kind] of [["ca", ca, "CERTIFICATE"], ["cert", cert, "CERTIFICATE"], [
      "key",
      key,
      "PRIVATE KEY",
    ]]
  ) {
    if (pem !== undefined && !new RegExp(`-----BEGIN [A-Z ]*${kind}-----`).test(pem)) {
      throw unusable(`tls.${option}`, "PEM: the text of the file, not its path");
    }
  }
  if ((cert === undefined) !== (key === undefined)) throw unusable("tls.cert", "given together with tls.key");
  return { ...(ca === undefined ? {} : { ca }), ...(cert === undefined ? {} : { cert, key: key! }) };
}

function decoded(part: string): string {
  const text = guarded(() => decodeURIComponent(part), undefined);
  if (text === undefined) throw unusable("url", "percent-encoded"); // the cause would contain a part of the URL
  return text;
}

function unusable(option: string, what: string): RangeError {
  return new RangeError(`Cannot use ${option} of nats: it must be ${what}`);
}
