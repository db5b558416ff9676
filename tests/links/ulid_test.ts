import assert from "node:assert/strict";
import { decodeTime } from "@std/ulid";

Deno.test("decodeTime() reads the time of an id", () => {
  const random = "0".repeat(16);
  assert.equal(decodeTime(`0000000000${random}`), 0);
  assert.equal(decodeTime(`000000000Z${random}`), 31);
  assert.equal(decodeTime(`0000000010${random}`), 32);
  assert.equal(decodeTime(`01ARYZ6S41${random}`), 1469918176385);
  assert.equal(decodeTime("7ZZZZZZZZZZZZZZZZZZZZZZZZZ"), 2 ** 48 - 1);
});

Deno.test("decodeTime() throws for an id of the wrong length", () => {
  for (const id of ["", "01ARYZ6S41", "0".repeat(25), "0".repeat(27)]) {
    assert.throws(() => decodeTime(id), /has 26 characters/);
  }
});

Deno.test("decodeTime() throws for a character that is not in the alphabet", () => {
  for (const character of ["I", "L", "O", "U", "&", "a", " "]) {
    assert.throws(() => decodeTime(character + "0".repeat(25)), /cannot contain/);
    assert.throws(() => decodeTime("0".repeat(9) + character + "0".repeat(16)), /cannot contain/);
  }
});

Deno.test("decodeTime() throws a RangeError for a time above 48 bits", () => {
  assert.throws(() => decodeTime("8" + "0".repeat(25)), RangeError);
  assert.throws(() => decodeTime("Z".repeat(26)), RangeError);
});
