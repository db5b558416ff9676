import assert from "node:assert/strict";
import { Hono } from "hono";
import { SuperJSON } from "superjson";
import {
  readPayload,
  wantsSuperjson,
  writeJson,
  writeSuperjson,
} from "../../../../adapters/http/body/body.ts";
import { problemResponse } from "../../../../adapters/http/problem.ts";
import { assertProblem, superjsonType } from "../desk.ts";

const jsonType = "application/json";

/** Sends a body to a route that returns the payload it read, as superjson. */
async function sent(
  body: BodyInit | undefined,
  contentType?: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const bounds = { bodyBytesMax: 300_000, depthMax: 8 };
  const app = new Hono();
  app.onError((error) => problemResponse(error));
  app.post(
    "/",
    async (context) => context.text(new SuperJSON().stringify(await readPayload(context, bounds))),
  );
  const request = new Request("http://desk/", { method: "POST", body });
  request.headers.delete("content-type");
  if (contentType !== undefined) request.headers.set("content-type", contentType);
  for (const [name, value] of Object.entries(headers)) request.headers.set(name, value);
  return await app.request(request);
}

async function read(body: BodyInit | undefined, contentType?: string): Promise<unknown> {
  return new SuperJSON().parse(await (await sent(body, contentType)).text());
}

/** A value nested in this many arrays. */
function nested(levels: number): string {
  return "[".repeat(levels) + "]".repeat(levels);
}

Deno.test("readPayload() reads JSON, whatever else the content type says", async () => {
  for (
    const type of [jsonType, "Application/JSON", "application/json; charset=utf-8", " application/json ;x=y"]
  ) {
    assert.deepEqual(await read('{"a":[1]}', type), { a: [1] });
  }
});

Deno.test("readPayload() reads superjson by its content type", async () => {
  const value = { at: new Date(1), seen: new Set([1n]), by: new Map([["a", undefined]]) };
  assert.deepEqual(await read(new SuperJSON().stringify(value), superjsonType), value);
});

Deno.test("readPayload() reads superjson if the content type says so", async () => {
  const body = new SuperJSON().stringify(new Date(1));
  assert.deepEqual(await read(body, jsonType), JSON.parse(body));
});

Deno.test("readPayload() returns undefined if there is no body", async () => {
  for (const type of [undefined, jsonType, superjsonType]) {
    assert.equal(await read(undefined, type), undefined);
    assert.equal(await read("", type), undefined);
  }
});

for (const type of ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"]) {
  Deno.test(`readPayload() refuses ${type.split(";")[0]} and says what to send, also without a body`, async () => {
    for (const body of ["a=1", ""]) {
      const { detail } = await assertProblem(await sent(body, type), 415, "unsupported-media-type");
      assert.match(
        detail!,
        /content type \S+\/\S+: send content-type: application\/json \(with curl: --json\)/,
      );
    }
  });
}

Deno.test("readPayload() refuses a body without a content type", async () => {
  const { detail } = await assertProblem(await sent("{}"), 415, "unsupported-media-type");
  assert.match(detail!, /no content type: send content-type: application\/json/);
});

for (const body of ["{", "undefined", "{'a':1}", " ", "1 2", "\u0000", "[".repeat(200_000)]) {
  Deno.test(`readPayload() refuses what is no JSON: ${JSON.stringify(body.slice(0, 9))}`, async () => {
    await assertProblem(await sent(body, jsonType), 400, "malformed-body");
    await assertProblem(await sent(body, superjsonType), 400, "malformed-body");
  });
}

for (
  const body of [
    "null",
    "7",
    "[]",
    "{}",
    '{"meta":{}}',
    '"json"',
    '{"json":"/a/","meta":{"values":["regexp"]}}',
  ]
) {
  Deno.test(`readPayload() refuses what is JSON and no superjson: ${body}`, async () => {
    await assertProblem(await sent(body, superjsonType), 400, "malformed-body");
  });
}

Deno.test("readPayload() ignores cycles in a superjson body", async () => {
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  assert.deepEqual(await read(new SuperJSON().stringify(cycle), superjsonType), { self: null });
});

