import { isUnchecked, type Schema } from "./schema.ts";

/** How an operation is spoken: to one actor or to many, with no reply, a reply now, or a reply later. */
export type Mode = "tell" | "ask" | "submit" | "event" | "survey";

/** What goes into an operation and comes out of it; a type only, no operation has such a value. */
export interface OperationTypes<Input, Output, Reply, ReplyOutput> {
  /** What callers send. */
  readonly input: Input;
  /** What handlers get: the input, checked and transformed by its schema. */
  readonly output: Output;
  /** What handlers return. */
  readonly reply: Reply;
  /** What askers get: the reply, checked and transformed by its schema. */
  readonly replyOutput: ReplyOutput;
}

/**
 * One thing that may be said to an actor: a name, a mode, and the schemas of payload and reply. Pure data.
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
  /** The name of its protocol. First, so that the compiler names it first where the protocols differ. */
  readonly protocol: Name;
  /** How it is spoken. */
  readonly mode: M;
  /** Its name within the protocol. */
  readonly name: string;
  /** Its place within the protocol: handlers are found by it. */
  readonly slot: number;
  /** What checks the payload; absent where there is no payload. */
  readonly payload?: Schema<unknown> | undefined;
  /** What checks the reply; absent where there is none. */
  readonly reply?: Schema<unknown> | undefined;
  /** Whether its payload needs no check. Its protocol finds that out. */
  readonly unchecked?: boolean;
  /** Whether its reply needs none. */
  readonly repliesUnchecked?: boolean;
  /** The subject under which a payload is published; only an event has it. */
  readonly subject?: ((payload: never) => string) | undefined;
  /** Only the compiler knows this. */
  readonly "~types"?: OperationTypes<Input, Output, Reply, ReplyOutput>;
}

/** A notification: to one actor, no reply. */
export interface Tell<Input, Output = Input, Name extends string = "">
  extends Operation<"tell", Name, Input, Output, void, void> {}

/** A request with a synchronous response: to one actor, and the caller waits for the reply. */
export interface Ask<Input, Reply, Output = Input, ReplyOutput = Reply, Name extends string = "">
  extends Operation<"ask", Name, Input, Output, Reply, ReplyOutput> {}

/** A request with an asynchronous response: to one actor, and the reply is collected later or goes to an address. */
export interface Submit<Input, Reply, Output = Input, ReplyOutput = Reply, Name extends string = "">
  extends Operation<"submit", Name, Input, Output, Reply, ReplyOutput> {}

/** What can be published and subscribed to: to many actors, no reply. */
export interface Event<Input, Output = Input, Name extends string = "">
  extends Operation<"event", Name, Input, Output, unknown, unknown> {}

/** A published request with asynchronous responses (scatter-gather): to many actors, and each may reply. */
export interface Survey<Input, Reply, Output = Input, ReplyOutput = Reply, Name extends string = "">
  extends Operation<"survey", Name, Input, Output, Reply, ReplyOutput> {}

/** What callers send with an operation. Found from the operation alone, never from what is sent. */
export type InputOf<Op> = Op extends Operation<Mode, string, infer I, infer _O, infer _R, infer _S> ? I
  : never;

/** What the handlers of an operation get. */
export type OutputOf<Op> = Op extends Operation<Mode, string, infer _I, infer O, infer _R, infer _S> ? O
  : never;

/** What the handlers of an operation return. */
export type ReplyOf<Op> = Op extends Operation<Mode, string, infer _I, infer _O, infer R, infer _S> ? R
  : never;

/** What askers of an operation get. */
export type ReplyOutputOf<Op> = Op extends Operation<Mode, string, infer _I, infer _O, infer _R, infer S> ? S
  : never;

/** The operations of a protocol before it gives them its name. */
export type Operations = Readonly<Record<string, Operation>>;

/** An operation as its protocol holds it: with the protocol's name. */
export type Named<Op, Name extends string> = Op extends Tell<infer I, infer O> ? Tell<I, O, Name>
  : Op extends Ask<infer I, infer R, infer O, infer S> ? Ask<I, R, O, S, Name>
  : Op extends Submit<infer I, infer R, infer O, infer S> ? Submit<I, R, O, S, Name>
  : Op extends Event<infer I, infer O> ? Event<I, O, Name>
  : Op extends Survey<infer I, infer R, infer O, infer S> ? Survey<I, R, O, S, Name>
  : never;

/** What a protocol carries beside its operations. */
export interface ProtocolInfo<Name extends string, Ops> {
  /** The name of the protocol. */
  readonly name: Name;
  /** Its operations by name. */
  readonly operations: Ops;
}

/** Any protocol of that name. */
export interface NamedProtocol<Name extends string, Ops = unknown> {
  /** Name and operations, out of the way of the operations' own names. */
  readonly "~protocol": ProtocolInfo<Name, Ops>;
}

/**
 * A named set of operations: all that a caller imports. An application lets the compiler infer it; a published
 * package writes it down, because its exports need explicit types.
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

/** What the name of a protocol and of an operation is. */
export const namePattern = /^[a-z][A-Za-z0-9]{0,63}$/;
const namesRefused = ["then", "constructor", "prototype", "toJSON", "toString", "valueOf"];

