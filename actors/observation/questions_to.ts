import { Questions } from "../../runtime/observation/questions.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { MemorySource } from "./memory_source.ts";

/** Questions to the memory of this process and, if there is one, to the store. Waits until the store is open. */
export async function questionsTo(runtime: Runtime): Promise<Questions> {
  const memory = new MemorySource(runtime);
  const stored = await runtime.persistence?.whenOpen((open) => open.observe());
  return new Questions(stored === undefined ? [memory] : [memory, stored]);
}
