import { isUnchecked, type Schema } from "./schema.ts";
import type { Something, Untested } from "./something.ts";

/** The messaging mode of an operation: how many actors it addresses, and if and when they reply. */
export type Mode = "tell" | "ask" | "submit" | "event" | "survey";

/**
 * The input and output types of an operation. Exists only for the compiler: no operation has such a value.
 */
export interface OperationTypes<Input, Output, Reply, ReplyOutput> {
  /** The type that callers send. */
  readonly input: Input;
  /** The type that handlers receive: the input after validation and transformation by its schema. */
  readonly output: Output;
  /** The type that handlers return. */
  readonly reply: Reply;
  /** The type that callers receive: the reply after validation and transformation by its schema. */
  readonly replyOutput: ReplyOutput;
}

/**
 * One kind of message that an actor accepts: a name, a mode, and the schemas of payload and reply. Plain
 * data.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { ask, type Operation, protocol } from "@posthorn/posthorn/protocol";
 * import * as z from "zod";
 *
 * const Order = protocol("order", { total: ask(z.number()) });
 * const operation: Operation = Order.total;
 * assert(`${operation.protocol}.${operation.name}` === "order.total");
 * ```
 */
export interface Operation<
  M extends Mode = Mode,
  Name extends string = string,
  Input = unknown,
  Output = unknown,
  Reply = unknown,
  ReplyOutput = unknown,
> {
  /**
   * The name of its protocol. The first member, so that compiler errors mention it first if two protocols
   * differ.
   */
  readonly protocol: Name;
  /** The messaging mode. */
  readonly mode: M;
  /** The name of the operation within the protocol. */
  readonly name: string;
  /** The index of the operation within the protocol. The runtime finds the handler by it. */
  readonly slot: number;
  /** The schema that validates the payload; absent if the operation has no payload. */
  readonly payload?: Schema<unknown> | undefined;
  /** The schema that validates the reply; absent if the operation has no reply. */
  readonly reply?: Schema<unknown> | undefined;
  /** Whether the payload needs no validation. Set by {@linkcode protocol}. */
  readonly unchecked?: boolean;
  /** Whether the reply needs no validation. Set by {@linkcode protocol}. */
  readonly repliesUnchecked?: boolean;
  /** Returns the subject under which a payload is published; only an event has it. */
  readonly subject?: ((payload: never) => string) | undefined;
  /** Exists only for the compiler. */
  readonly "~types"?: OperationTypes<Input, Output, Reply, ReplyOutput>;
}

/** A notification: one receiver, no reply. */
export interface Tell<Input, Output = Input, Name extends string = "">
  extends Operation<"tell", Name, Input, Output, void, void> {}

/** A request with a synchronous response: one receiver, and the caller waits for the reply. */
export interface Ask<Input, Reply, Output = Input, ReplyOutput = Reply, Name extends string = "">
  extends Operation<"ask", Name, Input, Output, Reply, ReplyOutput> {}

/**
 * A request with an asynchronous response: one receiver, and the reply is collected later or sent to an
 * address.
 */
export interface Submit<Input, Reply, Output = Input, ReplyOutput = Reply, Name extends string = "">
  extends Operation<"submit", Name, Input, Output, Reply, ReplyOutput> {}

/** An event that is published to its subscribers: many receivers, no reply. */
export interface Event<Input, Output = Input, Name extends string = "">
  extends Operation<"event", Name, Input, Output, unknown, unknown> {}

/** A published request with asynchronous responses (scatter-gather): many receivers, and each may reply. */
export interface Survey<Input, Reply, Output = Input, ReplyOutput = Reply, Name extends string = "">
  extends Operation<"survey", Name, Input, Output, Reply, ReplyOutput> {}

/** The input type of an operation. Inferred from the operation alone, never from the value that is sent. */
export type InputOf<Op> = Op extends Operation<Mode, string, infer I, infer _O, infer _R, infer _S> ? I
  : never;

/** The payload type that the handlers of an operation receive. */
export type OutputOf<Op> = Op extends Operation<Mode, string, infer _I, infer O, infer _R, infer _S> ? O
  : never;

