import type { DeliveryPort } from "../activations/runtime_services.ts";
import { cancelledFailure } from "../activations/take_back.ts";
import { BoundedSet } from "../base/bounded_set.ts";
import { LimitExceededError, type PosthornError, StoppedError } from "../base/errors.ts";
import type { ActorId, Address } from "../language/address.ts";
import { asks, Envelope, isReplyTarget, type ReplyTarget, Route } from "../messages/envelope.ts";
import { toldTo } from "../messages/failure_addresses.ts";
import type { ToldFailure } from "../messages/told_failure.ts";
import { codeOfThrown } from "../ports/dead_letters.ts";
import type { Meaning } from "./meaning.ts";
import { boundedName } from "./message_mark.ts";

/** A message for an actor in memory. */
type TransientMeaning = Meaning & { readonly kind: "message" };

/**
 * Runs messages of other services in actors that live in memory. Nothing of such an actor is kept, so a message counts as
 * handled when its turn is over: if this process ends before, the broker hands it over again.
 */
export class TransientRuns {
  readonly #delivery: DeliveryPort;
  readonly #takenBackMax: number;
  /** The latest requests that were taken back, since the broker may hand one over again; absent if there is none. */
  #takenBack: BoundedSet | undefined;

  /** `takenBackMax` is how many requests that were taken back are known. */
  constructor(delivery: DeliveryPort, takenBackMax: number) {
    this.#delivery = delivery;
    this.#takenBackMax = takenBackMax;
  }

  /** Whether the mailbox of an actor has room for one more message: as much as for messages of turns. */
  hasRoom({ protocol, key }: ActorId): boolean {
    const host = this.#delivery.hosts.get(protocol);
    if (host === undefined) return true;
    try {
      return host.get(key).length < host.turnCapacity;
    } catch (error) {
      if (error instanceof LimitExceededError) return false; // as many actors are in memory as may be
      throw error;
    }
  }

  /**
   * Puts a message into its mailbox. Resolves when its turn is over, or when it has become a dead letter. Rejects if it will
   * not be handled because the system stops: then the broker hands it over again.
   */
  run({ to, route, payload }: TransientMeaning): Promise<void> {
    const { operation, causationId, correlationId, replyTo, deadline, extras } = route;
    const { failTo, ...others } = extras!;
    const cause = new Envelope(route, to.key, others.id!, undefined);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    promise.catch(() => {}); // whoever waits for the batch gets it
    const refuse = (failure: ToldFailure) => {
      if (failTo !== undefined) this.#delivery.deliverTo(failTo, toldTo(failTo, failure), cause);
    };
    const ended = new TurnEnd({
      replyTo: isReplyTarget(replyTo) ? undefined : replyTo,
      reply: (reply, headers) => {
        if (replyTo === undefined || isReplyTarget(replyTo)) return;
        const own = headers === cause.headers ? cause : cause.withRoute(route.with({ headers }));
        this.#delivery.deliverTo(replyTo, reply, own);
      },
      fail: (error) => {
        if (error instanceof StoppedError) return reject(error);
        const { code, message } = error;
        refuse({ id: String(cause.id), code, message, ...codeOfThrown(error) });
        resolve();
      },
      refuse,
      done: resolve,
    }, { replyTo: isReplyTarget(replyTo) ? undefined : replyTo, failTo });
    const own = new Route(operation, causationId, correlationId, ended, deadline, others);
    if (this.#takenBack?.has(nameOfRequest(to, cause.id, ended.replyTo)) === true) resolve(); // who asked was told
    else this.#delivery.deliver(to, own, payload);
    return promise;
  }

  /**
   * Takes back a request, by its id and where its reply goes: it waits no longer, and if it runs its turn takes no effect.
   * So it is with its copies, if the broker has handed it over again. Who asked is told. Returns whether it was here.
   */
  takeBack(to: ActorId, requestId: string, replyTo: Address): boolean {
    const name = nameOfRequest(to, requestId, replyTo);
    if (this.#takenBack?.has(name) === true) return true;
    const isIt = ({ extras, replyTo: end }: Route) =>
      end instanceof TurnEnd && !end.over && end.replyTo?.key === replyTo.key && extras?.id === requestId;
    const activation = this.#delivery.hosts.get(to.protocol)?.find(to.key);
    let isHere = false;
    for (;;) {
      const envelope = activation?.takeBack(isIt);
      if (envelope === undefined) return isHere;
      const end = envelope.route.replyTo as TurnEnd;
      if (!isHere) end.refuse({ ...cancelledFailure(requestId, String(envelope)), outcome: "cancelled" });
      end.takenBack();
      if (!isHere) (this.#takenBack ??= new BoundedSet(this.#takenBackMax)).add(name);
      isHere = true;
    }
  }
}

/** What the end of a turn is told to. */
interface TurnEndParts {
  /** Where replies go. */
  readonly replyTo: Address | undefined;
  reply(value: unknown, headers: Envelope["headers"]): void;
  fail(error: PosthornError): void;
  refuse(failure: ToldFailure): void;
  done(): void;
}

/** What a request is known by when it comes again. */
function nameOfRequest({ protocol, key }: ActorId, id: unknown, replyTo: Address | undefined): string {
  return boundedName([protocol, key, String(id), replyTo?.key].join("\n"));
}

/** Waits for the end of a turn. Of a publication it is the turn of the topic, which tells respondents where they reply. */
class TurnEnd implements ReplyTarget {
  over = false;
  readonly origin: NonNullable<ReplyTarget["origin"]>;
  readonly #parts: TurnEndParts;

  constructor(parts: TurnEndParts, origin: NonNullable<ReplyTarget["origin"]>) {
    this.#parts = parts;
    this.origin = origin;
  }

  get [asks](): true {
    return true;
  }

  get replyTo(): Address | undefined {
    return this.#parts.replyTo;
  }

  reply(_output: unknown, input: unknown, headers: Envelope["headers"]): void {
    this.#parts.reply(input, headers);
    this.#parts.done();
  }

  fail(error: PosthornError): void {
    this.#parts.fail(error);
  }

  done(): void {
    this.#parts.done();
  }

  /** Tells who asked that there will be no reply. */
  refuse(failure: ToldFailure): void {
    this.#parts.refuse(failure);
  }

  /** The request was taken back. */
  takenBack(): void {
    this.over = true;
    this.#parts.done();
  }
}
