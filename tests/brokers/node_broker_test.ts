// The nodes themselves: that they can be killed and restarted is what other tests stand on.

import assert from "node:assert/strict";
import { brokerKinds, isBrokerName } from "./brokers.ts";
import { brokerTest } from "./given.ts";
import { rabbitmqadmin, rabbitmqctl } from "./rabbitmq.ts";

for (const name of Object.keys(brokerKinds).filter(isBrokerName)) {
  const kind = brokerKinds[name];

  brokerTest(
    name,
    `a node of ${name} that is killed starts again with its port, and with the certificate of its own authority`,
    async ({ own }) => {
      const broker = await own({ tls: true, password: true });
      const { node } = broker;
      await broker.kill();
      assert.equal(broker.isRunning, false);
      assert.equal(await kind.serves(node), false);
      await broker.start();
      assert.equal(await kind.serves(node), true);
      const authority = await Deno.readTextFile(node.authority!);
      {
        // A server of NATS speaks before it encrypts, but not to a WebSocket.
        const port = Number(new URL(node.others.websocket ?? node.url.replace(/^\w+:/, "http:")).port);
        using connection = await Deno.connectTls({ hostname: "127.0.0.1", port, caCerts: [authority] });
        await connection.handshake();
        using stranger = await Deno.connectTls({ hostname: "127.0.0.1", port });
        await assert.rejects(stranger.handshake(), /UnknownIssuer/);
      }
      assert.ok(node.user && node.password && node.url.includes(node.password));
      await broker.stop();
      assert.equal(await kind.serves(node), false);
    },
  );
}

for (const name of ["rabbitmq", "nats"] as const) {
  brokerTest(name, `a node of ${name} that cannot start says why`, async ({ own }) => {
    await assert.rejects(own({ configuration: ["nonsense"] }), /Cannot start .* it has ended: [^]*config/);
  });
}

brokerTest(
  "rabbitmq",
  "rabbitmqctl and rabbitmqadmin reach a node, whose queues survive",
  async ({ own }) => {
    const broker = await own({ management: true });
    await rabbitmqadmin(broker, "declare", "queue", "name=kept", "durable=true");
    // Not killed: a node tells that a queue is there some time before it is on the disk.
    await broker.stop();
    await broker.start();
    assert.match(await rabbitmqctl(broker, "list_queues", "name"), /^kept$/m);
  },
);
