import type { ActorId, Address } from "../language/address.ts";
import type { Operation } from "../language/protocol.ts";
import { isReplyTarget, type Route } from "../messages/envelope.ts";
import type { Ids } from "../messages/ids.ts";
import { LimitExceededError } from "../base/errors.ts";
import { TooLargeError } from "../base/store_errors.ts";
import { endAt } from "../base/times.ts";
import { type Publication, Reply } from "../messages/builtin_protocols.ts";
import { eventReceiver, Remote } from "../messages/remote_address.ts";
import { timeOfReplyName } from "../messages/reply_name.ts";
import type { WriteSet } from "../durable/commits/write_set.ts";
import type { RemoteRows, Unsent } from "../durable/delivery/remote_rows.ts";
import type { ReplyRows, RequestPlace, SentRequest } from "../durable/delivery/reply_rows.ts";
import { expectKey, outboxLanePrefix } from "../durable/rows/keys.ts";
import { headOf, type MessageHeader } from "../durable/rows/queued_message.ts";
import { encodeValue, toText } from "../durable/rows/value_codec.ts";
import type { StoreSession } from "../durable/commits/store_session.ts";
import type { TransportTraits } from "../ports/transport.ts";
import { bodyOf } from "./body.ts";
import { laneOf, shownDestination } from "./lane.ts";
import { none, type OutboxLanes, type Waiting } from "./outbox_lanes.ts";
import {
  cancelOf,
  type ExpectedReply,
  type OutboxHead,
  parcelOf,
  type RemoteMessage,
  requestOf,
} from "./outbox_row.ts";
import { randomName } from "../messages/random_name.ts";
import { type Registry, requireRemote } from "./registry.ts";
import { scopedSender, senderName } from "./wire.ts";
import type { Random } from "../base/random.ts";

/** What one of our actors, or a ticket, waits for, under the name that the reply carries. */
export interface ExpectRow {
  readonly to: Address;
  readonly failTo?: Address | undefined;
  /** Until when it is waited for, in milliseconds since 1970; absent if for ever. */
  readonly untilMs?: number | undefined;
}

/** How long the store keeps such a row after that. */
const slackMs = 60_000;

/** What the outbox needs. */
export interface OutboxServices {
  readonly service: string;
  readonly registry: Registry;
  readonly session: StoreSession;
  readonly replies: ReplyRows;
  readonly ids: Ids;
  readonly random: Random;
  readonly lanes: OutboxLanes;
  readonly traits: TransportTraits;
  /** The other services that get an event one by one; `[undefined]` if a broker divides it. */
  readonly peers: readonly (string | undefined)[];
  /** How long the reply to a request without a deadline is waited for, in milliseconds. */
  readonly expectMs: number;
  /** Whether an actor of that protocol is in the store of this service. */
  isStored(protocol: string): boolean;
}

/** A message that can be written: its row, and what its reply needs. */
export interface OutboxDraft {
  readonly lane: string;
  readonly bytes: number;
  /** Its payload, as the store has it. */
  readonly text: string;
  /** Where the request is, if its reply is kept: the commit that writes it opens that reply. */
  readonly at: RequestPlace | undefined;
  /** Adds it to a commit, at the given position, or at the next. */
  write(writeSet: WriteSet, place?: string): void;
}

/** Writes what goes to other services as rows, in the commits of those who send it. */
export class Outbox implements RemoteRows {
  readonly #services: OutboxServices;
  /** What each commit that is being made sends, by lane. */
  readonly #written = new WeakMap<WriteSet, Map<string, Waiting>>();

  constructor(services: OutboxServices) {
    this.#services = services;
  }

  takes({ protocol }: ActorId): boolean {
    return protocol === Remote.arrive.protocol || this.#services.registry.has(protocol);
  }

