import type { BulkResult } from "../../runtime/ports/control.ts";
import type { DeadLetterFilter } from "../../runtime/ports/observation.ts";
import { actorOf, type Answer, type Asked, type Command, line } from "./command.ts";

const filterOptions = ["protocol", "reason", "operation"] as const;

/** The commands that change something. */
export const actions: readonly Command[] = [
  {
    name: "resend",
    takes: ["ID"],
    optional: 1,
    options: ["all", ...filterOptions],
    says: "sends a dead letter again, or --all that match",
    act: async (control, asked) => {
      const filter = filterOf(asked, "resend");
      if (filter !== undefined) return bulk(await control.resendAll(filter), "resent");
      const [id] = asked.names;
      await control.resend(id);
      return { json: { resent: id }, text: line(`Resent ${id}.`) };
    },
  },
  {
    name: "discard",
    takes: ["ID"],
    optional: 1,
    options: ["all", ...filterOptions],
    says: "removes a dead letter, or --all that match: their messages are lost",
    act: async (control, asked) => {
      const filter = filterOf(asked, "discard");
      if (filter !== undefined) return bulk(await control.discardAll(filter), "discarded");
      const [id] = asked.names;
      const found = await control.discard(id);
      return done(found, { discarded: found }, `Discarded ${id}.`, `There is no dead letter ${id}.`);
    },
  },
  {
    name: "cancel-schedule",
    takes: ["PROTOCOL/KEY", "NAME"],
    options: [],
    says: "cancels a schedule of an actor",
    act: async (control, { names: [actor, name] }) => {
      const found = await control.cancelSchedule(actorOf(actor), name);
      const absent = `${actor} has no schedule ${name}.`;
      return done(found, { cancelled: found }, `Cancelled ${name} of ${actor}.`, absent);
    },
  },
  {
    name: "cancel",
    takes: ["REPLY"],
    options: ["caller"],
    says: "takes a submitted request back, by the id of its ticket",
    act: async (control, { names: [reply], values: { caller } }) => {
      const outcome = await control.cancelRequest(reply, { ...caller !== undefined && { caller } });
      return { json: { outcome }, text: line(`The request of ${reply}: ${outcome}.`) };
    },
  },
  {
    name: "pause",
    takes: ["PROTOCOL"],
    options: [],
    says: "lets the durable actors of a protocol begin no further turn, in all instances",
    act: async (control, { names: [protocol] }) => {
      await control.pause(protocol);
      return {
        json: { paused: protocol },
        text: ofDurable(`${protocol} is paused, in all instances within a heartbeat.`),
      };
    },
  },
  {
    name: "resume",
    takes: ["PROTOCOL"],
    options: [],
    says: "lets them go on",
    act: async (control, { names: [protocol] }) => {
      await control.resume(protocol);
      return {
        json: { resumed: protocol },
        text: ofDurable(`${protocol} goes on, in all instances within a heartbeat.`),
      };
    },
  },
];

/** What was done to the durable actors of a protocol. Whether it has any, nobody can tell who sees the store alone. */
function ofDurable(text: string): string {
  const others = "Only its durable actors: transient ones take system.control in the process that has them.";
  return `${line(text)}${others}\n`;
}

/** Which dead letters are meant by `--all`; nothing if it is one. Throws a `RangeError` if it is neither, or both. */
function filterOf({ names, values, flags }: Asked, verb: string): DeadLetterFilter | undefined {
  const filter = Object.fromEntries(
    filterOptions.flatMap((name) => values[name] === undefined ? [] : [[name, values[name]]]),
  );
  const isFiltered = Object.keys(filter).length > 0;
  if (names.length === 1 && !flags.has("all") && !isFiltered) return undefined;
  if (names.length === 0 && flags.has("all")) return filter;
  const why = names.length === 1
    ? "it takes the id of one, or --all with a filter, and not both"
    : isFiltered
    ? "add --all to mean all that match the filter"
    : "it takes the id of a dead letter, or --all";
  throw new RangeError(`Cannot ${verb}: ${why}`);
}

function bulk(result: BulkResult, verb: string): Answer {
  const { done, failed, more } = result;
  const lines = [`${done} ${verb}, ${failed} could not be.`];
  if (more) lines.push("There may be more that match: run it again.");
  return { json: result, text: `${lines.join("\n")}\n`, failed: failed > 0 };
}

function done(found: boolean, json: unknown, text: string, absent: string): Answer {
  return { json, text: line(found ? text : absent), failed: !found };
}
