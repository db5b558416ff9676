import type { DurableActor } from "./durable_actor.ts";
import { Effects } from "./effects.ts";
import type { Mail } from "./mail.ts";
import { commitOne } from "./single_commission.ts";

/**
 * A message that waits gives way where its mailbox is full: it becomes a dead letter in a commit of its own. Where that
 * does not come through, it may have had its turn elsewhere, or it still waits. Returns whether it is gone.
 */
export async function giveWay(actor: DurableActor, mail: Mail): Promise<boolean> {
  const { home, durable, protocol, key } = actor;
  const { ledger, dispatch } = durable;
  const effects = new Effects();
  const { capacity } = home.actor.mailbox;
  const message = `${protocol}/${key} ${mail.head.operation} gave way: the mailbox held ${capacity} messages`;
  const attempts = mail.head.attempts ?? 0;
  const letter = dispatch.bury(effects, actor, mail, { reason: "dropped", message, attempts });
  effects.checks.push({ key: mail.key!, version: mail.version });
  effects.remove(mail.key!, mail.bytes);
  const moment = actor.loadedMoment;
  const version = await commitOne(ledger.committer, effects).catch(() => undefined); // it waits for its turn again
  if (version === undefined) return false;
  effects.follow();
  home.buried++;
  durable.buried(letter);
  durable.handOver(effects.arrivals, version, moment);
  return true;
}