  write(
    writeSet: WriteSet,
    to: ActorId,
    route: Route,
    payload: unknown,
    id: string,
    from?: ActorId,
  ): Unsent | undefined {
    const draft = this.draft(to, route, payload, id, from);
    const unsent = this.#writeDraft(writeSet, draft);
    const { replyTo } = route;
    if (unsent === undefined && draft.at !== undefined && replyTo !== undefined && !isReplyTarget(replyTo)) {
      this.#services.replies.open(writeSet, replyTo.key, draft.at);
    }
    return unsent;
  }

  cancel(writeSet: WriteSet, { protocol, key, sent }: RequestPlace & { readonly sent: SentRequest }): void {
    const { ids, session, lanes } = this.#services;
    const id = ids.text(ids.next());
    const draft = this.#draft(cancelOf({ protocol, key }, sent, id, session.instance), "");
    const full = lanes.full(draft.lane, draft.bytes);
    if (full !== undefined) {
      throw new LimitExceededError(
        "outbox-full",
        `Cannot take back ${protocol}/${key} ${sent.operation}: ${full}`,
      );
    }
    draft.write(writeSet);
  }

  writeAgain(writeSet: WriteSet, to: ActorId, { sent, ...message }: MessageHeader, text: string): void {
    const mode = to.protocol === Remote.arrive.protocol
      ? "tell"
      : this.#operation(to, message.operation).mode;
    const { sender = this.#services.service, replyName } = sent ?? {}; // nothing was sent of what had no room
    this.#draft({ to, message, mode, sender }, text, replyName).write(writeSet);
  }

  isFull({ protocol, key }: ActorId): boolean {
    const operation = { name: "", mode: "tell" } as const;
    return this.#services.lanes.full(laneOf({ kind: "inbox", protocol, key, operation }), 0) !== undefined;
  }

  publishes({ operation: { protocol, name, mode }, heard }: Publication): boolean {
    return mode === "event" && !heard && this.#services.registry.sends(protocol, name);
  }

  arrive({ operation: { protocol, name }, payload }: Publication): () => void {
    const { lanes, peers } = this.#services;
    const bytes = bodyOf(payload).body.length;
    const leave: (() => void)[] = [];
    const over = () => leave.forEach((one) => one());
    try {
      for (const service of peers) {
        const lane = laneOf({ kind: "event", protocol, event: name, service });
        leave.push(lanes.arrive(`${protocol}.${name}`, lane, bytes, "outside"));
      }
    } catch (error) {
      over();
      throw error;
    }
    return over;
  }

  publish(
    writeSet: WriteSet,
    route: Route,
    publication: Publication,
    id: string,
    from?: ActorId,
  ): (Unsent & { readonly to: ActorId })[] {
    const { operation: { protocol, name, mode }, payload } = publication;
    const { subject } = publication.check();
    const { service, session, ids, peers } = this.#services;
    const sender = this.#senderOf(route.extras?.scope, from);
    const key = from === undefined ? service : sender;
    const message = { ...headOf(route.of(Remote.publish), id, session.instance, ids), replyTo: undefined };
    const text = toText(payload);
    const drafts = peers.map((peer) => {
      const to = eventReceiver({ event: { protocol, name }, subject, key, service: peer });
      return { to, draft: this.#draft({ to, message, mode, sender }, text) };
    }); // all of them, before one is written: it throws if they can never be sent
    return drafts.flatMap(({ to, draft }) => {
      const unsent = this.#writeDraft(writeSet, draft);
      return unsent === undefined ? [] : [{ ...unsent, to }];
    });
  }

  /** A message to another service. Throws why it cannot be sent. */
  draft(to: ActorId, route: Route, payload: unknown, id: string, from?: ActorId): OutboxDraft {
    const { operation, extras } = route;
    const own = to.protocol === Remote.arrive.protocol;
    const { mode } = own ? operation : this.#operation(to, operation.name);
    const message = headOf(route, id, this.#services.session.instance, this.#services.ids);
    const sender = this.#senderOf(extras?.scope, from);
    const input = extras?.input;
    const receiver = { protocol: to.protocol, key: to.key }; // a handle has more
    const text = toText(input === undefined ? payload : input.payload);
    return this.#draft({ to: receiver, message, mode, sender }, text);
  }

  /** Writes it, or returns that there is no room for it. */
  #writeDraft(writeSet: WriteSet, draft: OutboxDraft): Unsent | undefined {
    const written = this.#written.get(writeSet) ?? new Map<string, Waiting>();
    const { rows, bytes } = written.get(draft.lane) ?? none;
    const why = this.#services.lanes.full(draft.lane, draft.bytes, { rows, bytes });
    if (why !== undefined) return { text: draft.text, reason: "outbox-full", why };
    this.#written.set(writeSet, written.set(draft.lane, { rows: rows + 1, bytes: bytes + draft.bytes }));
    draft.write(writeSet);
    return undefined;
  }

  #draft(sending: RemoteMessage, text: string, replyName?: string): OutboxDraft {
    const { session } = this.#services;
    const awaited = this.#awaited(sending, replyName);
    const remote = { ...sending, expected: awaited?.expected ?? sending.expected };
    const parcel = parcelOf(remote, text); // throws if it cannot be sent
    const { messageBytes } = this.#services.traits;
    if (parcel.body.length > messageBytes) {
      throw new TooLargeError(
        shownDestination(parcel.to),
        "bytes",
        parcel.body.length,
        messageBytes,
        "send to",
      );
    }
    const lane = laneOf(parcel.to);
    return {
      lane,
      text,
      at: requestOf(remote, parcel.body),
      bytes: parcel.body.length,
      write: (writeSet, place = session.nextPosition()) => {
        const head: OutboxHead = { ...remote, atMs: session.clock.now() };
        const value = encodeValue(head, text);
        writeSet.writeOnce(outboxLanePrefix(lane) + place, value);
        if (awaited?.row !== undefined) this.#expect(writeSet, awaited.expected.name, awaited.row);
        writeSet.after(() => this.#services.lanes.wrote(lane, value.length));
      },
    };
  }

  #expect(writeSet: WriteSet, name: string, row: ExpectRow): void {
    const expiresAtMs = row.untilMs && row.untilMs + slackMs;
    writeSet.write(expectKey(name), encodeValue(row, ""), { expiresAtMs });
  }

  /** What waits for the reply of a request, under that name if it was sent before; nothing if it has no reply. */
  #awaited(
    { mode, message: { replyTo, failTo, deadlineMs = 0 } }: RemoteMessage,
    name: string | undefined,
  ): { readonly expected: ExpectedReply; readonly row?: ExpectRow } | undefined {
    if (replyTo === undefined || mode === "tell" || mode === "event") return undefined;
    const kept = replyTo.protocol === Reply.open.protocol && timeOfReplyName(replyTo.key) !== undefined;
    if (kept && failTo?.protocol === replyTo.protocol && failTo.key === replyTo.key) {
      return { expected: { channel: { kind: "replies" }, name: replyTo.key } };
    }
    const { session: { clock }, random, expectMs, isStored } = this.#services;
    const { protocol, key } = replyTo;
    const own = !protocol.startsWith("~") && isStored(protocol); // keeps its order with what else is sent to it
    const channel = own ? { kind: "inbox", protocol, key } as const : { kind: "replies" } as const;
    const untilMs = endAt(Math.max(deadlineMs, clock.now() + expectMs));
    return {
      expected: { channel, name: name ?? randomName(random, clock.now()) },
      row: { to: replyTo, failTo, untilMs },
    };
  }

  #operation({ protocol }: ActorId, name: string): Operation {
    return requireRemote(this.#services.registry, protocol, name);
  }

  #senderOf(scope: string | undefined, from: ActorId | undefined): string {
    const { service } = this.#services;
    return from === undefined ? scopedSender(service, scope) : senderName(service, from.protocol, from.key);
  }
}