Deno.test("readPayload() puts characters together that come in pieces", async () => {
  const bytes = new TextEncoder().encode('"tea ☕"');
  const pieces = ReadableStream.from(Array.from(bytes, (byte) => new Uint8Array([byte])));
  assert.equal(await read(pieces, jsonType), "tea ☕");
});

Deno.test("readPayload() reads a body of a known length", async () => {
  for (const length of ["0", "9", "300000"]) {
    assert.equal(
      await (await sent('"tea ☕"', jsonType, { "content-length": length })).text(),
      '{"json":"tea ☕"}',
    );
  }
});

Deno.test("readPayload() counts the bytes that come, whatever length was said", async () => {
  for (const length of [undefined, "2", "300000", "300001", "many"]) {
    const body = (letter: string, bytes: number) =>
      sent(`"${letter.repeat(bytes)}"`, jsonType, length === undefined ? {} : { "content-length": length });
    await assertProblem(await body("a", 299_999), 413, "too-large");
    await assertProblem(await body("☕", 100_000), 413, "too-large");
    if (length === "300001") continue;
    assert.equal((await body("a", 299_998)).status, 200);
    assert.equal((await body("☕", 99_999)).status, 200);
  }
});

Deno.test("readPayload() reads no further than its bound if there are both a length and a transfer encoding", async () => {
  let chunks = 0;
  const flood = new ReadableStream({
    pull(controller) {
      controller.enqueue(new Uint8Array(1_000));
      if (++chunks === 1_000) controller.close();
    },
  });
  const headers = { "content-length": "5", "transfer-encoding": "chunked" };
  await assertProblem(await sent(flood, jsonType, headers), 413, "too-large");
  assert.ok(chunks < 310, `${chunks}`);
});

Deno.test("readPayload() takes the depth that it allows and no more", async () => {
  assert.equal((await sent(nested(8), jsonType)).status, 200);
  const { detail } = await assertProblem(await sent(nested(9), jsonType), 400, "too-deep");
  assert.equal(detail, "The body is nested deeper than 8 levels");
});

Deno.test("readPayload() counts the depth of objects, and of what superjson says about itself", async () => {
  const deep = '{"a":'.repeat(9) + "1" + "}".repeat(9);
  await assertProblem(await sent(deep, jsonType), 400, "too-deep");
  await assertProblem(
    await sent(`{"json":1,"meta":{"values":${nested(8)}}}`, superjsonType),
    400,
    "too-deep",
  );
});

for (const key of ["__proto__", "constructor", "prototype"]) {
  Deno.test(`readPayload() refuses the key ${key} anywhere`, async () => {
    for (
      const body of [
        `{"${key}":1}`,
        `[{"a":{"${key}":{"polluted":1}}}]`,
        `{"\\u00${hex(key[0])}${key.slice(1)}":1}`,
      ]
    ) {
      const { detail } = await assertProblem(await sent(body, jsonType), 400, "refused-key");
      assert.match(detail!, new RegExp(`the key ${key},`));
      await assertProblem(await sent(`{"json":${body}}`, superjsonType), 400, "refused-key");
      await assertProblem(
        await sent(`{"json":1,"meta":{"values":${body}}}`, superjsonType),
        400,
        "refused-key",
      );
    }
  });

  Deno.test(`readPayload() takes ${key} as a value`, async () => {
    assert.deepEqual(await read(JSON.stringify([key]), jsonType), [key]);
  });
}

Deno.test("writeJson() writes JSON, and null for what is undefined", () => {
  assert.equal(writeJson({ a: 1 }), '{"a":1}');
  assert.equal(writeJson(undefined), "null");
});

Deno.test("writeSuperjson() writes superjson", async () => {
  assert.deepEqual(new SuperJSON().parse(await writeSuperjson([1n, undefined])), [1n, undefined]);
});

