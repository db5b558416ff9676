import { type OptionNames, requireKnownOptions } from "../../../runtime/base/option_names.ts";
import { requireWithin } from "../../../runtime/base/require.ts";
import type { Transport } from "../../../runtime/ports/transport.ts";

/** A key that two services share. */
export interface HttpKey {
  /** The name of the key, which travels with what it signs: 1 to 64 of `[A-Za-z0-9._-]`. */
  readonly id: string;
  /** What only the two services know: 32 to 1,024 bytes of UTF-8. Let a machine make it: `openssl rand -base64 32`. */
  readonly secret: string;
}

/** Another service. */
export interface HttpService {
  /**
   * Where its routes are mounted: `https://…`, without user, query and fragment; `http://` is meant for one machine and for
   * private networks. Absent if it has none: then it may send here, and gets replies with the responses to its requests.
   */
  readonly url?: string;
  /**
   * The keys that only this service and that one share, instead of those of all: the first one signs, each of them
   * verifies. With keys of its own no third service can speak in its name.
   *
   * @default {the keys of all services}
   */
  readonly keys?: readonly HttpKey[];
  /**
   * Sends a request, for example to a Durable Object or over a service binding, which have no public address.
   *
   * @default {the `fetch` of the platform}
   */
  readonly fetch?: (request: Request) => Promise<Response>;
}

/** Options of `httpTransport`. */
export interface HttpTransportOptions {
  /**
   * The other services by their names, 1 to 1,000: where they are, or also how to reach them. Nothing is sent to others, and
   * nothing is accepted from others. A service that names itself as well, by the url that it has for others, finds out
   * whether a process of it with another store runs already.
   */
  readonly services: Readonly<Record<string, string | HttpService>>;
  /**
   * The keys of all services, 1 to 16: the first one signs, each of them verifies. Whoever knows one can speak in the name
   * of each service that has no keys of its own.
   */
  readonly keys?: readonly HttpKey[];
  /**
   * What other services may send to, ask and hear: protocols and operations. Nothing else exists for them.
   *
   * @default {[]}
   */
  readonly expose?: Transport["expose"];
  /**
   * The path of the url by which others name this service, if a proxy in front of it changes the path: `/posthorn`.
   *
   * @default {the path of each request}
   */
  readonly path?: string;
  /**
   * The maximum size of a body in bytes, 1 to 33,554,432. A larger one is refused with `too-large`. It should be the same in
   * all services.
   *
   * @default {1_048_576}
   */
  readonly messageBytes?: number;
  /**
   * How far the clocks of two services may be apart, in milliseconds, 1,000 to 300,000. A request is valid for 30 s, and for
   * as long before and after that; within that time each one is accepted once.
   *
   * @default {30_000}
   */
  readonly clockToleranceMs?: number;
  /**
   * Whether a process greets the other services at its start: so it finds out at once whether they are there, whether they
   * know its keys, and whether one of them has an inbox that it wants to read. `false` for what is started by each request,
   * such as a Durable Object: there each greeting would start the others.
   *
   * @default {true}
   */
  readonly greets?: boolean;
}

const optionNames: OptionNames<HttpTransportOptions> = {
  clockToleranceMs: true,
  expose: true,
  greets: true,
  keys: true,
  messageBytes: true,
  path: true,
  services: true,
};

const serviceNames: OptionNames<HttpService> = {
  fetch: true,
  keys: true,
  url: true,
};

const keyNames: OptionNames<HttpKey> = {
  id: true,
  secret: true,
};

/** Another service, checked. */
export interface PeerSettings {
  readonly name: string;
  /** Without a slash at its end. */
  readonly url: URL | undefined;
  readonly keys: readonly HttpKey[];
  fetch(request: Request): Promise<Response>;
}

/** The options, checked and complete. */
export interface Settings {
  readonly peers: ReadonlyMap<string, PeerSettings>;
  readonly path: string | undefined;
  readonly messageBytes: number;
  readonly clockToleranceMs: number;
  readonly greets: boolean;
}

const servicesMax = 1_000;
const keysMax = 16;
const secretBytesMin = 32;
const secretBytesMax = 1_024;
const servicePattern = /^[a-z][a-z0-9-]{0,63}$/;

