import { type Actor, actor, ask, event, protocol, submit, survey, tell } from "@posthorn/posthorn";
import * as z from "zod";
import { appended, type Runs } from "./runs.ts";

/** What every message carries: whose it is and which one of these. */
const numbered = z.object({ stream: z.string(), number: z.number() });
const runs = z.array(z.tuple([z.number(), z.number()]));

export const peerState = z.object({
  /** What has been received, by stream. */
  received: z.record(z.string(), runs),
  /** How many its turns have sent, by stream. */
  sent: z.record(z.string(), z.number()),
});

export interface PeerState {
  readonly received: Readonly<Record<string, Runs>>;
  readonly sent: Readonly<Record<string, number>>;
}

/** What a service hosts. */
function peerProtocol(name: string) {
  return protocol(name, {
    note: tell(numbered),
    enter: submit(numbered, z.number()),
    count: ask(numbered, z.number()),
    /** From turns of the other service. */
    relayed: tell(numbered),
    asked: submit(numbered, z.number()),
    answered: tell(z.number()),
    heard: tell(numbered),
    state: ask(peerState),
    news: event(numbered),
    vote: survey(numbered, z.object({ by: z.string(), number: z.number() })),
  });
}

export const Left = peerProtocol("left");
export const Right = peerProtocol("right");

export type Peer = typeof Left;

export const peers = { left: Left, right: Right } as const;

export type PeerName = keyof typeof peers;

/** The keys of the actors that are sent to, and of those that hear and vote. */
export const keys: readonly string[] = ["ada", "bob", "cleo", "dan"];
export const ears: readonly string[] = ["ear-1", "ear-2"];

export function otherOf(name: PeerName): PeerName {
  return name === "left" ? "right" : "left";
}

/** The actor of a service: it writes down what comes, and its turns send in their turn. */
export function peerActor(name: PeerName): Actor {
  const own = peers[name];
  const other = otherOf(name);
  return actor(own, {
    state: (): PeerState => ({ received: {}, sent: {} }),
    on: {
      note(ctx, message) {
        ctx.state = withReceived(ctx.state, message);
        const to = ctx.ref(peers[other], ctx.key);
        const stream = `${name}/${ctx.key}>${other}/${ctx.key}`;
        const [state, number] = withSent(ctx.state, stream);
        ctx.state = state;
        to.tell(peers[other].relayed, { stream, number });
        if (message.number % 3 === 0) {
          const asking = `asked ${stream}`;
          const [state, number] = withSent(ctx.state, asking);
          ctx.state = state;
          to.submit(peers[other].asked, { stream: asking, number }, { replyTo: ctx.self.at(own.answered) });
        }
        if (message.number % 5 === 0) {
          const news = `${name}/${ctx.key}>news`;
          const [state, number] = withSent(ctx.state, news);
          ctx.state = state;
          ctx.publish(own.news, { stream: news, number });
        }
      },
      enter(ctx, message) {
        ctx.state = withReceived(ctx.state, message);
        return message.number;
      },
      count(ctx, message) {
        ctx.state = withReceived(ctx.state, message);
        return message.number;
      },
      relayed: (ctx, message) => void (ctx.state = withReceived(ctx.state, message)),
      asked(ctx, message) {
        ctx.state = withReceived(ctx.state, message);
        return message.number;
      },
      answered(ctx, number) {
        const stream = `answers ${other}/${ctx.key}>${name}/${ctx.key}`;
        ctx.state = withReceived(ctx.state, { stream, number });
      },
      heard(ctx, { stream, number }) {
        ctx.state = withReceived(ctx.state, { stream: heardBy(stream, name, ctx.key), number });
      },
      vote(ctx, { stream, number }) {
        ctx.state = withReceived(ctx.state, { stream: heardBy(stream, name, ctx.key), number });
        return { by: ctx.key, number };
      },
      state: (ctx) => ctx.state as z.infer<typeof peerState>,
    },
  });
}

/** An event has one stream for each of its listeners. */
export function heardBy(stream: string, name: PeerName, key: string): string {
  return `${stream}>${name}/${key}`;
}

function withReceived(
  state: PeerState,
  { stream, number }: { readonly stream: string; readonly number: number },
): PeerState {
  const received = { ...state.received, [stream]: appended(state.received[stream] ?? [], number) };
  return { ...state, received };
}

function withSent(state: PeerState, stream: string): readonly [PeerState, number] {
  const number = (state.sent[stream] ?? 0) + 1;
  return [{ ...state, sent: { ...state.sent, [stream]: number } }, number];
}
