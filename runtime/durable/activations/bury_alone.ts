import { fits, weigh } from "../../ports/store_weight.ts";
import type { Death } from "../delivery/dispatch.ts";
import type { DurableActor } from "./durable_actor.ts";
import { Effects } from "../commits/effects.ts";
import type { Mail } from "../rows/mail.ts";
import { commitKnown } from "../commits/single_commission.ts";

/**
 * A message that waits becomes a dead letter in a commit of its own, beside its actor's turns. Where that does not come
 * through, it may have had its turn elsewhere, or it still waits for it. Returns whether it is gone.
 */
export async function buryAlone(
  actor: DurableActor,
  mail: Pick<Mail, "head" | "text" | "payload" | "place" | "key" | "version" | "bytes">,
  death: Death,
): Promise<boolean> {
  const { home, durable } = actor;
  const { ledger, dispatch } = durable;
  const effects = new Effects();
  const letter = dispatch.bury(effects, actor, mail, death);
  effects.checks.push({ key: mail.key!, version: mail.version });
  effects.remove(mail.key!, mail.bytes);
  const { limits } = ledger.traits;
  if (!fits(weigh(effects, limits), limits)) return false; // the letter says more than the message did
  const moment = actor.loadedMoment;
  const version = await commitKnown(ledger, effects).catch(() => undefined); // it waits for its turn again
  if (version === undefined) return false;
  home.buried++;
  durable.buried(letter);
  effects.land(durable.landing, version, moment);
  return true;
}
