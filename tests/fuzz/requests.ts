// Malformed requests, made of parts of valid ones.

import type { Chance } from "./chance.ts";
import { bodyBytesMax } from "./target.ts";

const encoder = new TextEncoder();

/** One or more requests as bytes, in the chunks in which they are written. */
export interface Sending {
  readonly pieces: readonly Uint8Array[];
  /** Whether the server can tell where it ends, and closes the connection after its response. */
  readonly whole: boolean;
}

const keys = [
  "ada",
  "ada",
  "ada",
  "bob",
  "a%2Fb",
  "%25ff",
  "%ff",
  "%C0%AF",
  "%ED%A0%80",
  "%",
  "%zz",
  "%00",
  "%0d%0ax:y",
  "..",
  "%2e%2e",
  ".",
  "a\\b",
  "é",
  "%C3%A9",
  "~reply",
  "__proto__",
  "constructor",
  "x".repeat(600),
  "a b",
  "a?b",
  "\u0001",
  "*",
  ":key",
  "",
];
const operations = [
  "add",
  "add",
  "add",
  "add",
  "settle",
  "settle",
  "settle",
  "clear",
  "total",
  "echo",
  "echo",
  "map",
  "map",
  "refuse",
  "crash",
  "crash",
  "reject",
  "many",
  "many",
  "hidden",
  "nothing",
  "toString",
];
const bodies: Readonly<Record<string, readonly string[]>> = {
  add: ['{"sku":"tea","cents":450}', '{"sku":"tea","cents":4.5}', '{"sku":7}'],
  total: ['"EUR"', '"GBP"', "null"],
  echo: ['{"a":[1,null,"x"]}', "[[[[1]]]]", "-0", "1e999", '"\\ud800"', '"\\u0000\\u001b"'],
  refuse: ['"no"'],
  settle: ['{"cents":1}', '{"cents":"1"}', '{"cents":1,"then":1}'],
  reject: ['"no"', "0"],
  many: ["[1,2]", `[${Array(900).fill('""').join()}]`],
  noted: ['"text"', '"text"', "{}"],
  quote: ['{"grams":70}', "{}"],
};
const oddBodies = [
  "",
  "{",
  "[",
  "null",
  "0",
  '{"__proto__":{"a":1}}',
  '{"constructor":{"prototype":1}}',
  "\ufeff{}",
  "[".repeat(20) + "]".repeat(20),
  "[".repeat(3_000),
  `["${"y".repeat(2 * bodyBytesMax)}"]`,
  `"${"x".repeat(bodyBytesMax + 10)}"`,
  `"${"☕".repeat(bodyBytesMax / 3)}"`,
  '{"a":1,"a":2}',
  JSON.stringify({ ["k".repeat(3_000)]: 1 }),
];
const superjson = [
  '{"json":{"sku":"tea","cents":1}}',
  '{"json":{"a":"1"},"meta":{"values":{"a":["bigint"]}}}',
  '{"json":{"a":[1]},"meta":{"values":{"a":["set"]}}}',
  '{"json":{"a":"/(a+)+$/"},"meta":{"values":{"a":["regexp"]}}}',
  '{"json":[[["a",1]]],"meta":{"values":{"0":["map"]}}}',
  '{"json":{},"meta":{"values":{"__proto__.x":["Date"]}}}',
  '{"json":["NaN"],"meta":{"values":{"0":["number"]}}}',
  '{"json":1,"meta":{"values":[["custom","x"]]}}',
  '{"json":[1],"meta":{"values":{"4294967290":["set"]}}}',
  '{"json":{"a":1},"meta":{"referentialEqualities":{"a":["b"]}}}',
  '{"json":["2030-01-01"],"meta":{"values":{"0":["Date"]}}}',
  '{"json":"x","meta":{"values":["URL"]}}',
  "{}",
];
const types = [
  "application/json",
  "application/json",
  "application/json",
  "application/json; charset=utf-8",
  "application/superjson+json",
  "application/json; charset=latin1",
  "text/plain",
  "application/x-www-form-urlencoded",
  "multipart/form-data; boundary=x",
  "",
  "application/json;;;",
  "\u00ff",
  "x".repeat(5_000),
];
const queries = [
  "timeoutMs=1",
  "timeoutMs=200",
  "timeoutMs=0",
  "timeoutMs=-1",
  "timeoutMs=1e3",
  "timeoutMs=99999999999999999999",
  "max=1",
  "max=0",
  "max=x",
  "subject=*",
  "subject=paid.>",
  "subject=..",
  `subject=${"a.".repeat(300)}`,
  "event=settled",
  "event=settled,noted",
  "event=",
  "event=hidden",
  "event=__proto__",
  "lastEventId=x-1",
  "lastEventId=settled:0",
  "lastEventId=settled:999999999999999",
  `lastEventId=${"%0a".repeat(50)}`,
  "%",
  "%ff=%ff",
  "timeoutMs=1&timeoutMs=x",
  "&&&",
  "timeoutMs",
];
const headers: readonly (readonly [name: string, values: readonly string[]])[] = [
  ["accept", [
    "*/*",
    "application/superjson+json",
    "application/superjson+json;q=0",
    "text/html",
    ",,,",
    "q=1;;",
  ]],
  ["idempotency-key", [
    "k1",
    "k2",
    '"k3"',
    '"k4";v=1',
    '"',
    "",
    "x".repeat(300),
    "k\u00ff",
    "a b",
    '"k1", "k2"',
  ]],
  ["prefer", ["wait=0", "wait=0, respond-async", "wait=", "wait=99999999999999999999;x", "nowait=1"]],
  ["posthorn-after", ["", "x", "0", "9".repeat(40), "01M8BRJ8GS9Q41QZJR4EHE2003-1", "\u00ff"]],
  ["last-event-id", ["", "x", "settled:0", "settled:5,noted:1", "A-1", "0-999999999999999"]],
  ["authorization", ["Bearer a", "bearer a", "", "Basic \u00ff", "x".repeat(8_000)]],
  ["traceparent", [
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-\u00ff",
    "00-",
    "",
    "x".repeat(8_000),
  ]],
  ["tracestate", ["a=b", "", "\u00ff", "x".repeat(512), "x".repeat(8_000)]],
  ["origin", ["https://evil.example", "null", "x", "http://x"]],
  ["sec-fetch-site", ["cross-site", "same-site", "same-origin", "none", "x"]],
  ["content-encoding", ["gzip", "identity", "br", ""]],
  ["expect", ["100-continue"]],
  ["x-forwarded-host", ["evil.example"]],
  ["cookie", ["a=b"]],
  ["te", ["trailers"]],
  ["upgrade", ["h2c"]],
  ["range", ["bytes=0-1"]],
  ["bad name", ["x"]],
  ["x", ["\u0001", "a\r\n b", "a".repeat(20_000)]],
];
const hosts = [
  "x",
  "x",
  "x",
  "127.0.0.1",
  "[",
  "a:99999",
  "a b",
  "%",
  ":80",
  "xn--",
  "",
  "evil.example/path",
];
const methods = [
  "GET",
  "HEAD",
  "PUT",
  "DELETE",
  "OPTIONS",
  "PATCH",
  "PROPFIND",
  "TRACE",
  "CONNECT",
  "post",
  "G T",
  "",
  "\u0000",
];

