import { type Actor, actor, type Context, type System, TerminalError } from "@posthorn/posthorn";
import {
  actors,
  type Job,
  keys,
  kinds,
  partsOf,
  type Reply,
  type Service,
  services,
  type State,
  Worker,
  worker,
} from "./messages.ts";

/** What actors tell the run. */
export interface ServiceWorld {
  readonly capacity: number;
  /** How long a handler takes, in milliseconds of its process. */
  pause(): Promise<void>;
}

function fresh(): State {
  return { log: [], sent: {}, failing: [], asked: {}, refused: 0, published: 0, heard: [], added: [] };
}

/** The actor that a service hosts. Its handlers do only what their message and state say, so that a repeat does the same. */
export function serviceActor(service: Service, world: ServiceWorld): Actor {
  const kind = kinds[service];
  return actor(kind, {
    state: fresh,
    on: {
      async note(ctx, job) {
        await world.pause();
        take(ctx, job);
      },
      async work(ctx, job) {
        await world.pause();
        if (job.fails) throw new TerminalError("It is to fail");
        const self = take(ctx, job);
        if (hashOf(`${job.tag} later`) % 4 === 0) {
          const answer = ctx.later();
          const others = actors.filter((name) => partsOf(name).service !== service);
          const { service: other, key } = partsOf(others[hashOf(`${job.tag} settles`) % others.length]);
          const settlement = { reply: { tag: job.tag, from: self, n: 0 }, later: answer };
          ctx.ref(kinds[other], key).tell(kinds[other].settle, settlement);
          return answer;
        }
        return { tag: job.tag, from: self, n: job.from.includes("/") ? count(ctx, job.from) : 0 };
      },
      settle: (ctx, { reply, later }) => ctx.reply(later, reply),
      answered(ctx, reply) {
        const { tag, from, n } = reply;
        if (n > 0) note(ctx, from, n);
        const { asked } = ctx.state;
        ctx.state = { ...ctx.state, asked: { ...asked, [tag]: [...asked[tag] ?? [], from] } };
      },
      refused: (ctx) => void (ctx.state = { ...ctx.state, refused: ctx.state.refused + 1 }),
      heard: (ctx, { from, n }) =>
        void (ctx.state = { ...ctx.state, heard: [...ctx.state.heard, `${from}#${n}`] }),
      add(ctx, tag) {
        ctx.state = { ...ctx.state, added: [...ctx.state.added, tag] };
        return tag;
      },
      read: (ctx) => ctx.state,
      count(ctx, tag): Reply {
        ctx.state = { ...ctx.state, added: [...ctx.state.added, tag] };
        return { tag, from: `${service}/${ctx.key}`, n: ctx.state.added.length };
      },
    },
    mailbox: { capacity: world.capacity },
  });

  /** Notes a message, and sends what it causes. Returns the name of the actor. */
  function take(ctx: Context<Service, State>, job: Job): string {
    const self = `${service}/${ctx.key}`;
    note(ctx, job.from, job.n);
    for (let index = 0; index < Math.min(job.hops, 2); index++) send(ctx, self, job, index);
    if (hashOf(`${job.tag} worker`) % 4 === 0) {
      const next = { tag: `${job.tag}.w`, from: self, n: count(ctx, worker), hops: 0 };
      ctx.ref(Worker, partsOf(worker).key).tell(Worker.note, next);
    }
    if (hashOf(`${job.tag} post`) % 3 !== 0) return self;
    ctx.state = { ...ctx.state, published: ctx.state.published + 1 };
    ctx.publish(kind.posted, { from: self, n: ctx.state.published });
    return self;
  }

  function send(ctx: Context<Service, State>, self: string, job: Job, index: number): void {
    const tag = `${job.tag}.${index}`;
    const others = actors.filter((name) => name !== self);
    const to = others[hashOf(tag) % others.length];
    const { service: other, key } = partsOf(to);
    const does = hashOf(`${tag} does`) % 10;
    const next: Job = { tag, from: self, n: count(ctx, to), hops: job.hops - 1 };
    if (does < 5) return void ctx.ref(kinds[other], key).tell(kinds[other].note, next);
    const fails = does === 9;
    const { failing, asked } = ctx.state;
    ctx.state = fails
      ? { ...ctx.state, failing: [...failing, `${to} ${self}#${next.n}`] }
      : { ...ctx.state, asked: { ...asked, [tag]: [] } };
    const address = { replyTo: ctx.self.at(kind.answered), failTo: ctx.self.at(kind.refused) };
    ctx.ref(kinds[other], key).submit(kinds[other].work, { ...next, fails }, address);
  }
}

/** The actor of the service without a store, which calls back with what it has handled. */
export function workerActor(pause: () => Promise<void>, handled: (entry: string) => void): Actor {
  return actor(Worker, {
    state: () => null,
    on: {
      async note(_, { from, n }) {
        await pause();
        handled(`${from}#${n}`);
      },
      async work(_, { tag, from, n }) {
        await pause();
        handled(`${from}#${n}`);
        return { tag, from: worker, n: 0 };
      },
    },
  });
}

/** Notes a message in the log. */
function note(ctx: Context<Service, State>, from: string, n: number): void {
  ctx.state = { ...ctx.state, log: [...ctx.state.log, `${from}#${n}`] };
}

/** Counts a message to a receiver. */
function count(ctx: Context<Service, State>, to: string): number {
  const n = (ctx.state.sent[to] ?? 0) + 1;
  ctx.state = { ...ctx.state, sent: { ...ctx.state.sent, [to]: n } };
  return n;
}

/** Subscribes actors to the events and surveys of all services. */
export async function subscribe(service: Service, system: System, pause: () => Promise<void>): Promise<void> {
  const own = kinds[service];
  const wanted = services.flatMap((other) => [
    () => system.subscribe(kinds[other].posted, system.ref(own, keys[0]).at(own.heard)),
    () => system.subscribe(kinds[other].posted, system.ref(own, keys[1]).at(own.heard)),
    () => system.subscribe(kinds[other].count, system.ref(own, keys[2]).at(own.count)),
  ]);
  for (const begin of wanted) {
    while (!await begin().ready.then(() => true, () => false)) await pause(); // there is no room for an actor
  }
}

export function hashOf(text: string): number {
  let hash = 7;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 16_777_619);
  }
  return (hash ^ (hash >>> 13)) >>> 0;
}
