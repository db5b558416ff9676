// docs/limits.md says the defaults that the options have.

import assert from "node:assert/strict";
import { actor, protocol } from "@posthorn/posthorn";
import { resolveBounds } from "../../adapters/http/options.ts";
import { settingsOf as natsSettings } from "../../adapters/transports/nats/options.ts";
import { settingsOf as rabbitmqSettings } from "../../adapters/transports/rabbitmq/options.ts";
import { resolveOptions } from "../../runtime/ports/options.ts";
import { textOf } from "./page.ts";

const page = await textOf("docs/limits.md");
const system = resolveOptions({ actors: [] });
const { mailbox, retry } = actor(protocol("order", {}), { state: () => 0, on: {} });

/** The defaults of options, by the names that the page gives them: of all, and of the section of a broker. */
const ofAll = new Map<string, unknown>([
  ...Object.entries(system),
  ...Object.entries(system.limits).map(([name, value]) => [`limits.${name}`, value] as const),
  ...Object.entries(resolveBounds({ expose: [] })),
  ...Object.entries(mailbox).map(([name, value]) => [`mailbox.${name}`, value] as const),
  ...Object.entries(retry).map(([name, value]) => [`retry.${name}`, value] as const),
]);
const ofBrokers = new Map<string, object>([
  ["RabbitMQ", rabbitmqSettings({ url: "amqp://localhost" })],
  ["NATS", natsSettings({ url: "nats://localhost" })],
]);

/** The factors of units; `a year` is the only number in a word. */
const units = new Map([
  ["", 1],
  ["KiB", 1_024],
  ["MiB", 1_048_576],
  ["s", 1_000],
  ["h", 3_600_000],
  ["days", 86_400_000],
]);

function numberOf(text: string): number | undefined {
  if (text === "a year") return 365 * 86_400_000;
  const [, digits, unit] = /^([\d,]+) ?(\w*)$/.exec(text) ?? [];
  const factor = units.get(unit);
  return digits === undefined || factor === undefined
    ? undefined
    : Number(digits.replaceAll(",", "")) * factor;
}

/** Each option with a number behind it, as the page says it: `limits.actors` (1,000,000). */
const said = page.split(/^##+ /m).flatMap((section) => {
  const [heading] = section.split("\n", 1);
  const settings = Object.entries(ofBrokers.get(heading) ?? {});
  const defaults = new Map([...ofAll, ...settings]);
  return Array.from(section.matchAll(/(?<!half of )`([\w.]+)` \(([^)]+)\)/g), ([, name, text]) => ({
    name: `${settings.length > 0 ? `${heading}: ` : ""}${name}`,
    number: numberOf(text),
    value: defaults.get(name),
  }));
}).filter(({ number, value }) => number !== undefined && value !== undefined);

Deno.test("docs/limits.md says the defaults that the options have", () => {
  for (const { name, number, value } of said) assert.equal(number, value, name);
});

Deno.test("docs/limits.md has each limit of a system, of a mailbox and of a transport", () => {
  const names = new Set(said.map(({ name }) => name));
  const limits = Object.keys(system.limits).map((name) => `limits.${name}`);
  const others = ["mailbox.capacity", "mailbox.bytes", "retry.attempts", "bodyBytesMax", "streamsMax"];
  const ofTransports = ["RabbitMQ: messageBytes", "NATS: messageBytes", "NATS: retentionMs"];
  for (const name of [...limits, ...others, ...ofTransports]) assert.ok(names.has(name), name);
});
