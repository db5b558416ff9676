import { valueText } from "../../runtime/observation/value_text.ts";
import type {
  DeadLetterGroup,
  ObservedActor,
  ObservedDeadLetter,
  ObservedProtocol,
  Page,
} from "../../runtime/ports/observation.ts";
import { actorOf, type Answer, type Command, line, pageOptions } from "./command.ts";
import { nameOfSchedule, show } from "./show.ts";
import { beginning, type Cell, table } from "./table.ts";
import { ago, at } from "./times.ts";

/** How many protocols, and groups of dead letters, the overview shows. */
const overviewMax = 20;

/** The commands that ask something. */
export const questions: readonly Command[] = [
  {
    name: "overview",
    takes: [],
    options: [],
    says: "instances, protocols and dead letters at a glance: what it does without a command",
    ask: async (observation, { nowMs }) => {
      const instances = await observation.instances({ limit: overviewMax });
      const protocols = await observation.protocols({ limit: overviewMax });
      const { groups, more } = await observation.deadLetterGroups();
      const deadLetters = { groups: groups.slice(0, overviewMax), more: more || groups.length > overviewMax };
      const parts = [
        table(["INSTANCE", "HEARD"], instances.items.map((one) => [one.instance, ago(one.atMs, nowMs)])) ||
        "No instance runs.\n",
        protocolTable(protocols.items, nowMs) || "No protocol has actors or messages.\n",
        table(["DEAD LETTERS OF", "REASON", "COUNT"], deadLetters.groups.map(groupRow)) ||
        "There is no dead letter.\n",
      ];
      return { json: { instances, protocols, deadLetters }, text: parts.join("\n") };
    },
  },
  {
    name: "protocols",
    takes: [],
    options: pageOptions,
    says: "protocols with their actors, and what waits",
    ask: async (observation, { page, nowMs }) =>
      list(await observation.protocols(page), (items) => protocolTable(items, nowMs), "protocol"),
  },
  {
    name: "instances",
    takes: [],
    options: pageOptions,
    says: "the processes that run on the store",
    ask: async (observation, { page, nowMs }) =>
      list(await observation.instances(page), (items) =>
        table(
          ["INSTANCE", "HEARD", "HOSTS"],
          items.map(({ instance, atMs, hosts }) => [instance, ago(atMs, nowMs), hosts?.join(" ")]),
        ), "instance"),
  },
  {
    name: "actors",
    takes: ["PROTOCOL"],
    options: ["prefix", "waiting", ...pageOptions],
    says: "actors of a protocol, those whose key begins with --prefix, or that messages wait for",
    ask: async (observation, { names: [protocol], values: { prefix }, flags, page, nowMs }) => {
      const filter = { protocol, ...prefix !== undefined && { prefix }, waiting: flags.has("waiting") };
      const found = await observation.actors({ ...filter, ...page });
      return list(found, (items) => actorTable(items, nowMs), `actor of ${protocol}`);
    },
  },
  {
    name: "failing",
    takes: [],
    options: ["protocol", ...pageOptions],
    says: "actors whose first message has failed and is tried again",
    ask: async (observation, { values: { protocol }, page, nowMs }) => {
      const found = await observation.failing({ ...protocol !== undefined && { protocol }, ...page });
      return list(found, (items) => actorTable(items, nowMs), "actor that fails");
    },
  },
  {
    name: "show",
    takes: ["PROTOCOL/KEY"],
    options: [],
    says: "one actor: its state, the messages that wait, schedules, subscriptions",
    ask: async (observation, { names: [name], nowMs }) => {
      const found = await observation.actor(actorOf(name));
      if (found === undefined) {
        return { json: null, text: line(`Nothing is known of ${name}.`), failed: true };
      }
      return { json: found, text: show(found, nowMs) };
    },
  },
  {
    name: "schedules",
    takes: [],
    options: pageOptions,
    says: "schedules and delayed messages, in the order of time",
    ask: async (observation, { page }) =>
      list(await observation.schedules(page), (items) =>
        table(
          ["DUE", "ACTOR", "NAME", "TO"],
          items.map(({ dueMs, actor, name, to, fault }) => [
            at(dueMs),
            `${actor.protocol}/${actor.key}`,
            nameOfSchedule(name, fault),
            to && `${to.protocol}/${to.key} ${to.operation}`,
          ]),
        ), "schedule"),
  },
  {
    name: "topics",
    takes: [],
    options: pageOptions,
    says: "events with their subscribers, logs and lag",
    ask: async (observation, { page }) =>
      list(await observation.topics(page), (items) =>
        table(
          ["TOPIC", "SUBSCRIBERS", "EVENTS", "LAG"],
          items.map(({ topic, subscribers, events, lag }) => [topic, subscribers, events, lag]),
        ), "topic"),
  },
  {
    name: "dead",
    takes: [],
    options: ["reason", "protocol", "operation", ...pageOptions],
    says: "dead letters, the latest first",
    ask: async (observation, { values: { reason, protocol, operation }, page, nowMs }) => {
      const filter = {
        ...reason !== undefined && { reason },
        ...protocol !== undefined && { protocol },
        ...operation !== undefined && { operation },
      };
      const found = await observation.deadLetters({ ...filter, ...page });
      const items = found.items.map((letter) => ({
        ...letter,
        payload: letter.payload === undefined ? "" : valueText(letter.payload, 4_000), // there is none
      }));
      return list({ ...found, items }, (letters) => letterTable(letters, nowMs), "dead letter");
    },
  },
  {
    name: "replies",
    takes: [],
    options: ["status", ...pageOptions],
    says: "replies to submits: pending, done or failed",
    ask: async (observation, { values: { status }, page }) => {
      const found = await observation.replies({
        ...status !== undefined && { status: statusOf(status) },
        ...page,
      });
      return list(found, (items) =>
        table(
          ["REPLY", "STATUS", "KEPT UNTIL", "REQUEST AT", "LATER", "CALLER", "FAILURE"],
          items.map(({ id, status, untilMs, actor, later, caller, failure }) => [
            id,
            status,
            at(untilMs),
            actor && `${actor.protocol}/${actor.key}`,
            later ? "yes" : "no",
            caller,
            failure && beginning(`${failure.code}: ${failure.message}`),
          ]),
        ), "reply");
    },
  },
  {
    name: "unhosted",
    takes: [],
    options: pageOptions,
    says: "protocols that have messages and are hosted by no instance",
    ask: async (observation, { page, nowMs }) =>
      list(await observation.unhosted(page), (items) => protocolTable(items, nowMs), "message for nobody"),
  },
  {
    name: "outbox",
    takes: [],
    options: pageOptions,
    says: "messages that wait to be sent to other services",
    ask: async (observation, { page, nowMs }) => {
      const { lanes = { items: [] } } = await observation.outbox(page) ?? {};
      return list(lanes, (items) =>
        table(
          ["LANE", "WAITING", "OLDEST"],
          items.map(({ lane, waiting, oldestMs }) => [lane, waiting, ago(oldestMs, nowMs)]),
        ), "message to another service");
    },
  },
  {
    name: "tenures",
    takes: [],
    options: pageOptions,
    says: "shards of the broker, and which instance accepted from each last",
    ask: async (observation, { page, nowMs }) =>
      list(await observation.tenures(page), (items) =>
        table(
          ["CHANNEL", "SHARD", "READ BY", "ACCEPTED", "POSITION"],
          items.map(({ channel, shard, instance, acceptedMs, position }) => [
            channel,
            shard,
            instance,
            ago(acceptedMs, nowMs),
            position,
          ]),
        ), "shard that messages were accepted of"),
  },
];

