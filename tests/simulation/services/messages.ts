import { ask, event, isLater, type Later, protocol, submit, survey, tell } from "@posthorn/posthorn";
import * as z from "zod";

/** A message that has an effect. `n` counts the messages of its sender to its receiver, from 1. */
const job = z.object({
  tag: z.string(),
  from: z.string(),
  n: z.number(),
  /** How many further messages it may cause, one after the other. */
  hops: z.number(),
  fails: z.boolean().optional(),
});

/**
 * A reply, which is one of the messages of its sender to its receiver. To a client, and if it comes later, it has no order:
 * its `n` is 0.
 */
const reply = z.object({ tag: z.string(), from: z.string(), n: z.number() });

/** What a third service is to answer. */
const settlement = z.object({ reply, later: z.custom<Later<z.infer<typeof reply>>>(isLater) });

/** An event. `n` counts the events of its publisher, from 1. */
const post = z.object({ from: z.string(), n: z.number() });

const failure = z.object({ id: z.string(), code: z.string(), message: z.string() });

const state = z.object({
  /** What came from others, in order: the sender and its number. */
  log: z.array(z.string()),
  /** The number of messages sent to each receiver. */
  sent: z.record(z.string(), z.number()),
  /** The messages, as in the log of their receivers, that fail there. */
  failing: z.array(z.string()),
  /** The submits that were sent, and the replies that came for each. */
  asked: z.record(z.string(), z.array(z.string())),
  refused: z.number(),
  published: z.number(),
  /** The events that were heard, in order. */
  heard: z.array(z.string()),
  /** The asks and surveys that had an effect. */
  added: z.array(z.string()),
});

function kind<const Name extends string>(name: Name) {
  return protocol(name, {
    note: tell(job),
    work: submit(job, reply),
    settle: tell(settlement),
    answered: tell(reply),
    refused: tell(failure),
    heard: tell(post),
    add: ask(z.string(), z.string()),
    read: ask(state),
    posted: event(post),
    count: survey(z.string(), reply),
  });
}

/** The protocols of the services, of which each hosts one. */
export const kinds = { alpha: kind("alpha"), beta: kind("beta"), gamma: kind("gamma") };

/** The protocol of a service without a store. */
export const Worker = protocol("worker", { note: tell(job), work: submit(job, reply) });
/** Its actor. */
export const worker = "worker/w1";

export type Service = keyof typeof kinds;
export type Job = z.infer<typeof job>;
export type Reply = z.infer<typeof reply>;
export type Post = z.infer<typeof post>;
export type State = z.infer<typeof state>;

export const services: readonly Service[] = ["alpha", "beta", "gamma"];
/** The actors, of which the first two of each service send on what they get. */
export const keys: readonly string[] = ["k1", "k2", "k3"];
export const actors: readonly string[] = services.flatMap((service) =>
  keys.map((key) => `${service}/${key}`)
);

/** The service of an actor, and its key. */
export function partsOf(actor: string): { readonly service: Service; readonly key: string } {
  const [service, key] = actor.split("/");
  return { service: service as Service, key };
}
