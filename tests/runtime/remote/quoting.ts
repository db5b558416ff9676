import { type Actor, actor, type Address, protocol, survey, type System } from "@posthorn/posthorn";
import * as z from "zod";

const Quoted = protocol("quoted", { quote: survey(z.string(), z.string()) });

/** An actor that answers surveys. */
export function quoted(): Actor<"quoted", null> {
  return actor(Quoted, { state: () => null, on: { quote: (ctx, text) => `${ctx.key}: ${text}` } });
}

/** The address at which the actor of that key is asked. */
export function quotedAt(system: System, key: string): Address<string, string> {
  return system.ref(Quoted, key).at(Quoted.quote);
}