/** A page of a list. `what` is what each item is. */
function list<Item>(page: Page<Item>, shown: (items: readonly Item[]) => string, what: string): Answer {
  const { items, next, unreadable = 0 } = page;
  const after = next === undefined ? undefined : encodePlace(next);
  const lines = [shown(items) || (after === undefined ? line(`There is no ${what}.`) : "")];
  if (unreadable > 0) lines.push(`${unreadable} rows cannot be read and are left out.\n`);
  if (after !== undefined) lines.push(`There may be more: --after ${after}\n`);
  return { json: { ...page, ...after !== undefined && { next: after } }, text: lines.join("") };
}

/** A place that is copied to a shell: `encodeURIComponent` leaves characters that one expands, or that open a quotation. */
function encodePlace(place: string): string {
  const encode = (character: string) => `%${character.charCodeAt(0).toString(16)}`;
  return encodeURIComponent(place).replace(/[!'()*~]/g, encode);
}

function protocolTable(protocols: readonly ObservedProtocol[], nowMs: number): string {
  return table(
    ["PROTOCOL", "ACTORS", "WAITING", "OLDEST", "FAILING", "STATE"],
    protocols.map(({ protocol, actors, waiting, oldestMs, failing, hosted, paused }) => [
      protocol,
      actors,
      waiting,
      ago(oldestMs, nowMs),
      failing,
      paused ? "paused" : hosted ? "hosted" : "hosted by nobody",
    ]),
  );
}

function actorTable(actors: readonly ObservedActor[], nowMs: number): string {
  return table(
    ["ACTOR", "WAITING", "OLDEST", "ATTEMPTS", "NEXT", "ERROR", "STATE"],
    actors.map(({ protocol, key, waiting, oldestMs, retry, state, fault }) => [
      `${protocol}/${key}`,
      waiting,
      ago(oldestMs, nowMs),
      retry?.attempts,
      at(retry?.nextMs),
      beginning(retry?.error),
      beginning(fault === undefined ? state : `cannot be read: ${fault}`),
    ]),
  );
}

function letterTable(
  letters: readonly (ObservedDeadLetter & { readonly payload: string })[],
  nowMs: number,
): string {
  return table(
    ["ID", "AGO", "TO", "REASON", "ATTEMPTS", "MESSAGE", "PAYLOAD"],
    letters.map(({ id, atMs, protocol, key, operation, reason, attempts, message, payload }) => [
      id,
      ago(atMs, nowMs),
      `${protocol}/${key} ${operation}`,
      reason,
      attempts,
      beginning(message),
      beginning(payload),
    ]),
  );
}

function groupRow({ protocol, reason, count }: DeadLetterGroup): readonly Cell[] {
  return [protocol, reason, count];
}

function statusOf(status: string): "pending" | "done" | "failed" {
  if (status === "pending" || status === "done" || status === "failed") return status;
  throw new RangeError(
    `Cannot use --status: it must be pending, done or failed: current value is ${JSON.stringify(status)}`,
  );
}
