import assert from "node:assert/strict";
import { systemRandom } from "@posthorn/posthorn";
import { decodeTime } from "@std/ulid";
import { seededRandom } from "@posthorn/posthorn/testing";

for (
  const [name, make] of [["systemRandom", systemRandom], ["seededRandom", () => seededRandom(1)]] as const
) {
  Deno.test(`${name} gives numbers of at least 0 and below 1`, () => {
    const random = make();
    const numbers = Array.from({ length: 1_000 }, () => random.next());
    assert(numbers.every((number) => number >= 0 && number < 1));
    assert(new Set(numbers).size > 900);
  });

  Deno.test(`${name} gives ULIDs of their time, each once`, () => {
    const random = make();
    const ulids = [5, 5, 7.5, 8].map((nowMs) => random.ulid(nowMs));
    assert(ulids.every((ulid) => /^[0-9A-HJKMNP-TV-Z]{26}$/.test(ulid)));
    assert.deepEqual(ulids.map(decodeTime), [5, 5, 7, 8]);
    assert.equal(new Set(ulids).size, ulids.length);
  });
}

Deno.test("systemRandom gives ULIDs also by a clock that is before or behind what they can carry", () => {
  const random = systemRandom();
  const times = [-1, 8.64e15, NaN].map((nowMs) => decodeTime(random.ulid(nowMs)));
  assert.deepEqual(times, [0, 2 ** 48 - 1, 0]);
});

Deno.test("seededRandom repeats itself for the same seed, and differs for another", () => {
  const draw = (seed: number) => Array.from({ length: 5 }, seededRandom(seed).next);
  assert.deepEqual(draw(7), draw(7));
  assert.notDeepEqual(draw(7), draw(8));
});

Deno.test("systemRandom gives ULIDs of which none tells another: they name replies", () => {
  const random = systemRandom();
  const [first, second] = [random.ulid(5), random.ulid(5)].map((ulid) => ulid.slice(10));
  const common = [...first].filter((digit, index) => digit === second[index]).length;
  assert(common < 8, `${first} and ${second} share ${common} of 16 digits`);
});

Deno.test("systemRandom draws nothing until it is asked, then for many ULIDs at once, each byte for one digit", () => {
  const drawn: number[] = [];
  const { getRandomValues } = crypto;
  crypto.getRandomValues = (array) => {
    const bytes = array as unknown as Uint8Array;
    for (let index = 0; index < bytes.length; index++) bytes[index] = (index >> 4) + drawn.length * 100;
    drawn.push(bytes.length);
    return array;
  };
  try {
    const random = systemRandom();
    assert.deepEqual(drawn, []);
    const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    const ends = Array.from({ length: 65 }, () => random.ulid(5).slice(10));
    assert.deepEqual(drawn, [1_024, 1_024]);
    assert.deepEqual(
      ends,
      Array.from({ length: 65 }, (_, index) => {
        return digits[(index % 64 + (index < 64 ? 0 : 100)) % 32].repeat(16);
      }),
    );
  } finally {
    crypto.getRandomValues = getRandomValues;
  }
});

Deno.test("systemRandom writes the time and 80 random bits in 26 digits of base 32, and repeats none", () => {
  const random = systemRandom();
  const ulids = Array.from({ length: 2_000 }, (_, index) => random.ulid(1469918176385 + index % 2));
  for (const [index, ulid] of ulids.entries()) {
    assert.match(ulid, index % 2 === 0 ? /^01ARYZ6S41/ : /^01ARYZ6S42/);
  }
  assert.equal(new Set(ulids).size, ulids.length);
  const places = Array.from({ length: 16 }, (_, place) => new Set(ulids.map((ulid) => ulid[10 + place])));
  assert.deepEqual(places.map(({ size }) => size), Array(16).fill(32));
});