/** The reply type that the handlers of an operation return. */
export type ReplyOf<Op> = Op extends Operation<Mode, string, infer _I, infer _O, infer R, infer _S> ? R
  : never;

/** The reply type that the callers of an operation receive. */
export type ReplyOutputOf<Op> = Op extends Operation<Mode, string, infer _I, infer _O, infer _R, infer S> ? S
  : never;

/** The operations of a protocol before {@linkcode protocol} adds the protocol's name to each. */
export type Operations = Readonly<Record<string, Operation>>;

/** An operation with the name of its protocol. */
export type Named<Op, Name extends string> = Op extends Tell<infer I, infer O> ? Tell<I, O, Name>
  : Op extends Ask<infer I, infer R, infer O, infer S> ? Ask<I, R, O, S, Name>
  : Op extends Submit<infer I, infer R, infer O, infer S> ? Submit<I, R, O, S, Name>
  : Op extends Event<infer I, infer O> ? Event<I, O, Name>
  : Op extends Survey<infer I, infer R, infer O, infer S> ? Survey<I, R, O, S, Name>
  : never;

/** The metadata of a protocol. */
export interface ProtocolInfo<Name extends string, Ops> {
  /** The name of the protocol. */
  readonly name: Name;
  /** The operations by name. */
  readonly operations: Ops;
}

/** Any protocol with the given name. */
export interface NamedProtocol<Name extends string, Ops = unknown> {
  /** Name and operations, under a key that no operation can have. */
  readonly "~protocol": ProtocolInfo<Name, Ops>;
}

/**
 * A named set of operations, and all that a caller imports. An application lets the compiler infer its type;
 * a published package declares it, because exports of a package need explicit types.
 *
 * @example
 * ```ts
 * import { type Ask, ask, type Protocol, protocol, type Tell, tell } from "@posthorn/posthorn";
 * import * as z from "zod";
 *
 * export const Counter: Protocol<"counter", { add: Tell<number>; read: Ask<void, number> }> = protocol("counter", {
 *   add: tell(z.number()),
 *   read: ask(z.number()),
 * });
 * ```
 */
export type Protocol<Name extends string, Ops extends Operations> =
  & { readonly [K in keyof Ops]: Named<Ops[K], Name> }
  & NamedProtocol<Name, Ops>;

/** The pattern that names of protocols and operations match. */
export const namePattern = /^[a-z][A-Za-z0-9]{0,63}$/;
const namesRefused = ["then", "constructor", "prototype", "toJSON", "toString", "valueOf"];

/**
 * Creates a protocol: a named set of operations. The name is the first part of every address, so each
 * protocol of a system needs a name of its own. Stored messages contain it: keep it when the code changes.
 *
 * @example
 * ```ts
 * import { ask, event, protocol, submit, survey, tell } from "@posthorn/posthorn";
 * import * as z from "zod";
 *
 * const Receipt = z.object({ shop: z.string(), cents: z.number() });
 * const Order = protocol("order", {
 *   add: tell(z.object({ sku: z.string(), cents: z.number() })),
 *   total: ask(z.number()),
 *   settle: submit(z.object({ cents: z.number() }), Receipt),
 *   settled: event(Receipt, { subject: (receipt) => receipt.shop }),
 * });
 * const Carrier = protocol("carrier", { quote: survey(z.object({ grams: z.number() }), z.number()) });
 * ```
 *
 * @param name must match `/^[a-z][A-Za-z0-9]{0,63}$/`; the name of every operation must too
 * @param operations the operations by name, made by {@linkcode tell}, {@linkcode ask}, {@linkcode submit},
 * {@linkcode event} and {@linkcode survey}
 * @returns the protocol: a frozen object with one member for each operation
 * @throws {RangeError} if a name does not match, or if an operation is called `then`, `constructor`,
 * `prototype`, `toJSON`, `toString` or `valueOf`
 */
export function protocol<const Name extends string, Ops extends Operations>(
  name: Name,
  operations: Ops,
): Protocol<Name, Ops> {
  if (!namePattern.test(name)) {
    throw new RangeError(`Cannot name a protocol ${JSON.stringify(name)}: a name must match ${namePattern}`);
  }
  return nameOperations(name, operations);
}

