import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import fc from "fast-check";
import { KeyRing } from "../../../../adapters/transports/http/key_ring.ts";
import {
  byteSequence,
  contentDigest,
  readSignature,
  signatureBase,
} from "../../../../adapters/transports/http/signature.ts";

const secret = "0123456789abcdef0123456789abcdef";
const covered = {
  "@method": "POST",
  "@path": "/posthorn/inbox/ledger",
  "content-digest": "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:",
  "posthorn-from": "orders",
  "posthorn-to": "billing",
};
const parameters = { created: 1_700_000_000, expires: 1_700_000_030, nonce: "n-1", keyid: "2026-11" };

Deno.test("what is signed is the text of RFC 9421", () => {
  const { base } = signatureBase(covered, parameters);
  assert.equal(
    base,
    `"@method": POST
"@path": /posthorn/inbox/ledger
"content-digest": sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:
"posthorn-from": orders
"posthorn-to": billing
"@signature-params": ("@method" "@path" "content-digest" "posthorn-from" "posthorn-to");created=1700000000;expires=1700000030;nonce="n-1";keyid="2026-11";alg="hmac-sha256";tag="posthorn"`,
  );
});

Deno.test("a digest and a signature are those of other libraries", async () => {
  const body = new TextEncoder().encode("450");
  assert.equal(await contentDigest(body), `sha-256=:${createHash("sha256").update(body).digest("base64")}:`);
  const ring = new KeyRing([{ id: "k", secret }]);
  assert.equal(
    byteSequence(await ring.sign("text")),
    `:${createHmac("sha256", secret).update("text").digest("base64")}:`,
  );
});

Deno.test("the headers of a signature are read in any order of what they cover, with any label", () => {
  fc.assert(fc.property(fc.shuffledSubarray(Object.keys(covered), { minLength: 5 }), (names) => {
    const list = names.map((name) => `"${name}"`).join(" ");
    const input = `(${list});keyid="k";nonce="n";expires=2;created=1`;
    const read = readSignature(`my-label=${input}`, "my-label=:AAAA:");
    const lines = names.map((name) => `"${name}": ${covered[name as keyof typeof covered]}`);
    assert.equal(read?.baseOf(covered), [...lines, `"@signature-params": ${input}`].join("\n"));
    assert.deepEqual(read.parameters, { created: 1, expires: 2, nonce: "n", keyid: "k" });
  }));
});

Deno.test("headers that are no signature, or not exactly one of this kind, are none", () => {
  const list = Object.keys(covered).map((name) => `"${name}"`).join(" ");
  const good = `sig=(${list});created=1;expires=2;nonce="n";keyid="k"`;
  assert.ok(readSignature(good, "sig=:AAAA:") !== undefined);
  const bad: readonly (readonly [string | null, string | null])[] = [
    [null, "sig=:AAAA:"],
    [good, null],
    [good, "other=:AAAA:"],
    [good, "sig=AAAA"],
    [good, "sig=:A A:"],
    [good, "sig=:AAAA:, sig2=:AAAA:"],
    [`${good}, sig2=(${list});created=1;expires=2;nonce="n";keyid="k"`, "sig=:AAAA:"],
    [`${good};created=3`, "sig=:AAAA:"],
    [good.replace("created=1", 'created="1"'), "sig=:AAAA:"],
    [good.replace("created=1", "created=1e3"), "sig=:AAAA:"],
    [good.replace(";expires=2", ""), "sig=:AAAA:"],
    [good.replace(';nonce="n"', ""), "sig=:AAAA:"],
    [good.replace(';keyid="k"', ';keyid="a\\"b"'), "sig=:AAAA:"],
    [good.replace('"@path"', '"@query"'), "sig=:AAAA:"],
    [good.replace('"@path"', '"@path";req'), "sig=:AAAA:"],
    [good.replace('"@path" ', ""), "sig=:AAAA:"],
    [`${good};x="${"a".repeat(2_000)}"`, "sig=:AAAA:"],
  ];
  for (const [input, signature] of bad) {
    assert.equal(readSignature(input, signature), undefined, String(input));
  }
});

Deno.test("any two texts are read without an error", () => {
  fc.assert(fc.property(fc.string(), fc.string(), (input, signature) => {
    readSignature(input, signature);
    readSignature(`sig=(${input})`, `sig=:${signature}:`);
  }));
});

Deno.test("each key verifies what it has signed, and the first one signs", async () => {
  const [old, next] = [{ id: "old", secret: `old-${secret}` }, { id: "next", secret: `next-${secret}` }];
  const rings = {
    before: new KeyRing([old]),
    both: new KeyRing([old, next]),
    turned: new KeyRing([next, old]),
    after: new KeyRing([next]),
  };
  const knows = async (signer: KeyRing, verifier: KeyRing) =>
    await verifier.verify(signer.signingId, Uint8Array.from(await signer.sign("text")), "text");
  // A step of a change at one service before the other one takes it: each pair of neighbours understands each other.
  const steps = [rings.before, rings.both, rings.turned, rings.after];
  for (let step = 1; step < steps.length; step++) {
    assert.ok(await knows(steps[step - 1], steps[step]));
    assert.ok(await knows(steps[step], steps[step - 1]));
  }
  assert.ok(!await knows(rings.before, rings.after));
  assert.ok(!await knows(rings.turned, rings.before));
});
