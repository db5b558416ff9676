import type { Activation } from "../runtime/activations/activation.ts";
import type { MemoryHost } from "../runtime/activations/memory_host.ts";
import { type ActorId, type Address, requireKey } from "../runtime/language/address.ts";
import { givenAddress } from "../runtime/language/given_address.ts";
import { namePattern } from "../runtime/language/protocol.ts";
import type { When } from "../runtime/language/when.ts";
import { DeadlineExceededError, NotFoundError, type PosthornError } from "../runtime/base/errors.ts";
import { Route } from "../runtime/messages/envelope.ts";
import { shownActor } from "../runtime/messages/shown_name.ts";
import type { Scheduled, ScheduleFilter } from "../runtime/ports/scheduled.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { ScheduleCommand, scheduleOperation } from "../runtime/turns/schedule_command.ts";
import { repeats, requireSchedule, requireScheduleName } from "../runtime/turns/schedule_time.ts";
import type { ScheduleChange } from "../runtime/turns/schedules.ts";
import { PendingReply } from "./ask.ts";

/** How many actors in memory are looked at before others have their turn. */
const lookedAtOnce = 1_000;

/** Sets a schedule of the actor at an address, as if that had set it in a turn. */
export async function schedule(
  runtime: Runtime,
  name: string,
  when: When,
  to: Address,
  payload: unknown,
): Promise<void> {
  requireSchedule(name, when);
  const address = givenAddress(to);
  const { protocol, key } = address;
  requireHost(runtime, address, `schedule ${name}`);
  runtime.delivery.requireAcceptable(address, runtime.delivery.operationAt(address), payload);
  if ("cron" in when) {
    await runtime.cron.load();
    runtime.cron.first(name, when, runtime.clock.now());
  }
  const given = "at" in when ? { ...when, at: new Date(when.at) } : { ...when };
  await change(runtime, { protocol, key }, { name, when: given, to: address, payload });
}

/**
 * Cancels a schedule of an actor. Resolves with whether there was one. Whatever nothing hosts has none in memory; in a store
 * an earlier release may have left one.
 */
export async function cancelSchedule(
  runtime: Runtime,
  { protocol, key }: ActorId,
  name: string,
): Promise<boolean> {
  requireScheduleName("cancel the schedule", name);
  requireKey(protocol, key);
  const { delivery, persistence } = runtime;
  const what = `cancel the schedule ${name}`;
  if (namePattern.test(protocol)) delivery.requireRunning(what);
  else requireHost(runtime, { protocol, key }, what);
  const host = delivery.hosts.get(protocol);
  if (host !== undefined || persistence === undefined) return host?.find(key)?.cancelSchedule(name) ?? false;
  return await persistence.whenOpen((open) => open.cancelSchedule({ protocol, key }, name));
}

/** The schedules of the actors in this process that are in memory alone, then those in the store, in bounded pages. */
export async function* schedulesOf(
  runtime: Runtime,
  of: ScheduleFilter | undefined,
): AsyncGenerator<Scheduled> {
  let looked = 0;
  for (const host of runtime.delivery.hosts.values()) {
    if (host.name.startsWith("~") || (of !== undefined && of.protocol !== host.name)) continue;
    for (const activation of activationsOf(host, of?.key)) {
      if (++looked % lookedAtOnce === 0) await runtime.scheduler.turn();
      const { protocol, key } = activation;
      for (const { name, when, to, dueMs } of activation.scheduled) {
        yield {
          actor: { protocol, key },
          name,
          when: repeats(when) ? when : { at: new Date(dueMs) },
          to,
          dueMs,
        };
      }
    }
  }
  if (runtime.persistence !== undefined) yield* runtime.persistence.schedules(of);
}

/** The actors of a host, or the one of a key. */
function activationsOf(host: MemoryHost, key: string | undefined): Iterable<Activation> {
  if (key === undefined) return host.activations();
  const found = host.find(key);
  return found === undefined ? [] : [found];
}

/** Lets an actor change a schedule in a turn of its own. */
async function change(
  runtime: Runtime,
  actor: ActorId,
  change: ScheduleChange,
): Promise<void> {
  const { delivery, persistence, options: { askTimeoutMs } } = runtime;
  const host = delivery.hosts.get(actor.protocol);
  const operation = host?.scheduling ?? scheduleOperation(actor.protocol, -1); // a durable host finds its own by the name
  const waiter = new PendingReply(operation, actor.key, true);
  const answer = waiter.wait(runtime, askTimeoutMs);
  const route = new Route(operation, undefined, undefined, waiter, waiter.deadline);
  const command = new ScheduleCommand(change);
  try {
    const accepted = host === undefined
      ? persistence!.accept(actor, route, command)
      : delivery.accept(host.get(actor.key), operation, command, route);
    accepted?.catch((error) => waiter.fail(error as PosthornError));
    runtime.scheduler.lookSoon();
    await answer;
  } catch (error) {
    waiter.end();
    const shown = `Cannot schedule ${change.name} of ${shownActor(actor.protocol, actor.key)}`;
    if (error instanceof DeadlineExceededError) {
      throw new DeadlineExceededError(`${shown}: no answer in ${askTimeoutMs} ms`);
    }
    throw error;
  }
  command.requireMade();
}

function requireHost({ delivery, persistence }: Runtime, { protocol, key }: ActorId, what: string): void {
  delivery.requireRunning(what);
  const isPeer = persistence?.isPeer(protocol) === true;
  const isHosted = delivery.hosts.has(protocol) || (persistence?.has(protocol) && !isPeer);
  if (!protocol.startsWith("~") && isHosted) return;
  const why = isPeer
    ? "another process hosts it, and an actor sets its schedules where it is hosted"
    : `this system hosts no actor of ${protocol}`;
  throw new NotFoundError("unknown-protocol", `Cannot ${what} of ${shownActor(protocol, key)}: ${why}`);
}
