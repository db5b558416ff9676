/**
 * Throws if the entries of the package have two copies of something, or if what they export is not named as it is
 * exported. `.ci/pack.ts` runs it in a project that has installed the package.
 */
export function requireOneCopy(entries: Readonly<Record<string, Readonly<Record<string, unknown>>>>): void {
  const seen = new Map<string, { readonly entry: string; readonly value: unknown }>();
  for (const [entry, exported] of Object.entries(entries)) {
    for (const [name, value] of Object.entries(exported)) {
      const { entry: first, value: same } = seen.get(name) ?? { entry, value };
      if (same !== value) throw new Error(`${first} and ${entry} have a ${name} each`);
      if (typeof value === "function" && value.name !== name) {
        throw new Error(`${name} of ${entry} calls itself ${value.name}`);
      }
      seen.set(name, { entry: first, value });
    }
  }
}