/** Checks the options. Its errors contain no url and no secret. */
export function settingsOf(options: HttpTransportOptions): Settings {
  requireKnownOptions("httpTransport", options, optionNames);
  const { services, keys, path, messageBytes = 1_048_576, clockToleranceMs = 30_000, greets = true } =
    options;
  requireWithin("messageBytes", messageBytes, 1, 33_554_432);
  requireWithin("clockToleranceMs", clockToleranceMs, 1_000, 300_000);
  if (typeof greets !== "boolean") throw unusable("greets", "true or false");
  if (typeof services !== "object" || services === null) {
    throw unusable("services", "an object: the name of each service and its url");
  }
  const entries = Object.entries(services);
  if (entries.length < 1 || entries.length > servicesMax) {
    throw unusable("services", `1 to ${servicesMax} services: it has ${entries.length}`);
  }
  const isPath = typeof path === "string" && /^(\/[\w.~%-]+)*\/?$/.test(path);
  if (path !== undefined && !isPath) {
    throw unusable("path", "a path, for example /posthorn");
  }
  if (keys !== undefined) requireKeys("keys", keys);
  const peers = new Map(entries.map(([name, given]) => [name, peerOf(name, given, keys)]));
  return { peers, path: path?.replace(/\/$/, ""), messageBytes, clockToleranceMs, greets };
}

function peerOf(
  name: string,
  given: string | HttpService,
  common: readonly HttpKey[] | undefined,
): PeerSettings {
  const option = `services.${JSON.stringify(name.slice(0, 80)).slice(1, -1)}`;
  if (!servicePattern.test(name)) throw unusable(option, `named by a text that matches ${servicePattern}`);
  const service: HttpService = typeof given === "string" ? { url: given } : given;
  requireKnownOptions("httpTransport", service, serviceNames, option);
  const { url, keys = common, fetch: send } = service;
  if (keys === undefined) throw unusable(option, "given keys, because there are none for all services");
  requireKeys(`${option}.keys`, keys);
  if (send !== undefined && typeof send !== "function") throw unusable(`${option}.fetch`, "a function");
  return {
    name,
    url: url === undefined ? undefined : urlOf(option, url),
    keys,
    fetch: send === undefined ? (request) => fetch(request) : async (request) => await send(request),
  };
}

function urlOf(option: string, text: string): URL {
  const url = typeof text === "string" && URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !["https:", "http:"].includes(url.protocol)) {
    throw unusable(`${option}.url`, "https://host/path");
  }
  if (url.username !== "" || url.password !== "") {
    throw unusable(`${option}.url`, "without user and password");
  }
  if (url.search !== "" || url.hash !== "") throw unusable(`${option}.url`, "without a query and a fragment");
  url.pathname = url.pathname.replace(/\/+$/, "");
  return url;
}

function requireKeys(option: string, keys: readonly HttpKey[]): void {
  if (!Array.isArray(keys) || keys.length < 1 || keys.length > keysMax) {
    throw unusable(option, `a list of 1 to ${keysMax} keys`);
  }
  const ids = new Set<string>();
  for (const [index, key] of keys.entries()) {
    const which = `${option}[${index}]`;
    requireKnownOptions("httpTransport", key, keyNames, which);
    const { id, secret } = key;
    if (typeof id !== "string" || !/^[A-Za-z0-9._-]{1,64}$/.test(id)) {
      throw unusable(`${which}.id`, "1 to 64 of [A-Za-z0-9._-]");
    }
    if (ids.has(id)) throw unusable(`${which}.id`, "another one than those of the other keys");
    ids.add(id);
    const bytes = typeof secret === "string" ? new TextEncoder().encode(secret).length : 0;
    if (bytes >= secretBytesMin && bytes <= secretBytesMax) continue;
    throw unusable(
      `${which}.secret`,
      `a text of ${secretBytesMin} to ${secretBytesMax} bytes: it has ${bytes}`,
    );
  }
}

function unusable(option: string, what: string): RangeError {
  return new RangeError(`Cannot use ${option} of httpTransport: it must be ${what}`);
}