/**
 * Names a set of operations. The name is the first half of every address, so two protocols of a system never share
 * one, and it stays when the code changes.
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
 * @param name matches `/^[a-z][A-Za-z0-9]{0,63}$/`, as every operation's name does
 * @param operations what may be said, made by {@linkcode tell}, {@linkcode ask}, {@linkcode submit},
 * {@linkcode event} and {@linkcode survey}
 * @returns the operations by name, frozen
 * @throws {RangeError} when a name does not match, or an operation is called `then`, `constructor`, `prototype`,
 * `toJSON`, `toString` or `valueOf`
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

/** {@linkcode protocol} for the runtime's own actors, whose names begin with `~` so that no user's name meets them. */
export function nameOperations<const Name extends string, Ops extends Operations>(
  name: Name,
  operations: Ops,
): Protocol<Name, Ops> {
  const named: Record<string, Operation> = {}; // made without a prototype, it would be a dictionary for ever, and slow to read
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
  const hidden = { "~protocol": { name, operations: named }, toString: () => text, [inspect]: () => text };
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

/** The schemas of an operation that replies: one schema is the reply, two are payload and reply. */
function payloadAndReply(
  first: Schema<unknown>,
  second: Schema<unknown> | undefined,
): [payload: Schema<unknown> | undefined, reply: Schema<unknown>] {
  return second === undefined ? [undefined, first] : [first, second];
}

/**
 * A notification: to one actor, no reply.
 *
 * @example
 * ```ts
 * import { protocol, tell } from "@posthorn/posthorn";
 * import * as z from "zod";
 *
 * const Door = protocol("door", { open: tell(), knock: tell(z.object({ times: z.number() })) });
 * ```
 *
 * @param payload what checks the payload; without it there is none
 * @returns an operation for {@linkcode protocol}
 */
export function tell(): Tell<void>;
/** A notification with a payload. */
export function tell<I, O>(payload: Schema<I, O>): Tell<I, O>;
export function tell(payload?: Schema<unknown>): Operation<"tell", ""> {
  return operation("tell", payload);
}

/**
 * A request with a synchronous response: the caller waits for the reply, up to its time-out.
 *
 * @example
 * ```ts
 * import { ask, protocol } from "@posthorn/posthorn";
 * import * as z from "zod";
 *
 * const Order = protocol("order", { count: ask(z.number()), total: ask(z.enum(["EUR", "USD"]), z.number()) });
 * ```
 *
 * @param payload what checks the payload; a single schema is the reply's, and then there is no payload
 * @param reply what checks the reply
 * @returns an operation for {@linkcode protocol}
 */
export function ask<R, S>(reply: Schema<R, S>): Ask<void, R, void, S>;
/** A request with a payload and a synchronous response. */
export function ask<I, O, R, S>(payload: Schema<I, O>, reply: Schema<R, S>): Ask<I, R, O, S>;
export function ask(first: Schema<unknown>, second?: Schema<unknown>): Operation<"ask", ""> {
  return operation("ask", ...payloadAndReply(first, second));
}

/**
 * A request with an asynchronous response: the reply waits until it is collected, or goes to an address.
 *
 * @example
 * ```ts
 * import { protocol, submit } from "@posthorn/posthorn";
 * import * as z from "zod";
 *
 * const Report = protocol("report", { render: submit(z.object({ year: z.number() }), z.string()) });
 * ```
 *
 * @param payload what checks the payload; a single schema is the reply's, and then there is no payload
 * @param reply what checks the reply
 * @returns an operation for {@linkcode protocol}
 */
export function submit<R, S>(reply: Schema<R, S>): Submit<void, R, void, S>;
/** A request with a payload and an asynchronous response. */
export function submit<I, O, R, S>(payload: Schema<I, O>, reply: Schema<R, S>): Submit<I, R, O, S>;
export function submit(first: Schema<unknown>, second?: Schema<unknown>): Operation<"submit", ""> {
  return operation("submit", ...payloadAndReply(first, second));
}

/** Options of {@linkcode event}. */
export interface EventOptions<Output> {
  /**
   * The subject of one payload: tokens between dots, by which subscribers choose (`de.*`, `de.>`). At most 512
   * characters.
   */
  readonly subject?: (payload: Output) => string;
}

/**
 * What can be published: every subscriber gets it. An actor does not handle an event of its own protocol; a
 * subscriber takes it with a `tell` operation whose payload fits.
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
 * @param payload what checks the payload; without it there is none
 * @param options how to find the subject of a payload
 * @returns an operation for {@linkcode protocol}
 */
export function event(): Event<void>;
/** An event with a payload. */
export function event<I, O>(payload: Schema<I, O>, options?: EventOptions<O>): Event<I, O>;
export function event<O>(payload?: Schema<unknown>, options?: EventOptions<O>): Operation<"event", ""> {
  return { ...operation("event", payload), subject: options?.subject };
}

/**
 * A published request that each respondent may answer (scatter-gather). Respondents subscribe; one that returns
 * `undefined` abstains.
 *
 * @example
 * ```ts
 * import { protocol, survey } from "@posthorn/posthorn";
 * import * as z from "zod";
 *
 * const Carrier = protocol("carrier", { quote: survey(z.object({ grams: z.number() }), z.object({ cents: z.number() })) });
 * ```
 *
 * @param payload what checks the payload; a single schema is the reply's, and then there is no payload
 * @param reply what checks each reply
 * @returns an operation for {@linkcode protocol}
 */
export function survey<R, S>(reply: Schema<R, S>): Survey<void, R, void, S>;
/** A published request with a payload. */
export function survey<I, O, R, S>(payload: Schema<I, O>, reply: Schema<R, S>): Survey<I, R, O, S>;
export function survey(first: Schema<unknown>, second?: Schema<unknown>): Operation<"survey", ""> {
  return operation("survey", ...payloadAndReply(first, second));
}

/** Whether there is nothing to check: no schema looks at the payload, or there is to be none and is none. */
export function fitsAsItIs(operation: Operation, payload: unknown): boolean {
  return operation.unchecked === true || (payload === undefined && operation.payload === undefined);
}