/** {@linkcode protocol} for the built-in actors. Their names begin with `~`, so no name of a user is like theirs. */
export function nameOperations<const Name extends string, Ops extends Operations>(
  name: Name,
  operations: Ops,
): Protocol<Name, Ops> {
  // V8 keeps an object created without a prototype in slow dictionary mode.
  const named: Record<string, Operation> = {};
  Object.entries(operations).forEach(([key, operation], slot) => {
    if (!namePattern.test(key) || namesRefused.includes(key)) {
      throw new RangeError(
        `Cannot name an operation of ${name} ${JSON.stringify(key)}: a name must match ${namePattern} ` +
          `and be none of ${namesRefused.join(", ")}`,
      );
    }
    const unchecked = operation.payload !== undefined && isUnchecked(operation.payload);
    const repliesUnchecked = operation.reply !== undefined && isUnchecked(operation.reply);
    named[key] = Object.freeze({
      ...operation,
      protocol: name,
      name: key,
      slot,
      unchecked,
      repliesUnchecked,
    });
  });
  Object.setPrototypeOf(named, null);
  const text = `protocol ${name} { ${Object.keys(named).join(", ")} }`;
  const inspect = Symbol.for("nodejs.util.inspect.custom");
  const own: Ops = Object.freeze(Object.setPrototypeOf({ ...named }, null)); // no address may name what is hidden
  const hidden = { "~protocol": { name, operations: own }, toString: () => text, [inspect]: () => text };
  for (const key of Reflect.ownKeys(hidden)) {
    Object.defineProperty(named, key, { value: hidden[key as keyof typeof hidden] });
  }
  return Object.freeze(named) as unknown as Protocol<Name, Ops>;
}

/** The operations of a protocol by name. */
export function operationsOf(protocol: NamedProtocol<string>): Readonly<Record<string, Operation>> {
  return protocol["~protocol"].operations as Readonly<Record<string, Operation>>;
}

function operation<M extends Mode>(
  mode: M,
  payload?: Schema<unknown>,
  reply?: Schema<unknown>,
): Operation<M, ""> {
  return { protocol: "", mode, name: "", slot: -1, payload, reply };
}

/**
 * The schemas of an operation that replies: a single schema is the reply's, two schemas are the payload's and
 * the reply's.
 */
function payloadAndReply(
  first: Schema<unknown> | undefined,
  second: Schema<unknown> | undefined,
): [payload: Schema<unknown> | undefined, reply: Schema<unknown>] {
  if (first === undefined) {
    throw new TypeError("Cannot declare an operation that replies without a schema of its reply");
  }
  return second === undefined ? [undefined, first] : [first, second];
}

/**
 * Declares a notification: one receiver, no reply.
 *
 * @example
 * ```ts
 * import { protocol, tell } from "@posthorn/posthorn";
 * import * as z from "zod";
 *
 * const Door = protocol("door", { open: tell(), knock: tell(z.object({ times: z.number() })) });
 * ```
 *
 * @param payload the schema that validates the payload; without it the operation has no payload
 * @returns an operation for {@linkcode protocol}
 */
export function tell(): Tell<void>;
/** Declares a notification with a payload. */
export function tell<I, O>(payload: Schema<I, O> & Something<I>): Tell<I, O>;
/** Is no operation: give a schema, or `unchecked<T>()`. */
export function tell<_T>(): Untested;
export function tell(payload?: Schema<unknown>): Operation<"tell", ""> {
  return operation("tell", payload);
}

/**
 * Declares a request with a synchronous response: the caller waits for the reply, at most until its timeout.
 *
 * @example
 * ```ts
 * import { ask, protocol } from "@posthorn/posthorn";
 * import * as z from "zod";
 *
 * const Order = protocol("order", { count: ask(z.number()), total: ask(z.enum(["EUR", "USD"]), z.number()) });
 * ```
 *
 * @param payload the schema that validates the payload; a single schema validates the reply, and the
 * operation then has no payload
 * @param reply the schema that validates the reply
 * @returns an operation for {@linkcode protocol}
 */
