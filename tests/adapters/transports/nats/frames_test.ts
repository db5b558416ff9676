import assert from "node:assert/strict";
import fc from "fast-check";
import { FrameReader } from "../../../../adapters/transports/nats/frames.ts";
import { headerBlock, type Message } from "../../../../adapters/transports/nats/message.ts";

const encoder = new TextEncoder();

function readAll(pieces: Iterable<Uint8Array>): unknown[] {
  const frames: unknown[] = [];
  const reader = new FrameReader({
    message: (subscription, { subject, reply, data, headers, status }: Message) =>
      void frames.push({ subscription, subject, reply, data: [...data], headers, status: status.code }),
    line: (name, rest) => void frames.push({ name, rest }),
  });
  for (const piece of pieces) reader.read(piece);
  return frames;
}

const plain = (subject: string, body: Uint8Array, reply = "") => [
  encoder.encode(`MSG ${subject} 7 ${reply === "" ? "" : `${reply} `}${body.length}\r\n`),
  body,
  encoder.encode("\r\n"),
];

const withHeaders = (subject: string, body: Uint8Array, block: string, reply = "") => {
  const head = encoder.encode(block);
  const sizes = `${head.length} ${head.length + body.length}`;
  return [
    encoder.encode(`HMSG ${subject} 8 ${reply === "" ? "" : `${reply} `}${sizes}\r\n`),
    head,
    body,
    encoder.encode("\r\n"),
  ];
};

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

Deno.test("what the server sends is read the same in pieces of any size", () => {
  const bodies = [new Uint8Array(), encoder.encode("MSG a 1 2\r\n"), Uint8Array.of(0xff, 0x0d, 0x0a)];
  const sent = joined([
    encoder.encode('INFO {"server_name":"ü"} \r\nPING\r\n'),
    ...bodies.flatMap((body) => [...plain("order.ada.add", body), ...plain("日.x", body, "_INBOX.a.b")]),
    ...withHeaders("a", encoder.encode("{}"), headerBlock({ traceparent: "00", "x-ü": "ä\r\nevil: 1" }), "r"),
    ...withHeaders("a", new Uint8Array(), "NATS/1.0 503\r\n\r\n"),
    encoder.encode("-ERR 'Permissions Violation for Publish to \"a\"'\r\n+OK\r\n"),
  ]);
  const frames = readAll([sent]);
  assert.deepEqual(frames.slice(0, 4), [
    { name: "INFO", rest: '{"server_name":"ü"}' },
    { name: "PING", rest: "" },
    { subscription: 7, subject: "order.ada.add", reply: "", data: [], headers: [], status: 0 },
    { subscription: 7, subject: "日.x", reply: "_INBOX.a.b", data: [], headers: [], status: 0 },
  ]);
  assert.deepEqual(frames.slice(8), [
    {
      subscription: 8,
      subject: "a",
      reply: "r",
      data: [...encoder.encode("{}")],
      headers: [["traceparent", "00"], ["x-ü", "ä evil: 1"]],
      status: 0,
    },
    { subscription: 8, subject: "a", reply: "", data: [], headers: [], status: 503 },
    { name: "-ERR", rest: "'Permissions Violation for Publish to \"a\"'" },
    { name: "+OK", rest: "" },
  ]);
  fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (sizes) => {
    const pieces: Uint8Array[] = [];
    for (let at = 0, index = 0; at < sent.length; index++) {
      const size = sizes[index % sizes.length];
      pieces.push(sent.slice(at, at + size));
      at += size;
    }
    assert.deepEqual(readAll(pieces), frames);
  }));
});

Deno.test("a large message comes together from many pieces", () => {
  const pieces = Array.from({ length: 1_000 }, (_, index) => new Uint8Array(1_000).fill(index % 256));
  const [message] = readAll([encoder.encode("MSG a 1 1000000\r\n"), ...pieces, encoder.encode("\r\n")]);
  assert.deepEqual((message as { readonly data: number[] }).data, [...joined(pieces)]);
});

Deno.test("what is no server of NATS is not listened to for ever", () => {
  const messages = ["MSG a 1 -1\r\n", "MSG a 1 x\r\n", "MSG a 1 999999999999\r\n", "HMSG a 1 5 3\r\n"];
  messages.push(
    "MSG a 1 1.5\r\n",
    "MSG a 1 1e1\r\n",
    "MSG a 1 \r\n",
    "MSG 1\r\n",
    "HMSG a 1 1\r\n",
    "MSG a 1 b c 1\r\n",
  );
  for (const line of messages) assert.throws(() => readAll([encoder.encode(line)]), /sends no messages/);
  assert.throws(() => readAll([encoder.encode("MSG a 1 1\r\nxyz\r\n")]), /another size/);
  const endless = Array.from({ length: 300 }, () => new Uint8Array(1_000).fill(65));
  assert.throws(() => readAll(endless), /does not end/);
});
