import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeFrames, FrameReader, framesOf } from "../../../../adapters/transports/http/frames.ts";

const frames = fc.array(
  fc.record({
    head: fc.dictionary(
      fc.string().filter((name) => name !== "length" && name !== "__proto__"),
      fc.string(),
      {
        noNullPrototype: true,
      },
    ),
    body: fc.uint8Array({ maxLength: 40 }),
  }, { noNullPrototype: true }),
  { maxLength: 6 },
);

Deno.test("frames come back as they were, however their bytes are divided, with empty lines between them", () => {
  fc.assert(fc.property(frames, fc.array(fc.nat({ max: 30 })), (given, cuts) => {
    const lineFeed = Uint8Array.of(10);
    const bytes = given.flatMap((frame) => [lineFeed, encodeFrames([frame])]).flatMap((part) => [...part]);
    const reader = new FrameReader(40);
    const read: unknown[] = [];
    const readAll = () => {
      for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
        const { length: _, ...head } = frame.head;
        read.push({ head, body: frame.body });
      }
    };
    let from = 0;
    for (const cut of [...cuts, bytes.length]) {
      reader.push(Uint8Array.from(bytes.slice(from, from + cut)));
      readAll();
      from += cut;
    }
    reader.end();
    assert.deepEqual(read, given);
  }));
});

Deno.test("a body that is too long is left out, and what is behind it is read", () => {
  fc.assert(fc.property(frames, fc.array(fc.nat({ max: 30 })), (given, cuts) => {
    const bytes = encodeFrames(given);
    const reader = new FrameReader(20, true);
    const read: unknown[] = [];
    let from = 0;
    for (const cut of [...cuts, bytes.length]) {
      reader.push(bytes.slice(from, from + cut));
      from += cut;
      for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
        read.push([frame.body, frame.skipped]);
      }
    }
    reader.end();
    const none = new Uint8Array();
    assert.deepEqual(
      read,
      given.map(({ body }) => body.length > 20 ? [none, body.length] : [body, undefined]),
    );
  }));
});

Deno.test("any bytes are frames, or are refused as unreadable", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    try {
      framesOf(Uint8Array.from(bytes), 100);
    } catch (error) {
      assert.equal((error as { code?: string }).code, "unreadable-body");
    }
  }));
});

Deno.test("a frame that ends early, or is followed by something else, is refused", () => {
  const encoder = new TextEncoder();
  for (
    const text of [
      '{"length":3}\nab',
      '{"length":3}\nabc',
      '{"length":3}\nabcd\n',
      '{"a":1}',
      "[]\n",
      "7\n",
      '{"length":3.5}\n',
    ]
  ) {
    assert.throws(() => framesOf(encoder.encode(text), 100), { code: "unreadable-body" }, text);
  }
});

Deno.test("bytes are joined once for a long body, in however many parts it comes", () => {
  const reader = new FrameReader(8_000_000);
  reader.push(new TextEncoder().encode('{"length":8000000}\n'));
  assert.equal(reader.next(), undefined);
  const part = new Uint8Array(1_000);
  const { set } = Uint8Array.prototype;
  let copied = 0;
  Uint8Array.prototype.set = function (source: ArrayLike<number>, at?: number) {
    copied += source.length;
    set.call(this, source, at);
  };
  try {
    for (let count = 0; count < 8_000; count++) {
      assert.equal(reader.next(), undefined);
      reader.push(part);
    }
    reader.push(Uint8Array.of(10));
    assert.equal(reader.next()?.body.length, 8_000_000);
  } finally {
    Uint8Array.prototype.set = set;
  }
  assert.ok(copied < 9_000_000, `${copied} bytes were copied`);
});
