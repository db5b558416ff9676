import type { System } from "@posthorn/posthorn";
import type { Room } from "./chat.ts";
import { Audit, Repository } from "./protocols.ts";

/**
 * Gives a desk that has recorded nothing yet something to see: the delivery of a release, whose announcement fails once.
 * Its message becomes a dead letter. Resolves with whether it did.
 */
export async function deliverFirst(system: System, room: Room): Promise<boolean> {
  const { deliveries } = await system.ref(Audit, "desk").ask(Audit.numbers);
  if (deliveries > 0) return false;
  room.isOpen = false;
  await system.ref(Repository, "octocat/hello-world").tell(
    Repository.record,
    { event: "release", action: "published", sender: "octocat" },
    { id: "first-delivery" },
  );
  return true;
}