export function ask<R, S>(reply: Schema<R, S>): Ask<void, R, void, S>;
/** Declares a request with a payload and a synchronous response. */
export function ask<I, O, R, S>(payload: Schema<I, O> & Something<I>, reply: Schema<R, S>): Ask<I, R, O, S>;
/** Is no operation: give schemas, or `unchecked<T>()`. */
export function ask<_I, _R = unknown>(): Untested;
export function ask(first?: Schema<unknown>, second?: Schema<unknown>): Operation<"ask", ""> {
  return operation("ask", ...payloadAndReply(first, second));
}

/**
 * Declares a request with an asynchronous response: the reply is kept until the caller collects it, or is
 * sent to an address.
 *
 * @example
 * ```ts
 * import { protocol, submit } from "@posthorn/posthorn";
 * import * as z from "zod";
 *
 * const Report = protocol("report", { render: submit(z.object({ year: z.number() }), z.string()) });
 * ```
 *
 * @param payload the schema that validates the payload; a single schema validates the reply, and the
 * operation then has no payload
 * @param reply the schema that validates the reply
 * @returns an operation for {@linkcode protocol}
 */
export function submit<R, S>(reply: Schema<R, S>): Submit<void, R, void, S>;
/** Declares a request with a payload and an asynchronous response. */
export function submit<I, O, R, S>(
  payload: Schema<I, O> & Something<I>,
  reply: Schema<R, S>,
): Submit<I, R, O, S>;
/** Is no operation: give schemas, or `unchecked<T>()`. */
export function submit<_I, _R = unknown>(): Untested;
export function submit(first?: Schema<unknown>, second?: Schema<unknown>): Operation<"submit", ""> {
  return operation("submit", ...payloadAndReply(first, second));
}

/** Options of {@linkcode event}. */
export interface EventOptions<Output> {
  /**
   * Returns the subject of a payload: tokens separated by dots, at most 512 characters. Subscribers filter by
   * it (`de.*`, `de.>`).
   */
  readonly subject?: (payload: Output) => string;
}

/**
 * Declares an event: it is delivered to every subscriber. An actor does not handle events of its own
 * protocol; a subscriber receives them with a `tell` operation that accepts the payload.
 *
 * @example
 * ```ts
 * import { event, protocol } from "@posthorn/posthorn";
 * import * as z from "zod";
 *
 * const Sensor = protocol("sensor", {
 *   measured: event(z.object({ room: z.string(), celsius: z.number() }), { subject: (m) => `room.${m.room}` }),
 * });
 * ```
 *
 * @param payload the schema that validates the payload; without it the event has no payload
 * @param options how to derive the subject of a payload
 * @returns an operation for {@linkcode protocol}
 */
export function event(): Event<void>;
/** Declares an event with a payload. */
export function event<I, O>(
  payload: Schema<I, O> & Something<I>,
  options?: EventOptions<O>,
): Event<I, O>;
/** Is no operation: give a schema, or `unchecked<T>()`. */
export function event<_T>(): Untested;
export function event<O>(payload?: Schema<unknown>, options?: EventOptions<O>): Operation<"event", ""> {
  return { ...operation("event", payload), subject: options?.subject };
}

/**
 * Declares a published request that each respondent may answer (scatter-gather). Respondents subscribe to it;
 * one that returns `undefined` abstains.
 *
 * @example
 * ```ts
 * import { protocol, survey } from "@posthorn/posthorn";
 * import * as z from "zod";
 *
 * const Carrier = protocol("carrier", { quote: survey(z.object({ grams: z.number() }), z.object({ cents: z.number() })) });
 * ```
 *
 * @param payload the schema that validates the payload; a single schema validates the reply, and the
 * operation then has no payload
 * @param reply the schema that validates each reply
 * @returns an operation for {@linkcode protocol}
 */
export function survey<R, S>(reply: Schema<R, S>): Survey<void, R, void, S>;
/** Declares a published request with a payload. */
export function survey<I, O, R, S>(
  payload: Schema<I, O> & Something<I>,
  reply: Schema<R, S>,
): Survey<I, R, O, S>;
/** Is no operation: give schemas, or `unchecked<T>()`. */
export function survey<_I, _R = unknown>(): Untested;
export function survey(first?: Schema<unknown>, second?: Schema<unknown>): Operation<"survey", ""> {
  return operation("survey", ...payloadAndReply(first, second));
}
