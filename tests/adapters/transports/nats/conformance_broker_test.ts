// The conformance cases against a real NATS server, with all their faults.

import { nats } from "@posthorn/posthorn/nats";
import { transportConformance } from "@posthorn/posthorn/testing/conformance";
import { brokerTest, type GivenBroker } from "../../../brokers/given.ts";
import { TcpProxy } from "../../../brokers/tcp_proxy.ts";
import { deleteStreams } from "./admin.ts";

const secret = "wrong%20secret";

/** What a URL says, with another port, user or password. */
function changed(text: string, changes: Partial<Pick<URL, "port" | "username" | "password">>): string {
  return Object.assign(new URL(text), changes).href;
}

/** The cases run in a namespace: what is not in it is not theirs. */
const namespace = "conformance";

async function casesOf(
  { url, own }: Pick<GivenBroker, "url" | "own">,
  needs: "nothing" | "node" | "password",
) {
  const stack = new AsyncDisposableStack();
  const node = needs === "nothing" ? undefined : await own({ password: needs === "password" });
  const target = node?.url ?? url;
  const proxy = stack.use(new TcpProxy({ hostname: "127.0.0.1", port: Number(new URL(target).port) }));
  const through = changed(target, { port: String(proxy.port) });
  const cases = transportConformance({
    transport: nats({ url: through, namespace }),
    faults: {
      cut: () => proxy.cut(),
      isolate: () => proxy.isolate(),
      restore: () => proxy.restore(),
      async restart() {
        await node!.kill();
        await node!.start();
      },
      deleteTopology: () => deleteStreams(target, () => true),
      refused: {
        transport: nats({ url: changed(through, { username: "posthorn", password: secret }) }),
        secret,
      },
    },
    cleanUp: (prefix) => deleteStreams(target, (name) => name.toLowerCase().includes(prefix)),
  });
  return { cases, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const names = transportConformance({
  transport: nats({ url: "nats://127.0.0.1" }),
  faults: {
    cut() {},
    isolate() {},
    restore() {},
    restart: () => Promise.resolve(),
    deleteTopology: () => Promise.resolve(),
    refused: { transport: nats({ url: "nats://127.0.0.1" }), secret },
  },
}).filter(({ skipped }) => skipped === undefined).map(({ name }) => name);

for (const name of names) {
  const needs = /password/.test(name)
    ? "password"
    : /killed|deleted in the broker/.test(name)
    ? "node"
    : "nothing";
  brokerTest("nats", `NATS: ${name}`, async (given) => {
    await using prepared = await casesOf(given, needs);
    await prepared.cases.find((one) => one.name === name)!.run();
  });
}
