/** A text of at most so many UTF-16 units: a longer one is cut between two characters, and ends with `…`. */
export function shorten(text: string, unitsMax: number): string {
  if (text.length <= unitsMax) return text;
  const end = unitsMax - 1;
  const last = text.charCodeAt(end - 1);
  return `${text.slice(0, last >= 0xd800 && last <= 0xdbff ? end - 1 : end)}…`; // not half of a pair
}
