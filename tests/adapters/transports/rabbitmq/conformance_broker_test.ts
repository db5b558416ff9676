// The conformance cases against a real RabbitMQ, with all their faults.

import { rabbitmq } from "@posthorn/posthorn/rabbitmq";
import { transportConformance } from "@posthorn/posthorn/testing/conformance";
import { brokerTest, type GivenBroker } from "../../../brokers/given.ts";
import { evaluate } from "../../../brokers/rabbitmq.ts";
import { TcpProxy } from "../../../brokers/tcp_proxy.ts";

const options = { messageBytes: 1_048_576, heartbeatSeconds: 2 };
const secret = "wrong%20secret";

/** What a URL says, with another port, user or password. */
function changed(text: string, changes: Partial<Pick<URL, "port" | "username" | "password">>): string {
  return Object.assign(new URL(text), changes).href;
}

async function casesOf({ url, own }: Pick<GivenBroker, "url" | "own">, needsOwn: boolean) {
  const stack = new AsyncDisposableStack();
  const node = needsOwn ? await own() : undefined;
  const target = node?.url ?? url;
  const proxy = stack.use(new TcpProxy({ hostname: "127.0.0.1", port: Number(new URL(target).port) }));
  const through = changed(target, { port: String(proxy.port) });
  const cases = transportConformance({
    transport: rabbitmq({ ...options, url: through }),
    faults: {
      cut: () => proxy.cut(),
      isolate: () => proxy.isolate(),
      restore: () => proxy.restore(),
      async restart() {
        await node!.kill();
        await node!.start();
      },
      async deleteTopology(prefix) {
        const code = `[rabbit_amqqueue:delete(Q, false, false, <<"test">>) || Q <- rabbit_amqqueue:list(), ` +
          `binary:match(element(4, element(2, Q)), <<"${prefix}">>) =/= nomatch], ` +
          `[rabbit_exchange:delete(element(2, X), false, <<"test">>) || X <- rabbit_exchange:list(<<"/">>), ` +
          `binary:match(element(4, element(2, X)), <<"${prefix}">>) =/= nomatch orelse ` +
          `element(4, element(2, X)) =:= <<"posthorn.events">>].`;
        await evaluate(node!, code);
      },
      refused: { transport: rabbitmq({ ...options, url: changed(through, { password: secret }) }), secret },
    },
  });
  return { cases, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** These harm others that use the same node. */
const harmful = /killed|deleted in the broker/;

const names = transportConformance({
  transport: rabbitmq({ url: "amqp://127.0.0.1" }),
  faults: {
    cut() {},
    isolate() {},
    restore() {},
    restart: () => Promise.resolve(),
    deleteTopology: () => Promise.resolve(),
    refused: { transport: rabbitmq({ url: "amqp://127.0.0.1" }), secret },
  },
}).filter(({ skipped }) => skipped === undefined).map(({ name }) => name);

for (const name of names) {
  brokerTest("rabbitmq", `RabbitMQ: ${name}`, async (given) => {
    await using prepared = await casesOf(given, harmful.test(name));
    await prepared.cases.find((one) => one.name === name)!.run();
  });
}
