// What a test against a real broker uses. `deno task brokers` starts the brokers and prints the environment.

import { Broker, type BrokerName, type BrokerOptions, type Installable } from "./broker.ts";
import { brokerIn, brokerKinds } from "./brokers.ts";

/** The variable that holds the URL of a broker and, behind a blank, the folder of its node. */
export function variableOf(name: BrokerName): string {
  return `POSTHORN_${name.toUpperCase()}`;
}

/** Whether a broker that is not given fails its tests, instead of being a reason to ignore them: in CI. */
const isRequired = Deno.env.get("POSTHORN_BROKERS") === "required";

/** A broker that runs, with a name that no other test uses. */
export interface GivenBroker {
  readonly url: string;
  readonly broker: Broker;
  /** A prefix for the names of everything that the test creates in it: letters, digits and `_`. */
  readonly prefix: string;
  /** A further node for this test alone, which it may kill and restart. The test's end removes it. */
  own(options?: BrokerOptions): Promise<Broker>;
}

/**
 * A test against a real broker. Several run at once against the same node, so that it uses names with the
 * prefix, and a node of its own to kill it. Without the broker, or without what it `needs` besides, it is
 * ignored, with the command that brings it in its name; if `POSTHORN_BROKERS` is `required`, it fails.
 */
export function brokerTest(
  name: BrokerName,
  title: string,
  fn: (given: GivenBroker, context: Deno.TestContext) => void | Promise<void>,
  needs: readonly Installable[] = [],
): void {
  const value = Deno.env.get(variableOf(name));
  const missing = needs.filter((needed) => !needed.isInstalled()).map(({ name }) => name);
  const command = value === undefined
    ? `deno task brokers ${name}`
    : missing.length > 0
    ? `deno task brokers --install ${missing.join(" ")}`
    : undefined;
  Deno.test({
    name: command === undefined ? title : `${title} (needs \`${command}\`)`,
    ignore: command !== undefined && !isRequired,
    async fn(context) {
      if (value === undefined || command !== undefined) {
        throw new Error(`Cannot test with ${[name, ...missing].join(", ")}: run \`${command}\``);
      }
      const [url, folder] = value.split(" ");
      await using nodes = new AsyncDisposableStack();
      const given: GivenBroker = {
        url,
        broker: await brokerIn(folder),
        prefix: `t${crypto.randomUUID().replaceAll("-", "").slice(0, 12)}`,
        async own(options) {
          // Beside the given one: whoever stops that folder stops this one, too, if the test is killed.
          return nodes.use(await Broker.temporary(brokerKinds[name], options, folder));
        },
      };
      await fn(given, context);
    },
  });
}
