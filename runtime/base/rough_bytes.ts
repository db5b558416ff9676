/** The bytes of a number or a slot, and those of an object besides its entries. */
const slotBytes = 8;
const objectBytes = 16;

/** The estimate for an object that cannot be read. */
const unreadableBytes = 1_024;

/**
 * Estimates how many bytes a value takes: its texts and numbers, and a little for each object. It stops at `most`. A
 * value that cannot be read (a getter that throws, a revoked Proxy) counts as small: only the program itself can make
 * one, and replies of others must not be evicted for it.
 */
export function roughBytes(value: unknown, most: number): number {
  let seen: Set<object> | undefined;
  const left: unknown[] = [value];
  let bytes = 0;
  while (left.length > 0 && bytes < most) {
    const next = left.pop();
    if (typeof next === "string") bytes += objectBytes + next.length;
    else if (typeof next === "bigint") bytes += objectBytes + next.toString(16).length / 2;
    else if (typeof next !== "object" || next === null) bytes += slotBytes;
    else if (next === value ? bytes === 0 : seen?.has(next) !== true) { // the value itself comes first, before any byte
      if (next !== value) (seen ??= new Set()).add(next);
      bytes += objectBytes + guardedInside(next, left);
    }
  }
  return Math.min(Math.ceil(bytes), most);
}

function guardedInside(object: object, pile: unknown[]): number {
  try {
    return inside(object, pile);
  } catch {
    return unreadableBytes; // a getter that throws, or a Proxy that was revoked
  }
}

/** Adds the values in an object to the pile. Returns how many bytes the object takes without them. */
function inside(object: object, pile: unknown[]): number {
  if (ArrayBuffer.isView(object) || object instanceof ArrayBuffer) return object.byteLength;
  if (object instanceof Map) {
    for (const [key, value] of object) pile.push(key, value);
    return object.size * 2 * slotBytes;
  }
  if (Array.isArray(object) || object instanceof Set) {
    for (const item of object) pile.push(item);
    return 0;
  }
  if (object instanceof Error) pile.push(object.message, object.cause); // which are no entries
  let bytes = 0;
  for (const key of Object.keys(object)) {
    bytes += slotBytes + key.length;
    pile.push(object[key as keyof typeof object]);
  }
  return bytes;
}
