// Stands in for jsr:@std/ulid where JSR cannot be reached; never published.

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const characterCodes = Array.from(alphabet, (character) => character.charCodeAt(0));
const timeLength = 10;
const randomLength = 16;
const latestTime = 2 ** 48 - 1;

/** Makes an id that sorts by its time; ids of one millisecond are in no particular order. */
export function ulid(seedTime: number = Date.now()): string {
  return encode(newDigits(seedTime));
}

/** Reads the time, in milliseconds since 1970, out of an id. */
export function decodeTime(ulid: string): number {
  if (ulid.length !== timeLength + randomLength) {
    throw new Error(`A ULID has ${timeLength + randomLength} characters, not ${ulid.length}.`);
  }
  let time = 0;
  for (const character of ulid.slice(0, timeLength)) {
    const digit = alphabet.indexOf(character);
    if (digit === -1) throw new Error(`A ULID cannot contain the character ${JSON.stringify(character)}.`);
    time = time * alphabet.length + digit;
  }
  if (time > latestTime) throw new RangeError(`The time of a ULID is at most ${latestTime}, not ${time}.`);
  return time;
}

function requireTime(seedTime: number): void {
  if (Number.isInteger(seedTime) && seedTime >= 0 && seedTime <= latestTime) return;
  throw new RangeError(`The time of a ULID is an integer from 0 to ${latestTime}, not ${seedTime}.`);
}

function newDigits(seedTime: number): number[] {
  requireTime(seedTime);
  const digits: number[] = Array(timeLength).fill(0);
  let rest = seedTime;
  for (let position = timeLength - 1; position >= 0; position--) {
    digits[position] = rest % alphabet.length;
    rest = Math.floor(rest / alphabet.length);
  }
  for (const byte of crypto.getRandomValues(new Uint8Array(randomLength))) {
    digits.push(byte % alphabet.length);
  }
  return digits;
}

function encode(digits: number[]): string {
  return String.fromCharCode(...digits.map((digit) => characterCodes[digit]));
}
