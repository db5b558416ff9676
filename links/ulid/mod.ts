// Stands in for jsr:@std/ulid where JSR cannot be reached; never published.

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const timeLength = 10;
const randomLength = 16;
const latestTime = 2 ** 48 - 1;

/** Makes an id that sorts by its time; ids of one millisecond are in no particular order. */
export function ulid(seedTime: number = Date.now()): string {
  requireTime(seedTime);
  let time = "";
  for (let rest = seedTime; time.length < timeLength; rest = Math.floor(rest / alphabet.length)) {
    time = alphabet[rest % alphabet.length] + time;
  }
  let random = "";
  for (const byte of crypto.getRandomValues(new Uint8Array(randomLength))) {
    random += alphabet[byte % alphabet.length];
  }
  return time + random;
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
