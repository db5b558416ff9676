import assert from "node:assert/strict";
import { QueuedMessage } from "../../../../runtime/durable/rows/queued_message.ts";
import { encodeValue } from "../../../../runtime/durable/rows/value_codec.ts";
import { Suspicion } from "../../../../runtime/durable/activations/suspicion.ts";

function mail(place: number, via: string): QueuedMessage {
  const name = String(place).padStart(4, "0");
  const value = encodeValue({ id: name, operation: "note", via }, "");
  return QueuedMessage.of({ key: `mail/${name}`, value, version: "1" }, "mail/");
}

function mails(from: number, count: number, via = "dead"): QueuedMessage[] {
  return Array.from({ length: count }, (_, index) => mail(from + index, via));
}

const dead = new Set(["dead"]);
const writers = new Set(["dead", "other"]);

Deno.test("Suspicion: the first 64 waiting messages that other instances wrote may have been in hand", () => {
  const suspicion = Suspicion.of(mails(0, 200), writers, dead, undefined);
  assert.equal(mails(0, 200).filter((mail) => suspicion.has(mail)).length, 64);
  assert.equal(suspicion.has(mail(10, "other")), true);
  assert.equal(suspicion.has(mail(10, "this one")), false);
});

Deno.test("Suspicion: what is handled by now makes no room for more", () => {
  const before = Suspicion.of(mails(0, 200), writers, dead, undefined);
  const after = Suspicion.of(mails(60, 140), writers, dead, before);
  assert.equal(mails(60, 140).filter((mail) => after.has(mail)).length, 4);
});

Deno.test("Suspicion: another instance that ended since then may have had what is first now", () => {
  const before = Suspicion.of(mails(0, 200), writers, dead, undefined);
  const after = Suspicion.of(mails(60, 140), writers, new Set(["dead", "other"]), before);
  assert.equal(mails(60, 140).filter((mail) => after.has(mail)).length, 64);
});
