import type { ObservedActorDetails } from "../../runtime/ports/observation.ts";
import { beginning, fields, table } from "./table.ts";
import { ago, at } from "./times.ts";

/** The name of a schedule, and why it cannot be read. */
export function nameOfSchedule(name = "(delayed message)", fault: string | undefined): string {
  return fault === undefined ? name : `${name}: ${beginning(fault)}`;
}

/** All that is known of one actor, for people. */
export function show(actor: ObservedActorDetails, nowMs: number): string {
  const { protocol, key, state, stateVersion, waiting, paused, fault, subscriptions } = actor;
  const parts = [
    fields({
      actor: `${protocol}/${key}`,
      state,
      "state version": stateVersion,
      fault,
      waiting,
      paused: paused ? "yes" : undefined,
      "subscribes to": subscriptions.length > 0 ? subscriptions.join(" ") : undefined,
    }),
    table(
      ["MESSAGE", "OPERATION", "ACCEPTED", "ATTEMPTS", "NEXT", "ERROR", "PAYLOAD"],
      actor.messages.map(({ id, operation, acceptedMs, retry, payload, fault }) => [
        id,
        operation,
        ago(acceptedMs, nowMs),
        retry?.attempts,
        at(retry?.nextMs),
        beginning(fault ?? retry?.error),
        beginning(payload),
      ]),
    ),
    table(
      ["SCHEDULE", "DUE", "REPEATS", "TO"],
      actor.schedules.map(({ name, dueMs, when, to, fault }) => [
        nameOfSchedule(name, fault),
        fault === undefined ? at(dueMs) : undefined, // only its row tells
        when !== undefined && ("everyMs" in when || "cron" in when) ? JSON.stringify(when) : undefined,
        to && `${to.protocol}/${to.key} ${to.operation}`,
      ]),
    ),
  ];
  return parts.filter((part) => part !== "").join("\n");
}
