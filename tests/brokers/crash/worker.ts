// One process of a service, in a crash test: NAME NUMBER START URL NAMESPACE FILE PORT. It takes the commands
// "listen", "go", "quiet" and "report", and reports in lines of JSON.

import { System } from "@posthorn/posthorn";
import { sqlite } from "@posthorn/posthorn/sqlite";
import { transportAt } from "../../../examples/desk/broker.ts";
import { TextLineStream } from "../lines.ts";
import { Clients } from "./clients.ts";
import { httpAt } from "./http_worker.ts";
import type { Report } from "./history.ts";
import { ears, otherOf, peerActor, type PeerName, peers } from "./peers.ts";
import { reportDead, reportStates } from "./report.ts";

const [name, number, start, url, namespace, file, port] = Deno.args as [PeerName, ...string[]];
const own = peers[name];
const other = peers[otherOf(name)];
const transport = url.startsWith("http:")
  ? httpAt(url, name, Number(port))
  : await transportAt(url, namespace);
if (transport === undefined) throw new Error(`No transport speaks to ${url}`);
const system = new System({
  name,
  actors: [peerActor(name)],
  store: sqlite(file),
  transport: transport([own]),
  remote: [other],
  log: false,
});
await system.ready();
// All processes of a service subscribe the same actors, which has no effect after the first one.
const subscriptions = ears.flatMap((key) => {
  const ear = system.ref(own, key);
  return [system.subscribe(other.news, ear.at(own.heard)), system.subscribe(own.vote, ear.at(own.vote))];
});
await Promise.all(subscriptions.map(({ ready }) => ready));

const clients = new Clients(system, name, `${name}-${number}.${start}`, say);
if (start !== "1") clients.start(); // at first it waits until the others can hear it
say({ is: "note", text: "ready" });
const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
for await (const command of lines) {
  if (command === "go") clients.start();
  else if (command === "quiet") await clients.quiet();
  else if (command === "report" && number === "1") {
    await reportStates(system, name, say);
    reportDead(system, say);
  }
  say({ is: "done", command });
}
await system.stop();

function say(report: Report): void {
  const bytes = new TextEncoder().encode(`${JSON.stringify(report)}\n`);
  for (let written = 0; written < bytes.length;) written += Deno.stdout.writeSync(bytes.subarray(written));
}
