import type { SuperJSON } from "superjson";

/** The library, loaded when somebody first wants it: most never do, and would wait for it at every start. */
export async function loadSuperjson(): Promise<SuperJSON> {
  const { SuperJSON } = await import("superjson");
  return new SuperJSON();
}
