import { ask, event, protocol, submit, survey, tell } from "@posthorn/posthorn";
import * as z from "zod";

/** The data that the desk keeps of one webhook. The delivery id is the id of the message that carries it. */
export const Delivery = z.object({
  // it is sent in a header, which the signature does not cover
  event: z.string().regex(/^[a-z][a-z0-9_]{0,63}$/),
  action: z.string().optional(),
  sender: z.string().optional(),
  label: z.string().optional(),
});
export type Delivery = z.infer<typeof Delivery>;

/** A delivery as it is published. */
export const Recorded = Delivery.extend({ id: z.string(), repository: z.string() });
export type Recorded = z.infer<typeof Recorded>;

/** The subject of a delivery: `issues.labeled`, or `push` if there is no action. */
export function subjectOf({ event, action }: Delivery): string {
  return action === undefined ? event : `${event}.${action}`;
}

const Counts = z.record(z.string(), z.number());

export const Numbers = z.object({ deliveries: z.number(), byEvent: Counts, latest: z.array(Recorded) });
export type Numbers = z.infer<typeof Numbers>;

/** One actor for each repository; the key is its full name. */
export const Repository = protocol("repository", {
  record: tell(Delivery),
  numbers: ask(Numbers),
  report: submit(z.string()),
  recorded: event(Recorded, { subject: subjectOf }),
});

export const AuditNumbers = z.object({
  deliveries: z.number(),
  byRepository: Counts,
  latest: z.array(Recorded),
});
export type AuditNumbers = z.infer<typeof AuditNumbers>;

/** Subscribes to every delivery. */
export const Audit = protocol("audit", {
  write: tell(Recorded),
  numbers: ask(AuditNumbers),
});

/** Tells people of releases. */
export const Chat = protocol("chat", { announce: tell(Recorded) });

export const LabelTotals = z.object({ set: Counts, removed: Counts, edited: Counts });
export type LabelTotals = z.infer<typeof LabelTotals>;

/** Counts labels: one operation for each subject that it subscribes to. */
export const Labels = protocol("labels", {
  labeled: tell(Recorded),
  unlabeled: tell(Recorded),
  edited: tell(Recorded),
  totals: ask(LabelTotals),
});

export const Skills = z.object({ languages: z.array(z.string()), thinksMs: z.number() });
export const PullRequest = z.object({
  repository: z.string(),
  number: z.number().int(),
  author: z.string(),
  language: z.string(),
});
export type PullRequest = z.infer<typeof PullRequest>;
export const Offer = z.object({ reviewer: z.string(), text: z.string() });
export type Offer = z.infer<typeof Offer>;

/** One actor for each reviewer; the key is the login. */
export const Reviewer = protocol("reviewer", {
  join: tell(Skills),
  review: survey(PullRequest, Offer),
});
