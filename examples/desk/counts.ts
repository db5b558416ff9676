/** The count of each name. */
export type Counts = Readonly<Record<string, number>>;

/**
 * The counts, incremented for `name`. Names are untrusted, so inherited properties of objects must not be
 * found.
 */
export function counted(counts: Counts, name: string): Record<string, number> {
  return { ...counts, [name]: (Object.hasOwn(counts, name) ? counts[name] : 0) + 1 };
}

/** Counts the occurrences of each name among the items. */
export function countedBy<Item>(items: readonly Item[], nameOf: (item: Item) => string): Counts {
  const counts = new Map<string, number>();
  for (const name of items.map(nameOf)) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Object.fromEntries(counts);
}
