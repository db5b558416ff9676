/** What a program says of one thing that it has tried. */
export interface Outcome<Value = unknown> {
  readonly name: string;
  /** What went wrong; absent if nothing did. */
  readonly error?: string;
  readonly value?: Value;
}

/** Tries something, and says on a line of its own what has become of it. */
export async function tryOut(name: string, what: () => Promise<unknown>): Promise<void> {
  let outcome: Outcome;
  try {
    outcome = { name, value: await what() };
  } catch (error) {
    outcome = { name, error: error instanceof Error ? `${error.stack}` : String(error) };
  }
  console.log(JSON.stringify(outcome));
}