Deno.test("writeJson() says how to ask for what JSON cannot carry", () => {
  const message =
    /cannot be written as application\/json: ask for it with accept: application\/superjson\+json/;
  assert.throws(() => writeJson({ n: 1n }), { code: "not-representable", status: 406, message });
});

Deno.test("writeSuperjson() says how to ask for what superjson cannot carry", async () => {
  const message =
    /cannot be written as application\/superjson\+json: ask for it with accept: application\/json/;
  await assert.rejects(writeSuperjson({ constructor: 1 }), {
    code: "not-representable",
    status: 406,
    message,
  });
});

for (
  const [accept, rich] of [
    [superjsonType, true],
    [superjsonType.toUpperCase(), true],
    [`${superjsonType};v=1;q=0.1`, true],
    [`application/json, ${superjsonType}`, true],
    [`*/*, ${superjsonType}; q=0.5`, true],
    [`${superjsonType};q=0`, false],
    [`${superjsonType}; Q=0.000`, false],
    [`${superjsonType};q=none`, false],
    [`${superjsonType};q=0.5, application/json`, false],
    [`${superjsonType}x`, false],
    ["", false],
  ] as const
) {
  Deno.test(`wantsSuperjson() takes accept: ${accept} for ${rich ? "superjson" : "JSON"}`, async () => {
    const app = new Hono().get("/", (context) => context.json(wantsSuperjson(context)));
    assert.equal(await (await app.request("/", { headers: { accept } })).json(), rich);
  });
}

// --- Bodies as clients send them

Deno.test("readPayload() refuses what is compressed, and takes what says that it is not", async () => {
  for (const encoding of ["gzip", "br", "gzip, identity", "x"]) {
    const response = await sent("1", jsonType, { "content-encoding": encoding });
    assert.equal(response.headers.get("accept-encoding"), "identity");
    await assertProblem(response, 415, "unsupported-content-encoding");
  }
  for (const encoding of ["identity", " Identity ", ""]) {
    assert.equal((await sent("1", jsonType, { "content-encoding": encoding })).status, 200);
  }
});

Deno.test("readPayload() reads UTF-8 and no other charset", async () => {
  for (const charset of ["iso-8859-1", "utf-16", '"latin1"', "utf-88"]) {
    for (const type of [jsonType, superjsonType]) {
      await assertProblem(await sent("1", `${type};x=y; charset=${charset}`), 415, "unsupported-charset");
    }
  }
  for (const charset of ["utf-8", '"UTF-8"', "utf8"]) {
    assert.equal((await sent("1", `application/json; Charset=${charset}`)).status, 200);
  }
});

for (const [what, length] of [["of a known length", "7"], ["that comes in pieces", undefined]] as const) {
  Deno.test(`readPayload() refuses a body ${what} that is no UTF-8, and makes nothing else of it`, async () => {
    const headers: Record<string, string> = length === undefined ? {} : { "content-length": length };
    for (
      const bytes of [[0x22, 0xe9, 0x22], [0x22, 0xc3], [0x22, 0xed, 0xa0, 0x80, 0x22], [
        0x22,
        0xc0,
        0xaf,
        0x22,
      ]]
    ) {
      await assertProblem(await sent(new Uint8Array(bytes), jsonType, headers), 400, "malformed-body");
    }
  });

  Deno.test(`readPayload() reads a body ${what} behind a byte order mark`, async () => {
    const headers: Record<string, string> = length === undefined ? {} : { "content-length": length };
    const body = new Uint8Array([0xef, 0xbb, 0xbf, ...new TextEncoder().encode('"é"')]);
    assert.equal(await (await sent(body, jsonType, headers)).text(), '{"json":"é"}');
  });

  Deno.test(`readPayload() calls a body ${what} incomplete if its client breaks it off`, async () => {
    const headers: Record<string, string> = length === undefined ? {} : { "content-length": length };
    const broken = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('"te'));
        controller.error(new TypeError("connection reset"));
      },
    });
    await assertProblem(await sent(broken, jsonType, headers), 400, "incomplete-body");
  });
}

function hex(letter: string): string {
  return letter.charCodeAt(0).toString(16);
}
