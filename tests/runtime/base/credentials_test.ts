import assert from "node:assert/strict";
import { OutcomeUnknownError, StoreError } from "@posthorn/posthorn";
import { denoKv } from "@posthorn/posthorn/deno-kv";
import { withoutCredentials } from "../../../runtime/base/credentials.ts";
import { VirtualClock } from "@posthorn/posthorn/testing";

for (
  const [text, expected] of [
    ["Cannot open https://user:word@host:1/db: no", "Cannot open https://…@host:1/db: no"],
    ["https://u:p@w@host/x and postgres://a:b@c", "https://…@host/x and postgres://…@c"],
    ["for url (https://host/db?token=x)", "for url (https://host/db?…"],
    ["Invalid URL: 'postgres://u:pa/s#w?rd@host/db'", "Invalid URL: 'postgres://…@host/db'"],
    ["amqp://u:p@a,amqp://u:p/w@b/v", "amqp://…@a,amqp://…@b/v"],
    ["https://host:8080/a@b is no name", "https://host:8080/a@b is no name"],
    ["https://host/a@b is no name", "https://host/a@b is no name"],
    ["Cannot open ./posthorn.db: a@b?", "Cannot open ./posthorn.db: a@b?"],
  ] as const
) {
  Deno.test(`withoutCredentials() of ${text}`, () => assert.equal(withoutCredentials(text), expected));
}

Deno.test("an error of a store has no credentials, also if a program creates it", async () => {
  const message = "Cannot commit to https://user:passw0rd@host/db";
  for (const error of [new StoreError("store-full", message), new OutcomeUnknownError(message)]) {
    assert.equal(error.message, "Cannot commit to https://…@host/db");
  }
  const opening = Promise.resolve(
    denoKv("http://user:passw0rd@127.0.0.1:99999/db").open({ clock: new VirtualClock() }),
  );
  await assert.rejects(
    opening,
    (error) => error instanceof StoreError && !error.message.includes("passw0rd"),
  );
});
