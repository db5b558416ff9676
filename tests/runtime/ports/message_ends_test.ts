// Whatever a system does: every message that listeners are told of as accepted ends once.

import assert from "node:assert/strict";
import {
  actor,
  ask,
  type Context,
  type DeadLetter,
  event,
  type InspectedMessage,
  type Inspection,
  protocol,
  submit,
  System,
  tell,
  type Ticket,
  unchecked,
} from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import fc from "fast-check";

const acts = [
  "done",
  "fails",
  "failsOnce",
  "slow",
  "slowFails",
  "hangs",
  "sends",
  "publishes",
  "ends",
] as const;
const ways = ["tell", "later", "submit", "replyTo", "ask", "cancel", "wait", "listen", "broken"] as const;

interface Step {
  readonly way: (typeof ways)[number];
  readonly key: string;
  readonly act: (typeof acts)[number];
  readonly ms: number;
  readonly id: string | undefined;
}

const Cook = protocol("cook", {
  bake: tell(unchecked<Step>()),
  order: submit(unchecked<Step>(), unchecked<string>()),
  taste: ask(unchecked<Step>(), unchecked<string>()),
  hear: tell(unchecked<unknown>()),
  baked: event(unchecked<null>()),
});

const steps = fc.array(
  fc.record<Step>({
    way: fc.constantFrom("tell" as const, "tell" as const, "submit" as const, "wait" as const, ...ways),
    key: fc.constantFrom("ada", "bob"),
    act: fc.constantFrom("done" as const, ...acts),
    ms: fc.integer({ min: 1, max: 120 }),
    id: fc.constantFrom(undefined, undefined, "one", "two"),
  }),
  { maxLength: 20 },
);

/** A cook who does what its message says. */
function cook(clock: VirtualClock, order: "hold" | "aside") {
  const act = (ctx: Context<"cook", number>, { act, ms }: Step): string | Promise<string> => {
    const later = (end: () => string) =>
      new Promise<void>((resolve) => clock.setTimer(ms, resolve)).then(end);
    ctx.state += 1;
    switch (act) {
      case "fails":
        return burnt();
      case "failsOnce":
        return ctx.attempt === 1 ? burnt() : "done";
      case "slow":
        return later(() => "done");
      case "slowFails":
        return later(burnt);
      case "hangs":
        return new Promise(() => {});
      case "sends":
        ctx.ref(Cook, "cyd").tell(Cook.hear, null);
        return "done";
      case "publishes":
        ctx.publish(Cook.baked, null);
        return "done";
      case "ends":
        ctx.erase();
        return "done";
      default:
        return "done";
    }
  };
  return actor(Cook, {
    state: () => 0,
    on: { bake: act as (...parts: Parameters<typeof act>) => void, order: act, taste: act, hear() {} },
    retry: { attempts: 3, baseMs: 5, maxMs: 50, order },
    turnMs: 300,
    mailbox: { capacity: 5 },
  });
}

function burnt(): never {
  throw new Error("burnt");
}

/** Takes the steps one after the other, and adds the tickets of requests. */
async function take(system: System, clock: VirtualClock, steps: readonly Step[]): Promise<void> {
  const tickets: Ticket<string>[] = [];
  for (const step of steps) {
    const { way, key, ms, id } = step;
    const cook = system.ref(Cook, key);
    const options = id === undefined ? {} : { id };
    const quiet = (sent: Promise<unknown>) => void sent.catch(() => {});
    const keep = (sent: Promise<Ticket<string>>) => quiet(sent.then((ticket) => tickets.push(ticket)));
    if (way === "tell") quiet(cook.tell(Cook.bake, step, options));
    else if (way === "later") quiet(cook.tell(Cook.bake, step, { ...options, afterMs: ms }));
    else if (way === "submit") keep(cook.submit(Cook.order, step, options));
    else if (way === "replyTo") {
      quiet(cook.submit(Cook.order, step, { ...options, replyTo: system.ref(Cook, "dan").at(Cook.hear) }));
    } else if (way === "ask") quiet(cook.ask(Cook.taste, step, { ...options, timeoutMs: ms }));
    else if (way === "cancel") quiet(Promise.resolve(tickets.pop()?.cancel()));
    else if (way === "listen") system.inspect(() => {}, { sampled: ms > 60 });
    else if (way === "broken") system.inspect(burnt, { sampled: ms > 60 });
    else await clock.advance(ms);
    if (ms % 3 === 0) await clock.settle();
  }
}

/** What a listener heard of each message, without what came between its acceptance and its end. */
function lives(events: readonly Inspection[]): string[] {
  const ends = new Map<string, string[]>();
  const hear = (type: string, { protocol, key, operation, id }: InspectedMessage | DeadLetter) => {
    const name = `${protocol}/${key} ${operation} ${id}`;
    ends.set(name, [...ends.get(name) ?? [], type]);
  };
  for (const event of events) {
    if (event.type === "dead") hear("ended", event.letter);
    else if (event.type === "done" || event.type === "cancelled") hear("ended", event.message);
    else if (event.type === "accepted") hear("accepted", event.message);
  }
  return [...ends].map(([name, types]) => `${name}: ${types.join(" ")}`);
}

for (const store of [undefined, memoryStore]) {
  const where = store === undefined ? "in memory" : "with a store";

  Deno.test(`every message that is accepted ends once, and no time is negative, ${where}`, async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.constantFrom("hold" as const, "aside" as const), async (steps, order) => {
        const clock = new VirtualClock();
        const system = new System({
          actors: [cook(clock, order)],
          clock,
          random: seededRandom(steps.length),
          drainMs: 0,
          log: false,
          store: store?.(),
        });
        const every: Inspection[] = [];
        const some: Inspection[] = [];
        system.inspect((event) => void every.push(event));
        system.inspect((event) => void some.push(event), { sampled: true });
        await system.ready();
        system.subscribe(Cook.baked, system.ref(Cook, "eve").at(Cook.hear));
        system.subscribe(Cook.baked, () => {});
        await clock.settle();
        await take(system, clock, steps);
        await clock.advance(3_000);
        const stats = system.stats();
        const stopped = system.stop();
        await clock.advance(20_000);
        await stopped;
        const once = (life: string) => /: accepted ended$/.test(life);
        assert.deepEqual(lives(every).filter((life) => !once(life)), []);
        if (store === undefined) {
          const heard = lives(some).filter((life) => life.includes(": accepted"));
          assert.deepEqual(heard.filter((life) => !once(life)), []);
          const count = (type: string) => every.filter((event) => event.type === type).length;
          assert.equal(count("accepted"), stats.accepted);
        }
        let stands = 0;
        for (const event of some) if (event.type === "accepted") stands += event.message.stands;
        assert(stands <= every.filter(({ type }) => type === "accepted").length);
        for (const event of every) {
          if ("waitedMs" in event) assert(event.waitedMs! >= 0, `${event.waitedMs}`);
          if ("tookMs" in event && event.tookMs !== undefined) assert(event.tookMs >= 0, `${event.tookMs}`);
        }
      }),
      { numRuns: 40, seed: 16 },
    );
  });
}
