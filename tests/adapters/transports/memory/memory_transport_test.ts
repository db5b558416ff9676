import { memoryBroker, memoryTransport } from "@posthorn/posthorn/memory";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import { transportConformance } from "@posthorn/posthorn/testing/conformance";

for (const reads of ["queue", "log"] as const) {
  for (const shards of [1, 3]) {
    const clock = new VirtualClock();
    const cases = transportConformance({
      transport: memoryTransport({ broker: memoryBroker({ reads, shards }) }),
      clock,
      random: seededRandom(7),
      advance: (byMs) => clock.advance(byMs),
    });
    for (const { name, skipped, run } of cases) {
      Deno.test({
        name: `memory, a ${reads} of ${shards} shards: ${name}`,
        ignore: skipped !== undefined,
        fn: run,
      });
    }
  }
}
