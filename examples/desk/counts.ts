/** How often each name came. */
export type Counts = Readonly<Record<string, number>>;

/** The counts with one more for `name`. Names come from outside, so what every object inherits must not be found. */
export function counted(counts: Counts, name: string): Record<string, number> {
  return { ...counts, [name]: (Object.hasOwn(counts, name) ? counts[name] : 0) + 1 };
}

/** How often each name comes among the items. */
export function countedBy<Item>(items: readonly Item[], nameOf: (item: Item) => string): Counts {
  const counts = new Map<string, number>();
  for (const name of items.map(nameOf)) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Object.fromEntries(counts);
}
