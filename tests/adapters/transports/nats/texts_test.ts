// Texts as they are read from a connection, and written to it.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { utf8Length } from "../../../../runtime/base/ascii.ts";
import { Gathered } from "../../../../adapters/transports/nats/gathered.ts";
import { deliveryOf } from "../../../../adapters/transports/nats/incoming.ts";
import { headerBlock, Message, textOfBytes } from "../../../../adapters/transports/nats/message.ts";
import { askTokensOf, sharedReplyOf, textOf, tokenOf } from "../../../../adapters/transports/nats/names.ts";

const encoder = new TextEncoder();
const none = new Uint8Array();
/** Units of UTF-16 in any order, so that halves of surrogates are alone, and long runs of one. */
const text = fc.oneof(
  fc.string({ unit: fc.integer({ max: 0xffff, min: 0 }).map((unit) => String.fromCharCode(unit)) }),
  fc.string({ maxLength: 60 }),
  fc.tuple(fc.constantFrom("a", "é", "€", "😀", "\ud800"), fc.nat(9_000)).map(([one, count]) =>
    one.repeat(count)
  ),
);
const byteOrderMark = new Uint8Array([0xef, 0xbb, 0xbf]);
const bytes = fc.array(
  fc.oneof(
    fc.uint8Array({ maxLength: 30 }),
    text.map((text) => encoder.encode(text.slice(0, 20))),
    fc.constant(byteOrderMark),
    fc.constantFrom(0x80, 0xc2, 0xe0, 0xed, 0xf0, 0xf4, 0xff).map((byte) => new Uint8Array([byte])),
  ),
  { maxLength: 5 },
).map((pieces) => new Uint8Array(pieces.flatMap((piece) => [...piece])));

Deno.test("a text is the same whether a socket or a WebSocket brings it, also if it is no UTF-8", () => {
  fc.assert(fc.property(bytes, fc.nat(40), fc.nat(40), (bytes, before, length) => {
    const from = Math.min(before, bytes.length);
    const to = Math.min(from + length, bytes.length);
    const expected = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.subarray(from, to));
    assert.equal(textOfBytes(bytes, from, to), expected);
    assert.equal(textOfBytes(Buffer.from(bytes), from, to), expected);
  }));
  assert.equal(textOfBytes(Buffer.from(byteOrderMark)), "\ufeff");
  assert.equal(textOfBytes(byteOrderMark), "\ufeff", "a subject may begin with it");
});

Deno.test("what is gathered is the texts in UTF-8 and the bytes, and counts as it says", () => {
  const step = fc.oneof(text, fc.uint8Array({ maxLength: 5_000 }), fc.constant(undefined));
  fc.assert(fc.property(fc.array(step, { maxLength: 10 }), (steps) => {
    const gathered = new Gathered();
    let expected = Buffer.alloc(0);
    for (const one of [...steps, undefined]) {
      if (one === undefined) {
        assert(expected.equals(gathered.take()));
        expected = Buffer.alloc(0);
        continue;
      }
      const added = typeof one === "string" ? encoder.encode(one) : one;
      assert.equal(typeof one === "string" ? gathered.addText(one) : gathered.add(one), added.length);
      if (typeof one === "string") assert.equal(utf8Length(one), added.length);
      expected = Buffer.concat([expected, added]);
      assert.equal(gathered.length, expected.length);
    }
  }));
});

Deno.test("headers have as many bytes as is said of them", () => {
  fc.assert(fc.property(fc.dictionary(text, text, { maxKeys: 4 }), (headers) => {
    const block = headerBlock(headers);
    const line = `HPUB a ${utf8Length(block)} 0\r\n`;
    assert.equal(new Gathered().addText(line + block), line.length + utf8Length(block));
  }));
});

const token = fc.oneof(
  fc.string().map(tokenOf),
  fc.constantFrom("posthorn", "posthorn-own", "%", "%ZZ", "a", "é", "_INBOX"),
);

Deno.test("the subject of an inbox is read token by token, however many there are", () => {
  fc.assert(fc.property(fc.array(token, { minLength: 3, maxLength: 8 }), fc.nat(1), (tokens, depth) => {
    const message = new Message(tokens.join("."), "", none);
    const inbox = { kind: "inbox", protocol: "order", operations: [] } as const;
    const { key, operation, correlationId } = deliveryOf(message, inbox, undefined, depth);
    const [, first, second, third] = tokens.slice(depth);
    assert.equal(key, textOf(first));
    assert.equal(operation, third === undefined ? second : undefined);
    assert.equal(correlationId, third === undefined ? undefined : textOf(third) || undefined);
  }));
});

Deno.test("an address says something of an ask, and is answered beside others, if it has just these tokens", () => {
  const address = fc.oneof(
    fc.array(token, { minLength: 1, maxLength: 8 }),
    fc.array(token, { maxLength: 6 }).map((tokens) => ["_INBOX", "me", "posthorn", ...tokens]),
    fc.array(token, { maxLength: 6 }).map((tokens) => ["_INBOX", "me", "posthorn-own", ...tokens]),
  );
  fc.assert(fc.property(address, (tokens) => {
    const address = tokens.join(".");
    const [inbox, , part, name, id, deadline, sender] = tokens;
    const says = tokens.length === 7 && inbox === "_INBOX" && ["posthorn", "posthorn-own"].includes(part);
    assert.deepEqual(
      askTokensOf(address),
      says ? { id: textOf(id), deadline: textOf(deadline), sender: textOf(sender) } : undefined,
    );
    const subject = tokens.slice(0, 3).join(".");
    assert.deepEqual(sharedReplyOf(address), says && part === "posthorn" ? { subject, name } : undefined);
  }));
});
