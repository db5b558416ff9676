import type { Clock } from "../base/clock.ts";
import { NotFoundError } from "../base/errors.ts";
import { type OptionNames, requireKnownOptions } from "../base/option_names.ts";
import type { Random } from "../base/random.ts";
import { type Arguments, requireKey, type SendOptions, type SubmitOptions } from "../language/address.ts";
import type { InputOf, NamedProtocol, Operation } from "../language/protocol.ts";
import { nameOfProtocol } from "../language/protocol_name.ts";
import { parse } from "../language/parse.ts";
import { optionsIn, payloadIn } from "../language/sent_options.ts";
import type { DelayOptions } from "../language/when.ts";
import { Publication, Topic, topicKey } from "../messages/builtin_protocols.ts";
import { nameOf } from "../messages/envelope.ts";
import type { StoreTraits } from "../ports/store.ts";
import type {
  Transaction,
  TransactionConnection,
  TransactionRef,
  TransactionTicket,
} from "../ports/transaction.ts";
import type { TransactionWriter, Written } from "./transaction_writer.ts";

/** The options of sends within a transaction. */
type Options = SubmitOptions<unknown> & DelayOptions;

const publishNames: OptionNames<SendOptions> = { headers: true, id: true, timeoutMs: true };
const tellNames: Readonly<Record<string, true>> = { ...publishNames, afterMs: true, at: true };
const submitNames: Readonly<Record<string, true>> = { ...tellNames, failTo: true, replyTo: true };

/** What sending within transactions needs, besides the transactions. */
export interface TransactionServices {
  readonly traits: StoreTraits;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Sends within transactions of users. The position of each message comes behind those of the transactions before it, so
 * all share one of these. What writes the rows is loaded by the first send.
 */
export class Transactions {
  readonly #services: TransactionServices;
  readonly #shared = { timestampMicros: 0, formatKnown: false };

  constructor(services: TransactionServices) {
    this.#services = services;
  }

  /** The sends of one transaction. */
  on(connection: TransactionConnection): Transaction {
    let writing: Promise<TransactionWriter> | undefined;
    const writer = async () => {
      const { TransactionWriter } = await import("./transaction_writer.ts");
      return new TransactionWriter(connection, this.#services, this.#shared);
    };
    return new Sends(() => writing ??= writer());
  }
}

/** The sends of one transaction, one after the other. */
class Sends implements Transaction {
  readonly #writer: () => Promise<TransactionWriter>;
  #last: Promise<unknown> = Promise.resolve();

  constructor(writer: () => Promise<TransactionWriter>) {
    this.#writer = writer;
  }

  ref<Name extends string>(protocol: NamedProtocol<Name>, key: string): TransactionRef<Name> {
    return new SendsToActor(this, nameOfProtocol(protocol), key) as unknown as TransactionRef<Name>;
  }

  async publish<Op extends Operation<"event">>(
    event: Op,
    ...args: Arguments<InputOf<Op>, SendOptions>
  ): Promise<void> {
    const [first, second] = args as [unknown?, Options?];
    const { payload, options } = argumentsOf(event, first, second, publishNames);
    const publication = new Publication(event, payload);
    publication.check();
    const to = { protocol: Topic.publish.protocol, key: topicKey(event) };
    await this.send((writer) => writer.tell(to, Topic.publish, publication, options));
  }

  /** Calls a function behind the sends before it, so that rows and statements have their order. */
  send(write: (writer: TransactionWriter) => Promise<Written>): Promise<Written> {
    const sending = this.#last.then(async () => await write(await this.#writer()));
    this.#last = sending.catch(() => {}); // who sent it is told
    return sending;
  }
}

/** The sends to one actor. */
class SendsToActor {
  readonly #sends: Sends;
  readonly protocol: string;
  readonly key: string;

  constructor(sends: Sends, protocol: string, key: string) {
    requireKey(protocol, key);
    this.#sends = sends;
    this.protocol = protocol;
    this.key = key;
  }

  async tell(operation: Operation, first?: unknown, second?: Options): Promise<void> {
    const { payload, options } = this.#arguments(operation, first, second, tellNames);
    await this.#sends.send((writer) => writer.tell(this, operation, payload, options));
  }

  async submit(operation: Operation, first?: unknown, second?: Options): Promise<TransactionTicket> {
    const { payload, options } = this.#arguments(operation, first, second, submitNames);
    const { ticket } = await this.#sends.send((writer) => writer.submit(this, operation, payload, options));
    return { id: ticket! };
  }

  #arguments(
    operation: Operation,
    first: unknown,
    second: Options | undefined,
    names: Readonly<Record<string, true>>,
  ): { readonly payload: unknown; readonly options: Options | undefined } {
    const given = argumentsOf(operation, first, second, names);
    const { protocol, name, mode } = operation;
    const why = protocol !== this.protocol
      ? `${name} is an operation of ${protocol}`
      : mode === "event"
      ? `${name} is an event, which is published and not sent to an actor`
      : undefined;
    if (why !== undefined) {
      throw new NotFoundError("unknown-operation", `Cannot deliver to ${this.protocol}/${this.key}: ${why}`);
    }
    if (!operation.unchecked) {
      parse(operation.payload, given.payload, "Cannot accept", {
        toString: () => nameOf(operation, this.key),
      });
    }
    return given;
  }
}

/** The payload and the options of a send. No compiler may have checked the options, and a misspelt one would do nothing. */
function argumentsOf(
  operation: Operation,
  first: unknown,
  second: Options | undefined,
  names: Readonly<Record<string, true>>,
): { readonly payload: unknown; readonly options: Options | undefined } {
  const payload = payloadIn(operation, first);
  const options = optionsIn(operation, first, second, names);
  if (options !== undefined) requireKnownOptions(`${operation.protocol}.${operation.name}`, options, names);
  return { payload, options };
}
