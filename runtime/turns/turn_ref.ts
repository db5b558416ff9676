import {
  type ActorId,
  type Address,
  type AskOptions,
  requireKey,
  type SubmitOptions,
  type TellOptions,
} from "../language/address.ts";
import type { DelayOptions } from "../language/when.ts";
import { fingerprint } from "../base/fingerprint.ts";
import { Reply } from "../messages/builtin_protocols.ts";
import { Envelope } from "../messages/envelope.ts";
import type { NamedProtocol, Operation } from "../language/protocol.ts";
import { nameOfProtocol } from "../language/protocol_name.ts";
import { optionsIn, payloadIn } from "../language/sent_options.ts";
import { replyName } from "../messages/reply_name.ts";
import type { Turn } from "./turn.ts";
import type { CachedTarget, Handle, TurnServices } from "./turn_services.ts";

/** A handle to an actor within a turn. Only handles of transient actors are typed so that they can ask. */
export class TurnActorRef implements Handle {
  readonly turn: Turn;
  readonly protocol: string;
  readonly key: string;
  /** The activation, if it was in memory. */
  target: CachedTarget | undefined;

  constructor(turn: Turn, protocol: string, key: string, found: CachedTarget | undefined) {
    this.turn = turn;
    this.protocol = protocol;
    this.key = key;
    this.target = found;
  }

  get services(): TurnServices {
    return this.turn.actor.services;
  }

  cacheTarget(found: CachedTarget): void {
    this.target = found;
  }

  tell(operation: Operation, first?: unknown, second?: TellOptions): void {
    const options = optionsIn(operation, first, second);
    this.turn.send(this.receiver, operation, payloadIn(operation, first), options && { options });
  }

  submit(operation: Operation, first?: unknown, second?: SubmitOptions<unknown> & DelayOptions): string {
    const payload = payloadIn(operation, first);
    const options = optionsIn(operation, first, second);
    const given = options?.id;
    const { replyTo, failTo } = this.services.laters.addresses(options);
    const id = given ?? this.services.ids.ulid();
    const to = this.receiver;
    if (replyTo !== undefined) {
      this.turn.send(to, operation, payload, { options, id, replyTo, failTo });
      return id;
    }
    // A repeat of the same message is not sent again: its reply is that of the first.
    const before = given === undefined ? undefined : replyToOf(this.turn, to, operation, id, payload);
    const reply = { protocol: Reply.open.protocol, key: before?.key ?? replyName(this.services.ids.ulid()) };
    const route = this.turn.routeOf(operation, { // before the reply is opened, because an option may be invalid
      options,
      id,
      replyTo: { ...reply, operation: Reply.arrive.name },
      failTo: failTo ?? { ...reply, operation: Reply.refuse.name },
    });
    const { protocol, key } = to;
    const opened = { protocol, key, delayMs: route.extras?.delay?.delayMs };
    if (before === undefined) this.turn.send(reply, Reply.open, opened);
    this.turn.dispatch(to, route, payload);
    return reply.key;
  }

  ask(operation: Operation, first?: unknown, second?: AskOptions): Promise<unknown> {
    return this.turn.ask(operation, this.key, first, second);
  }

  at(operation: Operation): Address {
    return { protocol: this.protocol, key: this.key, operation: operation.name };
  }

  /** Never the handle itself: messages would keep it alive, and the engine can do without most handles. */
  private get receiver(): ActorId {
    return this.target ?? { protocol: this.protocol, key: this.key };
  }
}

/** A handle of a turn to the actor of a protocol, or to that of a handle that was made before. */
export function refIn(turn: Turn, to: NamedProtocol<string> | Handle, key: string | undefined): TurnActorRef {
  if (key === undefined) return refAgain(turn, to as Handle);
  const name = nameOfProtocol(to as NamedProtocol<string>);
  return new TurnActorRef(turn, name, key, findNamed(turn, name, key));
}

/** A handle for one that was made before. An activation that the old one cached is not looked up again. */
function refAgain(turn: Turn, handle: Handle): TurnActorRef {
  const { protocol, key } = handle;
  let found: CachedTarget | undefined;
  if (handle.services !== turn.actor.services) { // it belongs to another system
    found = findNamed(turn, protocol, key);
  } else {
    found = handle.target;
    if (found === undefined || found.present !== true) {
      found = findNamed(turn, protocol, key);
      if (found !== undefined) handle.cacheTarget!(found);
    }
  }
  return new TurnActorRef(turn, protocol, key, found);
}

function findNamed(turn: Turn, protocol: string, key: string): CachedTarget | undefined {
  const found = turn.actor.find(protocol, key);
  if (found === undefined) requireKey(protocol, key); // the key of an actor that exists is valid
  return found;
}

/** Where the reply goes of a message that was sent before under the same id, here or earlier, if that is known. */
function replyToOf(
  turn: Turn,
  to: ActorId,
  operation: Operation,
  id: string,
  payload: unknown,
): Address | undefined {
  const { delivery } = turn.actor.services;
  const before = turn.outgoing.find(({ to: { protocol, key }, route, payload: sent }) =>
    route.operation === operation && key === to.key && protocol === to.protocol &&
    route.extras?.id === id && fingerprint(sent) === fingerprint(payload)
  );
  const replyTo =
    (before === undefined
      ? delivery.answerOf(new Envelope(turn.routeOf(operation, { options: { id } }), to.key, id, payload))
      : before.route.replyTo) as Address | undefined;
  return replyTo?.protocol === Reply.open.protocol ? replyTo : undefined;
}
