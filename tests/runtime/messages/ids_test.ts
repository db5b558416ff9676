import assert from "node:assert/strict";
import { systemRandom } from "@posthorn/posthorn";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import { decodeTime } from "@std/ulid";
import { Ids, timeOfUlid } from "../../../runtime/messages/ids.ts";

Deno.test("Ids number messages and name them by the instance and the number", () => {
  const ids = new Ids(new VirtualClock(), seededRandom(1));
  const [one, other] = [ids.next(), ids.next()];
  assert.match(ids.text(one), /^[0-9A-HJKMNP-TV-Z]{26}-1$/);
  assert.equal(ids.text(other), ids.text(one).replace(/1$/, "2"));
});

Deno.test("Ids give a message the same name however often and whenever it is read", async () => {
  const clock = new VirtualClock();
  const ids = new Ids(clock, seededRandom(1));
  const id = ids.next();
  const text = ids.text(id);
  await clock.advance(1_000);
  ids.ulid();
  assert.equal(ids.text(id), text);
});

Deno.test("Ids keep a name that a sender gave", () => {
  assert.equal(new Ids(new VirtualClock(), seededRandom(1)).text("a-name"), "a-name");
});

Deno.test("Ids draw no chance before a name is read", () => {
  const ids = new Ids(new VirtualClock(), { next: assert.fail, ulid: () => assert.fail("drawn") });
  ids.next();
  assert.equal(ids.text("a-name"), "a-name");
});

Deno.test("Ids make ULIDs that carry the time of the clock", async () => {
  const clock = new VirtualClock();
  const ids = new Ids(clock, seededRandom(1));
  await clock.advance(1_234);
  assert.equal(decodeTime(ids.ulid()), clock.now());
});

Deno.test("a ULID carries its time, and other names carry none", () => {
  const nowMs = Date.UTC(2030, 0, 1);
  assert.equal(timeOfUlid(systemRandom().ulid(nowMs)), nowMs);
  for (
    const name of ["", "order-7", "8ZZZZZZZZZZZZZZZZZZZZZZZZZ", "01Q3DCBD00000000000000000", "0".repeat(27)]
  ) {
    assert.equal(timeOfUlid(name), undefined, name);
  }
});
