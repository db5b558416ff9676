import type { Schema } from "@posthorn/posthorn";
import type { Job } from "./messages.ts";

type Answered = ReturnType<Schema<Job>["~standard"]["validate"]>;

/** What a schema may do instead of answering. */
export const oddities: readonly ((job: Job) => Answered)[] = [
  () => {
    throw new TypeError("a schema throws");
  },
  () => {
    throw null;
  },
  () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    throw proxy;
  },
  (job) => Promise.resolve({ value: job }),
  () => Promise.reject(new Error("a schema rejects")),
  () => ({ issues: [{ message: "it does not fit any more" }] }),
];

const fresh = Symbol("fresh");

/** Marks a job that is only now sent: what is read from a store has no such mark. */
export function markFresh(job: Job): Job {
  return Object.defineProperty(job, fresh, { value: true });
}

/** Takes what is sent, and does something odd where it finds that in the store. */
export const oddSchema: Schema<Job> = {
  "~standard": {
    version: 1,
    vendor: "simulation",
    validate(value) {
      const job = value as Job;
      return job.does === "spoil" && !(fresh in job) ? oddities[job.more ?? 0](job) : { value: job };
    },
  },
};
