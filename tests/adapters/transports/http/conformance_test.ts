// The conformance cases over HTTP in memory, with several processes of a service behind one url.

import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import { transportConformance } from "@posthorn/posthorn/testing/conformance";
import { httpTransport } from "@posthorn/posthorn/http-transport";
import { keys, Network } from "./network.ts";

const secret = "ffffffffffffffffffffffffffffffff";

function casesOver(network: Network) {
  const clock = new VirtualClock();
  return transportConformance({
    transport: httpTransport({ services: { bystander: network.serviceOf("bystander") }, keys }),
    transportOf: (process) => network.transportOf(process),
    faults: {
      cut: () => network.cut(),
      isolate: () => network.isolate(),
      restore: () => network.restore(),
      restart: () => Promise.resolve(network.cut()), // nothing is on the way that could be lost
      deleteTopology: () => Promise.resolve(), // there is none
      refused: {
        transport: network.transportOf({ services: ["bystander"] }, { keys: [{ id: "test", secret }] }),
        secret,
      },
    },
    clock,
    random: seededRandom(7),
    async advance(byMs) {
      await clock.advance(byMs);
      await new Promise((resolve) => setTimeout(resolve, 0)); // hashes and bodies take turns of the event loop
    },
  });
}

for (const { name, skipped } of casesOver(new Network())) {
  Deno.test({
    name: `HTTP: ${name}`,
    ignore: skipped !== undefined,
    async fn() {
      const network = new Network();
      const clock = new VirtualClock();
      const bystander = await network.transportOf({ services: ["bystander"] }, { greets: false }).open({
        clock,
        random: seededRandom(1),
        service: "bystander",
        instance: "bystander-1",
        store: "bystander",
        report() {},
      });
      bystander.receive({ kind: "process" }, {
        begin: () => Promise.resolve(undefined),
        take: () => Promise.resolve([]),
      });
      try {
        await casesOver(network).find((one) => one.name === name)!.run();
      } finally {
        await bystander.close();
      }
    },
  });
}