/** The next sending; `replies` are the paths of replies that can be collected. */
export function nextSending(chance: Chance, replies: readonly string[]): Sending {
  if (chance.percent(30)) return fit(chance);
  const { pieces, whole } = request(chance, replies, true);
  const first = chance.percent(8) ? request(chance, replies, false) : { pieces: [], whole: true };
  const bytes = joined([...first.pieces, ...pieces]);
  if (chance.percent(6)) {
    return { pieces: cut(chance, bytes.slice(0, chance.below(bytes.length))), whole: false };
  }
  if (chance.percent(3)) return { pieces: cut(chance, flipped(chance, bytes)), whole: false };
  return { pieces: cut(chance, bytes), whole: whole && first.whole };
}

/** A valid request, so that there is something beside the refused ones. */
function fit(chance: Chance): Sending {
  const operation = chance.of([
    "add",
    "add",
    "settle",
    "settle",
    "total",
    "echo",
    "many",
    "clear",
    "map",
    "refuse",
    "crash",
    "reject",
  ]);
  const body = encoder.encode(bodies[operation]?.[0] ?? "");
  const sent = ["host: x", "connection: close"];
  if (body.length > 0) sent.push("content-type: application/json", `content-length: ${body.length}`);
  if (chance.percent(40)) sent.push(`idempotency-key: ${chance.below(1_000)}`);
  if (chance.percent(30)) sent.push("prefer: wait=1");
  if (chance.percent(30)) sent.push(`authorization: Bearer ${chance.below(5)}`);
  const head = [`POST /actors/order/${chance.of(["ada", "bob"])}/${operation} HTTP/1.1`, ...sent].join(
    "\r\n",
  );
  return { pieces: cut(chance, joined([latin(`${head}\r\n\r\n`), body])), whole: true };
}

