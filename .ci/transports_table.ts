// How brokers differ, as the pages show it: made from their traits. `deno run -A .ci/transports_table.ts` writes it there.

import { memoryBroker, memoryTransport } from "@posthorn/posthorn/memory";
import { httpTransport } from "@posthorn/posthorn/http-transport";
import { kafka } from "@posthorn/posthorn/kafka";
import { nats } from "@posthorn/posthorn/nats";
import { rabbitmq } from "@posthorn/posthorn/rabbitmq";
import type { Transport, TransportTraits } from "@posthorn/posthorn/transport";

const keys = [{ id: "table", secret: "it signs nothing, and has 32 bytes" }];

const transports: Readonly<Record<string, Transport>> = {
  "`rabbitmq({ url })`": rabbitmq({ url: "amqp://localhost" }),
  "`kafka({ brokers })`": kafka({ brokers: ["localhost:9092"] }),
  "`nats({ url })`": nats({ url: "nats://localhost" }),
  "`httpTransport({ services, keys })`": httpTransport({ services: { billing: "https://localhost" }, keys }),
  "`memoryTransport({ broker })`": memoryTransport({ broker: memoryBroker(), expose: [] }),
};

/** The pages that show the table. */
export const pagesWithTransports = ["README.md", "docs/brokers.md"];

const begin = "<!-- transports: made by .ci/transports_table.ts -->";
const end = "<!-- end of transports -->";

/** The table, as Markdown. */
export function transportsTable(): string {
  const heads = [
    "transport",
    "for a service that is away, a message waits",
    "what is acknowledged",
    "a message that a stranger sends without an id",
    "largest body",
    "another process reads on after a crash",
  ];
  const rows = Object.entries(transports).map(([code, { traits }]) => [
    code,
    traits.holds === "broker" ? "in the broker" : "at who sends it",
    traits.reads === "queue" ? "is gone" : "stays, and can be read again",
    traits.namesStrangers ? "once: its position is its id" : "at least once",
    sizeText(traits),
    failoverText(traits),
  ]);
  return [heads, heads.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** The cells of the table that a page has, without what the formatter adds. */
export function transportsIn(page: string): string {
  const from = page.indexOf(begin) + begin.length;
  return page.slice(from, page.indexOf(end)).trim().replace(/ {2,}/g, " ").replace(/-{3,}/g, "---");
}

function sizeText({ messageBytes }: TransportTraits): string {
  if (messageBytes < 1_048_576) return `${Math.floor(messageBytes / 1_024)} KiB`;
  return `${Math.floor(messageBytes / 1_048_576)} MiB`;
}

function failoverText({ failoverMs }: TransportTraits): string {
  return failoverMs === 0 ? "at once" : `within ${failoverMs / 1_000} s`;
}

if (import.meta.main) {
  for (const name of pagesWithTransports) {
    const file = new URL(`../${name}`, import.meta.url);
    const page = await Deno.readTextFile(file);
    const [before, after] = [
      page.slice(0, page.indexOf(begin) + begin.length),
      page.slice(page.indexOf(end)),
    ];
    await Deno.writeTextFile(file, `${before}\n\n${transportsTable()}\n\n${after}`);
  }
}
