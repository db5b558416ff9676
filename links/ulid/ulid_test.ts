import assert from "node:assert/strict";
import { decodeTime, ulid } from "./mod.ts";

const latestTime = 2 ** 48 - 1;

function withRandomBytes(value: number): Disposable {
  const getRandomValues = crypto.getRandomValues;
  crypto.getRandomValues = <T extends ArrayBufferView | null>(array: T): T => {
    assert.ok(array instanceof Uint8Array);
    array.fill(value);
    return array;
  };
  return {
    [Symbol.dispose]: () => {
      crypto.getRandomValues = getRandomValues;
    },
  };
}

Deno.test("ulid() writes the time and 80 random bits in 26 base32 characters", () => {
  for (let round = 0; round < 100; round++) {
    assert.match(ulid(), /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
  }
  assert.equal(ulid(1469918176385).slice(0, 10), "01ARYZ6S41");
  assert.equal(ulid(0).slice(0, 10), "0000000000");
  assert.equal(ulid(latestTime).slice(0, 10), "7ZZZZZZZZZ");
});

Deno.test("ulid() takes its random part from crypto.getRandomValues", () => {
  for (const [byte, character] of [[0, "0"], [17, "H"], [31, "Z"], [32, "0"], [255, "Z"]] as const) {
    using _random = withRandomBytes(byte);
    assert.equal(ulid(0).slice(10), character.repeat(16));
  }
});

Deno.test("ulid() uses every character at every place of the random part", () => {
  const seen = Array.from({ length: 16 }, () => new Set<string>());
  for (let round = 0; round < 2000; round++) {
    Array.from(ulid(0).slice(10), (character, place) => seen[place].add(character));
  }
  assert.deepEqual(seen.map((characters) => characters.size), Array(16).fill(32));
});

Deno.test("ulid() does not repeat itself within a millisecond", () => {
  const ids = new Set(Array.from({ length: 1000 }, () => ulid(5)));
  assert.equal(ids.size, 1000);
});

Deno.test("decodeTime() reads back the time of an id", () => {
  for (const time of [0, 1, 31, 32, 1469918176385, latestTime]) assert.equal(decodeTime(ulid(time)), time);
  assert.equal(decodeTime("7ZZZZZZZZZZZZZZZZZZZZZZZZZ"), latestTime);
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
