/** Separates the parts of a place, as those of the keys in a store. */
const separator = "\u001f";

/** The place of a schedule in the order of time, as a store has it. */
export function schedulePlace(dueMs: number, protocol: string, key: string, name: string): string {
  const due = Math.max(Math.ceil(dueMs), 0).toString().padStart(16, "0");
  return [due, protocol, key, name].join(separator);
}

/** The place of an actor among those of all protocols. */
export function actorPlace(protocol: string, key: string): string {
  return protocol + separator + key;
}

/** The place of what happened at a time, among what happened in the same process: a store's begin with the same digits. */
export function timePlace(atMs: number, number: number): string {
  const micros = Math.max(Math.floor(atMs * 1_000), 0).toString(36).padStart(11, "0");
  return `${micros}~${number.toString(36).padStart(11, "0")}`;
}
