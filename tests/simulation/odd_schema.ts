import type { Schema } from "@posthorn/posthorn";
import type { Job } from "./messages.ts";

type Answered = ReturnType<Schema<Job>["~standard"]["validate"]>;

/** What a schema may do instead of returning a result. */
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

/** Marks a job when it is sent: a job read from a store has no such mark. */
export function markFresh(job: Job): Job {
  return Object.defineProperty(job, fresh, { value: true });
}

/** Accepts a job when it is sent, and misbehaves when it is read from the store. */
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
