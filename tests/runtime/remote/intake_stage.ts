import {
  type Actor,
  actor,
  ask,
  event,
  Failure,
  type Later,
  protocol,
  type Store,
  submit,
  survey,
  type System,
  tell,
} from "@posthorn/posthorn";
import type { Operation } from "@posthorn/posthorn/protocol";
import type { Channel, Delivery, Parcel, Receiver, Tenure } from "@posthorn/posthorn/transport";
import { seededRandom } from "@posthorn/posthorn/testing";
import * as z from "zod";
import type { OpenStore } from "../../../runtime/durable/open_store.ts";
import type { Persistence, PersistenceParts } from "../../../runtime/durable/persistence.ts";
import type { Delivery as RuntimeDelivery } from "../../../runtime/delivery.ts";
import { outboxPrefix } from "../../../runtime/durable/rows/keys.ts";
import { decodeValue } from "../../../runtime/durable/rows/value_codec.ts";
import type { StoreEngine } from "../../../runtime/ports/store.ts";
import { DurableIntake } from "../../../runtime/remote/durable_intake.ts";
import { type Intake, intakeOf } from "../../../runtime/remote/intake.ts";
import { Outbox } from "../../../runtime/remote/outbox.ts";
import type { OutboxLanes } from "../../../runtime/remote/outbox_lanes.ts";
import { type OutboxHead, parcelOf } from "../../../runtime/remote/outbox_row.ts";
import { PendingReplies } from "../../../runtime/remote/pending_replies.ts";
import { Registry } from "../../../runtime/remote/registry.ts";
import type { Stage, StageOptions } from "../durable/durable_stage.ts";

/** An actor that other services send to. */
export const Order = protocol("order", {
  add: tell(z.string()),
  maybe: tell(z.string().nullable()),
  total: ask(z.array(z.string())),
  settle: submit(z.string(), z.string()),
  replied: tell(z.string()),
  refused: tell(Failure),
});

/** What other services publish and ask. */
export const Market = protocol("market", {
  settled: event(z.string(), { subject: (text) => text.split(" ")[0] }),
  quote: survey(z.string(), z.string()),
});

type Settled = string | Later<string>;

/** What the handlers of an order do, besides taking notes. */
export interface OrderScripts {
  readonly onAdd?: (text: string) => unknown;
  readonly onSettle?: (text: string, later: () => Later<string>) => Settled | Promise<Settled>;
}

/** An actor that notes all that it gets. */
export function order(scripts: OrderScripts = {}, traits: object = {}): Actor<"order", readonly string[]> {
  return actor(Order, {
    state: (): readonly string[] => [],
    on: {
      add(ctx, text) {
        ctx.state = [...ctx.state, text];
        return scripts.onAdd?.(text) as void;
      },
      maybe(ctx, text) {
        ctx.state = [...ctx.state, String(text)];
      },
      total: (ctx) => [...ctx.state],
      settle(ctx, text) {
        ctx.state = [...ctx.state, text];
        return scripts.onSettle?.(text, () => ctx.later()) ?? `settled ${text}`;
      },
      replied(ctx, text) {
        ctx.state = [...ctx.state, `replied ${text}`];
      },
      refused(ctx, failure) {
        ctx.state = [...ctx.state, `refused ${failure.code}: ${failure.message}`];
      },
    },
    ...traits,
  });
}

/** What the order of that key has noted. */
export function notesOf(system: System, key = "ada"): Promise<readonly string[]> {
  return system.ref(Order, key).ask(Order.total);
}

/** One process of a service, whose receivers a test drives by hand. */
export interface Reader {
  readonly system: System;
  readonly open: OpenStore;
  readonly intake: Intake;
  readonly pending: PendingReplies;
  /** What was sent at once, from memory. */
  readonly sent: Parcel[];
  receiver(channel?: Channel): Receiver;
}

export const inbox: Channel = { kind: "inbox", protocol: "order", operations: [] };
export const settled: Channel = { kind: "event", protocol: "market", event: "settled", mode: "event" };
export const quotes: Channel = { kind: "event", protocol: "market", event: "quote", mode: "survey" };
export const replies: Channel = { kind: "replies" };

export type ReaderOptions = StageOptions & {
  readonly expose?: readonly Operation[];
  readonly reads?: "queue" | "log";
};

/** Starts a process of the service `orders`. */
export async function reader(
  stage: Stage,
  options: ReaderOptions = {},
  actors: readonly Actor[] = [order()],
): Promise<Reader> {
  const { expose, reads, ...others } = options;
  const captured = capture(options.store ?? stage.store);
  const system = await stage.start(actors, { ...others, store: captured.store });
  return await captured.reader(system, actors, expose, reads);
}

