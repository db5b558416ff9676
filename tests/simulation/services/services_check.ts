import type { ServiceClients } from "./service_clients.ts";
import { actors, keys, services, type State, worker } from "./messages.ts";

/** A message for which its receiver had no room. */
export interface Died {
  readonly to: string;
  readonly from: string;
  readonly n: number;
  readonly tag: string;
  readonly operation: string;
}

export interface ServicesCheckOptions {
  readonly states: ReadonlyMap<string, State>;
  readonly died: readonly Died[];
  /** What the service without a store has handled, at least once. */
  readonly handled: ReadonlySet<string>;
  readonly clients: ServiceClients;
  /** Whether a message without an id has a name of its own in the broker. */
  readonly namesStrangers: boolean;
  readonly fail: (why: string) => void;
}

/** What must be so when services are at rest. */
export function checkServices(options: ServicesCheckOptions): void {
  const { states, died, clients, namesStrangers, fail } = options;
  const isDead = (to: string, entry: string, heard = false) =>
    died.some((one) =>
      one.to === to && `${one.from}#${one.n}` === entry && (one.operation === "heard") === heard
    );
  for (const [to, { log }] of states) {
    for (const [from, all] of wantedBy(to, states, clients)) {
      const wanted = all.filter((entry) => !isDead(to, entry));
      const got = log.filter((entry) => entry.startsWith(`${from}#`));
      const ordered = (entries: readonly string[]) =>
        entries.filter((entry) => !clients.unordered.has(entry));
      const same = got.toSorted().join() === wanted.toSorted().join() &&
        ordered(got).join() === ordered(wanted).join();
      if (!same) fail(`${to} has of ${from}: ${got.join(" ")}, not ${wanted.join(" ")}`);
    }
  }
  for (const [name, { asked, refused, failing }] of states) {
    for (const [tag, replies] of Object.entries(asked)) {
      const dead = died.some((one) => one.tag === tag && one.operation !== "note");
      if (replies.length !== (dead ? 0 : 1)) fail(`${name} gets ${replies.length} replies to ${tag}`);
    }
    const refusedAtOnce = died.filter(({ to, from, n, operation }) =>
      from === name && operation === "work" && !failing.includes(`${to} ${from}#${n}`)
    );
    const failed = failing.length + refusedAtOnce.length;
    const lost = died.filter(({ to, operation }) => to === name && operation === "refused").length;
    if (refused !== failed - lost) fail(`${name} hears of ${refused} failures, not ${failed}`);
  }
  for (const [name, { sent }] of states) {
    for (let n = 1; n <= (sent[worker] ?? 0); n++) {
      if (!options.handled.has(`${name}#${n}`)) fail(`${worker} has not handled ${n} of ${name}`);
    }
  }
  checkEvents(states, clients, fail, (to, entry) => isDead(to, entry, true));
  checkAsks(states, clients, fail);
  for (const { to, entry, outcome } of clients.cancels) {
    if (to === worker) { // what it has decided is lost with its process, so what was cancelled may run
      if (outcome === "done" && !options.handled.has(entry)) {
        fail(`${to} has not handled ${entry}, which is done`);
      }
      continue;
    }
    const count = states.get(to)!.log.filter((other) => other === entry).length;
    if (outcome === "cancelled" && count > 0) fail(`${entry} ran at ${to} although it was cancelled`);
    const stands = outcome === "done" || outcome === "withdrawn";
    if (stands && count !== 1) fail(`${entry} is told to be ${outcome}, and ${to} has it ${count} times`);
    if (outcome !== "cancelled" && !stands) fail(`${entry} for ${to} is ${outcome}`);
  }
  for (const { to, entry, named } of clients.strange) {
    const count = states.get(to)!.log.filter((other) => other === entry).length;
    if (named || namesStrangers ? count !== 1 : count === 0) {
      fail(`${to} has the stranger's ${entry} ${count} times`);
    }
  }
}

/** The messages that each sender has sent to an actor, as its log shows them. */
function wantedBy(
  to: string,
  states: ReadonlyMap<string, State>,
  { jobs }: ServiceClients,
): ReadonlyMap<string, readonly string[]> {
  const wanted = new Map<string, string[]>();
  for (const [from, { sent, failing }] of states) {
    const all = Array.from({ length: sent[to] ?? 0 }, (_, index) => `${from}#${index + 1}`);
    const failed = new Set(failing.filter((one) => one.startsWith(`${to} `)).map((one) => one.split(" ")[1]));
    wanted.set(from, all.filter((entry) => !failed.has(entry)));
  }
  for (const { to: receiver, job: { from, n }, accepted } of jobs) {
    if (receiver !== to || !accepted) continue;
    wanted.set(from, [...wanted.get(from) ?? [], `${from}#${n}`]);
  }
  return wanted;
}

/** Each subscriber has heard each event of each actor once, in order, and those of users once. */
function checkEvents(
  states: ReadonlyMap<string, State>,
  { events }: ServiceClients,
  fail: (why: string) => void,
  isDead: (to: string, entry: string) => boolean,
): void {
  for (const service of services) {
    for (const key of keys.slice(0, 2)) {
      const { heard } = states.get(`${service}/${key}`)!;
      for (const from of actors) {
        const { published } = states.get(from)!;
        const all = Array.from({ length: published }, (_, index) => `${from}#${index + 1}`);
        const wanted = all.filter((entry) => !isDead(`${service}/${key}`, entry)).join(" ");
        const got = heard.filter((entry) => entry.startsWith(`${from}#`)).join(" ");
        if (got !== wanted) fail(`${service}/${key} hears of ${from}: ${got}, not ${wanted}`);
      }
      for (const { entry, accepted } of events) {
        const count = heard.filter((other) => other === entry).length;
        const dead = isDead(`${service}/${key}`, entry) ? 1 : 0;
        if (accepted ? count + dead !== 1 : count + dead > 1) {
          fail(`${service}/${key} hears ${entry} ${count} times`);
        }
      }
    }
  }
}

function checkAsks(
  states: ReadonlyMap<string, State>,
  { asks }: ServiceClients,
  fail: (why: string) => void,
): void {
  for (const { tag, to, answeredBy, end } of asks) {
    for (const [name, { added }] of states) {
      const count = added.filter((other) => other === tag).length;
      if (count > 1 || (count === 1 && to !== undefined && to !== name)) {
        fail(`${tag} has ${count} effects at ${name}`);
      }
      if (end === "all" && count > 0 && !answeredBy.includes(name)) {
        fail(`the survey ${tag} ended without the answer of ${name}`);
      }
      if (answeredBy.includes(name) && count === 0) fail(`${name} answers ${tag}, and has not committed it`);
    }
  }
}
