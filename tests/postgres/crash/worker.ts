// One process on the store, in a crash test: NAME NUMBER START URL. It hosts both peers, and sends as one of
// them. It takes the commands "listen", "go", "quiet" and "report", and reports in lines of JSON.

import { OutcomeUnknownError, StoreError, System } from "@posthorn/posthorn";
import { postgres } from "@posthorn/posthorn/postgres";
import { Clients } from "../../brokers/crash/clients.ts";
import type { Report } from "../../brokers/crash/history.ts";
import { ears, otherOf, peerActor, type PeerName, peers } from "../../brokers/crash/peers.ts";
import { reportDead, reportStates } from "../../brokers/crash/report.ts";
import { TextLineStream } from "../../brokers/lines.ts";

const [name, number, start, url] = Deno.args as [PeerName, ...string[]];
const names = ["left", "right"] as const;
const system = new System({ actors: names.map(peerActor), store: postgres(url), log: false });
await system.ready();
// All processes subscribe the same actors, which has no effect after the first one.
const subscriptions = names.flatMap((own) =>
  ears.flatMap((key) => {
    const ear = system.ref(peers[own], key);
    return [
      system.subscribe(peers[otherOf(own)].news, ear.at(peers[own].heard)),
      system.subscribe(peers[own].vote, ear.at(peers[own].vote)),
    ];
  })
);
await Promise.all(subscriptions.map(({ ready }) => ready));

const clients = new Clients(system, name, `${name}-${number}.${start}`, say);
if (start !== "1") clients.start(); // at first it waits until the others are there
say({ is: "note", text: "ready" });
const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
for await (const command of lines) {
  if (command === "go") clients.start();
  else if (command === "quiet") await clients.quiet();
  else if (command === "report" && number === "1") {
    for (const each of names) await untilThere(() => reportStates(system, each, say));
    reportDead(system, say);
  }
  say({ is: "done", command });
}
await system.stop();

/** Does something again as long as the store is away: asks are not repeated by themselves. */
async function untilThere(work: () => Promise<void>): Promise<void> {
  for (let tries = 1;; tries++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof StoreError || error instanceof OutcomeUnknownError) || tries === 50) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

function say(report: Report): void {
  const bytes = new TextEncoder().encode(`${JSON.stringify(report)}\n`);
  for (let written = 0; written < bytes.length;) written += Deno.stdout.writeSync(bytes.subarray(written));
}
