import type { SuperJSON } from "superjson";

/**
 * Loads superjson when it is first needed, because most programs never need it and would load it at every
 * start.
 */
export async function loadSuperjson(): Promise<SuperJSON> {
  const { SuperJSON } = await import("superjson");
  return new SuperJSON();
}