function request(chance: Chance, replies: readonly string[], last: boolean): Sending {
  const { method, path, operation } = lineOf(chance, replies);
  const sent = chance.percent(80)
    ? [`content-type: ${chance.percent(70) ? types[0] : chance.of(types)}`]
    : [];
  const rich = sent.length > 0 && chance.percent(15);
  if (rich) sent[0] = "content-type: application/superjson+json";
  for (let more = chance.below(3); more > 0; more--) {
    const [name, values] = chance.of(headers);
    sent.push(`${name}: ${chance.of(values)}`);
  }
  const host = chance.percent(90) ? ["host: x"] : chance.percent(80) ? [`host: ${chance.of(hosts)}`] : [];
  const foreign = chance.percent(8); // as a page of another site can send it
  if (foreign) {
    sent.splice(0, sent.length, `sec-fetch-site: ${chance.of(["cross-site", "same-site", "same-origin"])}`);
  }
  if (last) sent.push("connection: close");
  const body = foreign ? new Uint8Array() : bodyOf(chance, operation, rich);
  const { framing, pieces, whole } = framed(
    chance,
    method === "POST" || chance.percent(10) ? body : new Uint8Array(),
  );
  const version = chance.percent(98) ? "HTTP/1.1" : chance.of(["HTTP/1.0", "HTTP/9.9", "", "http/1.1"]);
  const head = [`${method} ${path} ${version}`, ...host, ...sent, ...framing].join("\r\n");
  return { pieces: [latin(`${head}\r\n\r\n`), ...pieces], whole };
}

function lineOf(
  chance: Chance,
  replies: readonly string[],
): { method: string; path: string; operation: string } {
  const operation = chance.of(operations);
  const key = chance.percent(80) ? "ada" : chance.of(keys);
  const [method, path] = chance.of<readonly [string, string]>([
    ["POST", `/actors/order/${key}/${operation}`],
    ["POST", `/actors/order/${key}/${operation}`],
    ["POST", `/actors/order/${key}/${operation}`],
    ["POST", `/events/order/${chance.of(["noted", "noted", "settled", "hidden"])}`],
    ["POST", `/surveys/carrier/quote?timeoutMs=${1 + chance.below(20)}`],
    ["GET", `/events/order/${chance.of(["settled", "noted", key])}`],
    ["GET", "/events/order"],
    ["GET", `/replies/${chance.of(["k1", "k2", key, "01M8BRJ8GS9Q41QZJR4EHE2003"])}`],
    ["GET", replies.length > 0 ? chance.of(replies) : "/replies/k3"],
    ["DELETE", replies.length > 0 ? chance.of(replies) : "/replies/k3"],
    [
      "GET",
      chance.of([
        "/healthz",
        "/metrics",
        "/",
        "//",
        "/actors",
        "/actors/order",
        "/actors/~topic/x/publish",
        "*",
        "http://x/healthz",
      ]),
    ],
  ]);
  const named = path.startsWith("/surveys") ? "quote" : path.startsWith("/events") ? "noted" : operation;
  let line = path;
  if (chance.percent(20)) line += `${line.includes("?") ? "&" : "?"}${chance.of(queries)}`;
  if (chance.percent(4)) {
    const at = chance.below(line.length);
    line = line.slice(0, at) +
      chance.of(["%", "%ff", "/", "//", "\\", "\u0000", "\u00e9", "?", "#", ";", ".."]) + line.slice(at);
  }
  return { method: chance.percent(90) ? method : chance.of(methods), path: line, operation: named };
}

