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

/** What the actors of this revision make of jobs: they were stored when others thought them right. */
export const oddSchema: Schema<Job> = {
  "~standard": {
    version: 1,
    vendor: "simulation",
    validate(value) {
      const job = value as Job;
      return job.does === "spoil" ? oddities[job.more ?? 0](job) : { value: job };
    },
  },
};
