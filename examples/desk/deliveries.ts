import definitions from "@octokit/webhooks-examples" with { type: "json" };

/** A recorded webhook of GitHub. */
export interface Example {
  readonly event: string;
  readonly body: string;
}

/** Real webhooks of all event types, collected by GitHub's developers. */
export const examples: readonly Example[] = (definitions as readonly Definition[]).flatMap(
  ({ name, examples }) => examples.map((payload) => ({ event: name, body: JSON.stringify(payload) })),
);

interface Definition {
  readonly name: string;
  readonly examples: readonly unknown[];
}