function bodyOf(chance: Chance, operation: string, rich: boolean): Uint8Array {
  if (rich) return changed(chance, encoder.encode(chance.of(superjson)));
  const fit = bodies[operation];
  if (fit === undefined || chance.percent(20)) {
    return chance.percent(50)
      ? encoder.encode(chance.of(oddBodies))
      : chance.percent(70)
      ? new Uint8Array()
      : chance.bytes(chance.below(60));
  }
  return changed(chance, encoder.encode(chance.of(fit)));
}

function changed(chance: Chance, bytes: Uint8Array): Uint8Array {
  if (chance.percent(80)) return bytes;
  return chance.percent(50) ? flipped(chance, bytes) : bytes.slice(0, chance.below(bytes.length));
}

/** A body with one of the framings of HTTP, or with none. */
function framed(
  chance: Chance,
  body: Uint8Array,
): { framing: string[]; pieces: Uint8Array[]; whole: boolean } {
  const length = `content-length: ${body.length}`;
  const draw = chance.below(100);
  if (body.length === 0 && draw < 60) return { framing: [], pieces: [], whole: true };
  if (draw < 60) return { framing: [length], pieces: [body], whole: true };
  const chunks = chunked(chance, body);
  if (draw < 82) {
    return { framing: ["transfer-encoding: chunked"], pieces: [...chunks, latin(lastChunk)], whole: true };
  }
  const whole = false;
  if (draw < 84) {
    return {
      framing: ["transfer-encoding: chunked"],
      pieces: [...chunks, latin(chance.of(brokenChunks))],
      whole,
    };
  }
  const framing = chance.of([
    [`content-length: ${Math.max(body.length + chance.below(9) - 4, 0)}`],
    [length, "transfer-encoding: chunked"],
    [length, `content-length: ${body.length + 1}`],
    [`content-length: ${chance.of(["-1", "x", "1e3", "99999999999", "", "+5", "0x5"])}`],
    [`transfer-encoding: ${chance.of(["gzip, chunked", "chunked, chunked", "x", "identity", " chunked"])}`],
  ]);
  const pieces = framing.some((line) => line.startsWith("transfer")) ? [...chunks, latin(lastChunk)] : [body];
  return { framing, pieces, whole };
}

const lastChunk = "0\r\n\r\n";
const brokenChunks = [
  "zz\r\n",
  "-1\r\n",
  "ffffffffffffffffff\r\n",
  `0;${"a".repeat(20_000)}\r\n\r\n`,
  "5\r\nabc\r\n0\r\n\r\n",
  "0\r\nx-trailer: y\r\n\r\n",
  "",
];

function chunked(chance: Chance, body: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < body.length;) {
    const size = Math.min(1 + chance.below(body.length), body.length - at);
    const extension = chance.percent(3) ? ";a=b" : "";
    pieces.push(latin(`${size.toString(16)}${extension}\r\n`), body.slice(at, at + size), latin("\r\n"));
    at += size;
  }
  return pieces;
}

function flipped(chance: Chance, bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  for (let times = 1 + chance.below(3); times > 0 && copy.length > 0; times--) {
    copy[chance.below(copy.length)] = chance.below(256);
  }
  return copy;
}

function cut(chance: Chance, bytes: Uint8Array): Uint8Array[] {
  if (chance.percent(70) || bytes.length < 2) return [bytes];
  const at = 1 + chance.below(bytes.length - 1);
  return [bytes.slice(0, at), bytes.slice(at)];
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** Each character as one byte; those that do not fit as UTF-8. */
function latin(text: string): Uint8Array {
  const codes = Uint16Array.from(text, (character) => character.charCodeAt(0));
  return codes.every((code) => code < 256) ? Uint8Array.from(codes) : encoder.encode(text);
}
