/** What an object, an entry or a number takes besides what it says. */
const slotBytes = 8;
const objectBytes = 16;

/** What an object is taken for that cannot be looked at. */
const unreadableBytes = 1_024;

/**
 * About how many bytes a value takes: what its text and its numbers do, and a little for each object. It looks at no more
 * than takes `most`. What cannot be looked at (a getter that throws, a Proxy that was revoked) is taken for something small:
 * only the program itself can make such a thing, and for that nobody's answer or reply shall be let go.
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

/** Puts what is in an object on the pile. Returns what the object takes by itself. */
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
