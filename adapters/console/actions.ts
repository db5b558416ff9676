import type { Control, WhichLetter } from "../../runtime/ports/control.ts";
import type { DeadLetterFilter } from "../../runtime/ports/observation.ts";
import { FieldError, link, type Parameters } from "./links.ts";

/** The fields of a form that was sent. */
export type Fields = (name: string) => string | undefined;

/** Something that an operator can do at a time. It resolves with the URL that shows what came of it. */
export type Action = (control: Control, fields: Fields, nowMs: number) => Promise<string>;

/** The actions, by the last segment of their URLs. */
export const actions: Readonly<Record<string, Action>> = {
  async resend(control, fields, nowMs) {
    const id = required(fields, "id");
    const filter = filterOf(fields); // before anything is done, since it may be refused
    const which = whichOf(fields);
    await control.resend(id, which);
    const sent = { toProtocol: which?.protocol, toKey: which?.key, sinceMs: String(nowMs) };
    return link("dead-letters", { ...filter, did: "resend", id, ...sent });
  },
  async "resend-all"(control, fields) {
    const filter = filterOf(fields);
    const { done, failed, more } = await control.resendAll(filter);
    return link("dead-letters", { ...filter, ...bulk("resend-all", done, failed, more) });
  },
  async discard(control, fields) {
    const filter = filterOf(fields);
    const was = await control.discard(required(fields, "id"), whichOf(fields));
    return link("dead-letters", { ...filter, did: was ? "discard" : "no-letter" });
  },
  async "discard-all"(control, fields) {
    const filter = filterOf(fields);
    const { done, failed, more } = await control.discardAll(filter);
    return link("dead-letters", { ...filter, ...bulk("discard-all", done, failed, more) });
  },
  async "cancel-schedule"(control, fields) {
    const was = await control.cancelSchedule(actorOf(fields), required(fields, "name"));
    return link("schedules", { did: was ? "cancel-schedule" : "no-schedule" });
  },
  async "cancel-request"(control, fields) {
    const caller = fields("caller") || undefined;
    const outcome = await control.cancelRequest(
      required(fields, "reply"),
      caller === undefined ? {} : { caller },
    );
    return link("replies", { did: "cancel-request", outcome });
  },
  async passivate(control, fields) {
    await control.passivate(actorOf(fields));
    return link("actor", { ...actorOf(fields), did: "passivate" });
  },
  async erase(control, fields) {
    await control.erase(actorOf(fields));
    return link("actor", { ...actorOf(fields), did: "erase" });
  },
  async pause(control, fields) {
    await control.pause(required(fields, "protocol"));
    return link("protocols", { did: "pause" });
  },
  async resume(control, fields) {
    await control.resume(required(fields, "protocol"));
    return link("protocols", { did: "resume" });
  },
};

/** Which dead letter of those with one id was shown; `undefined` if the form does not say it. */
function whichOf(fields: Fields): WhichLetter | undefined {
  if (fields("atMs") === undefined) return undefined;
  const atMs = Number(required(fields, "atMs"));
  return { protocol: required(fields, "toProtocol"), key: required(fields, "toKey"), atMs };
}

function actorOf(fields: Fields) {
  return { protocol: required(fields, "protocol"), key: required(fields, "key") };
}

/** The filter of a form. One that is there and says nothing is refused: what was meant for some must not match all. */
function filterOf(fields: Fields): DeadLetterFilter {
  const filter: Record<string, string> = {};
  for (const name of ["protocol", "reason", "operation"]) {
    const value = fields(name);
    if (value === "") throw new FieldError(`The field ${name} is empty`);
    if (value !== undefined) filter[name] = value;
  }
  return filter;
}

function bulk(did: string, done: number, failed: number, more: boolean): Parameters {
  return { did, done: String(done), failed: String(failed), more: more ? "1" : undefined };
}

function required(fields: Fields, name: string): string {
  const value = fields(name);
  if (value === undefined || value === "") throw new FieldError(`The field ${name} is missing`);
  return value;
}
