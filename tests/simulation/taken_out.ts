import { InProcessDelivery } from "../../runtime/durable/in_process_delivery.ts";
import { Patches } from "./patches.ts";
import { rules } from "./rules.ts";

/** The code without a rule, or without hand-overs in the process, until it is disposed of. */
export function takenOut(
  { without, hints = true }: { readonly without?: string | undefined; readonly hints?: boolean },
): Disposable {
  const patches = new Patches();
  rules.find(({ name }) => name === without)?.code?.(patches);
  if (!hints) patches.method(InProcessDelivery.prototype, "deliverCommitted", () => () => {});
  return patches;
}
