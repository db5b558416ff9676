import { kafka } from "@posthorn/posthorn/kafka";
import { transportConformance } from "@posthorn/posthorn/testing/conformance";
import { brokerTest } from "../../../brokers/given.ts";
import { Proxy } from "./proxy.ts";
import { deleteTopics } from "./stage.ts";

brokerTest("kafka", "kafka satisfies the contract of transports", async ({ own }, context) => {
  await using proxy = new Proxy();
  // Clients are told to come to the proxy; the node is alone, so that nobody uses the other listener.
  const advertised = ["CLIENTS", "INTERNAL"].map((name) => `${name}://127.0.0.1:${proxy.port}`).join();
  const node = await own({ password: true, configuration: [`advertised.listeners=${advertised}`] });
  const [port] = node.node.ports;
  proxy.target = port;
  const { user: username = "", password = "" } = node.node;
  const brokers = [`127.0.0.1:${proxy.port}`];
  const options = { brokers, sessionTimeoutMs: 3_000, rebalanceTimeoutMs: 4_000 };
  const secret = "not-the-password";
  const sasl = { mechanism: "scram-sha-256", username, password } as const;
  const clean = (prefix: string) => deleteTopics({ brokers, sasl }, prefix);
  const cases = transportConformance({
    transport: kafka({ ...options, sasl }),
    faults: {
      cut: () => proxy.cut(),
      isolate() {
        proxy.target = 0;
        proxy.cut();
      },
      restore: () => void (proxy.target = port),
      async restart() {
        await node.kill();
        await node.start();
      },
      deleteTopology: clean,
      refused: {
        transport: kafka({ ...options, sasl: { mechanism: "plain", username, password: secret } }),
        secret,
      },
    },
    cleanUp: clean,
  });
  for (const { name, skipped, run } of cases) {
    await context.step({ name, ignore: skipped !== undefined, fn: run });
  }
});