const exposed = [Order.add, Order.maybe, Order.total, Order.settle];

/** A store whose system shows what its intake needs. */
export function capture(inner: Store) {
  let parts: PersistenceParts | undefined;
  let persistence: Persistence | undefined;
  const engine: StoreEngine = {
    "~begin"(given: PersistenceParts) {
      parts = given;
      return persistence = (inner.engine["~begin"] as (parts: PersistenceParts) => Persistence)(given);
    },
  };
  const store: Store = { engine, traits: inner.traits, open: (services) => inner.open(services) };
  const reader = async (
    system: System,
    actors: readonly Actor[],
    expose: readonly Operation[] = exposed,
    reads: "queue" | "log" = "queue",
  ): Promise<Reader> => {
    const { durable } = await persistence!.activate({ protocol: "~topic", key: "none" });
    return readerOn(system, parts!, persistence!, durable as OpenStore, actors, expose, reads);
  };
  return { store, reader };
}

function readerOn(
  system: System,
  { services, ids, options }: PersistenceParts,
  persistence: Persistence,
  open: OpenStore,
  actors: readonly Actor[],
  expose: readonly Operation[],
  reads: "queue" | "log",
): Reader {
  const random = seededRandom(7);
  const registry = new Registry({ actors, expose, remote: [Market.settled, Market.quote], stored: true });
  const traits = {
    name: "hand",
    reads,
    order: "shard",
    holds: "broker",
    namesStrangers: false,
    messageBytes: 1_000_000,
    parcelsAtOnce: 100,
    failoverMs: 1_000,
  } as const;
  open.writer.remote = new Outbox({
    service: "orders",
    registry,
    session: open.session,
    replies: open.replies,
    ids,
    random,
    lanes: { full: () => undefined, wrote() {} } as unknown as OutboxLanes,
    traits,
    peers: [undefined],
    expectMs: 60_000,
    isStored: (protocol) => protocol === "order",
  });
  const pending = new PendingReplies(services.clock, random);
  const sent: Parcel[] = [];
  const delivery = services.delivery as unknown as RuntimeDelivery;
  const intake = intakeOf({
    service: "orders",
    registry,
    options,
    services,
    ids,
    reads,
    store: open,
    durable: { receiver: (channel, parts) => new DurableIntake(channel, parts) },
    respondents: persistence.respondents,
    pending,
    accept: (to, operation, payload, route) => delivery.accept(to, operation, payload, route),
    laterOf: () => Promise.resolve(undefined),
    sendNow: (parcel) => void sent.push({ ...parcel }), // a transport may copy it
  });
  return { system, open, intake, pending, sent, receiver: (channel = inbox) => intake.receiverOf(channel) };
}

/** A tenure that a test ends. */
export function tenureOf(shard = "0", epoch?: string): Tenure & { end(): void } {
  const controller = new AbortController();
  return {
    shard,
    epoch,
    signal: controller.signal,
    end: () => controller.abort(new Error("the tenure has ended")),
  };
}

const encoder = new TextEncoder();

/** A delivery of a stranger: JSON, and what is given besides. */
export function delivered(
  operation: string | undefined,
  payload: unknown,
  more: Partial<Delivery> = {},
): Delivery {
  return {
    key: "ada",
    operation,
    body: payload === undefined ? new Uint8Array() : encoder.encode(JSON.stringify(payload)),
    headers: {},
    again: false,
    ...more,
  };
}

/** Additions of these texts, each with the text as its id. */
export function additions(texts: readonly string[], more: Partial<Delivery> = {}): Delivery[] {
  return texts.map((text) => delivered("add", text, { id: text, ...more }));
}

/** The dead letters of a system: reason, id and payload. */
export function lettersOf(system: System): string[] {
  return system.deadLetters.list().map(({ reason, id, payload }) =>
    `${reason} ${id} ${JSON.stringify(payload)}`
  );
}

/** A parcel as a line: where it goes, what it carries, and its body. */
export function shown({ to, correlationId, body, contentType }: Parcel): string {
  const where = to.kind === "reply"
    ? to.address
    : to.kind === "inbox"
    ? `${to.protocol}/${to.key}`
    : to.event;
  const text = new TextDecoder().decode(body);
  return `${where} ${correlationId} ${contentType?.replace("application/", "")} ${text}`;
}

/** What waits in the outbox, as it will be sent. */
export async function outboxOf({ open }: Reader): Promise<string[]> {
  const rows = await open.session.connection.list({ prefix: outboxPrefix, limit: 100 });
  return rows.map(({ value }) => {
    const { head, text } = decodeValue<OutboxHead>(value);
    return shown(parcelOf(head, text));
  });
}
