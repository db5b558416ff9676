import { type Actor, type Clock, type Store, System, systemClock } from "@posthorn/posthorn";
import { audit } from "./audit.ts";
import { chat, Room } from "./chat.ts";
import { labels } from "./labels.ts";
import { Audit, Chat, Labels, Repository, Reviewer } from "./protocols.ts";
import { repository } from "./repository.ts";
import { reviewer } from "./reviewer.ts";

/** The reviewers and what they know. One of them thinks longer than any survey waits. */
export const reviewers = {
  octocat: { languages: ["Ruby", "JavaScript"], thinksMs: 10 },
  monalisa: { languages: ["Ruby", "Swift"], thinksMs: 40 },
  Codertocat: { languages: ["Ruby"], thinksMs: 10 },
  hubot: { languages: ["CoffeeScript"], thinksMs: 5 },
  wolfy1339: { languages: ["Ruby", "TypeScript"], thinksMs: 300 },
};

export interface SystemParts {
  readonly clock?: Clock;
  /** The store of the actors; without one they are in memory. */
  readonly store?: Store;
  /** Where releases are announced. */
  readonly room?: Room;
  /** Replaces the audit log. For tests. */
  readonly audit?: Actor<"audit">;
}

/** Starts the actors of the desk, and makes their subscriptions. */
export async function openSystem(parts: SystemParts = {}): Promise<System> {
  const clock = parts.clock ?? systemClock();
  const system = new System({
    actors: [repository, parts.audit ?? audit, labels, chat(parts.room ?? new Room()), reviewer(clock)],
    clock,
    ...(parts.store !== undefined && { store: parts.store }),
  });
  await system.ready();
  followDeliveries(system);
  await introduceReviewers(system);
  return system;
}

/** Subscribes the audit log, the labels and the chat to what the repositories publish. */
export function followDeliveries(system: System): void {
  system.subscribe(Repository.recorded, system.ref(Audit, "desk").at(Audit.write));
  const labelCounter = system.ref(Labels, "desk");
  system.subscribe(Repository.recorded, labelCounter.at(Labels.labeled), { subject: "*.labeled" });
  system.subscribe(Repository.recorded, labelCounter.at(Labels.unlabeled), { subject: "*.unlabeled" });
  system.subscribe(Repository.recorded, labelCounter.at(Labels.edited), { subject: "label.>" });
  system.subscribe(Repository.recorded, system.ref(Chat, "releases").at(Chat.announce), {
    subject: "release.published",
  });
}

/** Tells the reviewers what they know. */
export async function introduceReviewers(system: System): Promise<void> {
  for (const [login, skills] of Object.entries(reviewers)) {
    await system.ref(Reviewer, login).tell(Reviewer.join, skills);
  }
}
