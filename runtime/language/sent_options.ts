import { didYouMean } from "../base/did_you_mean.ts";
import { InvalidPayloadError } from "../base/errors.ts";
import type { OptionNames } from "../base/option_names.ts";
import type { AskOptions, SubmitOptions } from "./address.ts";
import type { SurveyOptions } from "./context.ts";
import type { IngressSendOptions } from "./ingress_options.ts";
import type { Operation } from "./protocol.ts";

/** The options of all sends. A new one must be named here, or it does not compile. */
const optionNames: OptionNames<
  SubmitOptions<unknown> & AskOptions & SurveyOptions & IngressSendOptions & { afterMs?: number; at?: Date }
> = {
  after: true,
  afterMs: true,
  at: true,
  asker: true,
  bytes: true,
  caller: true,
  deduplicate: true,
  failTo: true,
  headers: true,
  id: true,
  max: true,
  onAccepted: true,
  raw: true,
  replyTo: true,
  services: true,
  signal: true,
  timeoutMs: true,
};

/** The payload in the arguments of a send. An operation without a schema for it has none. */
export function payloadIn(operation: Operation, first: unknown): unknown {
  return operation.payload === undefined ? undefined : first;
}

/**
 * The options in the arguments of a send: the second, or the first if the operation has no payload. Throws what
 * is wrong with the arguments of such an operation: a `TypeError` if there are two, and an
 * `InvalidPayloadError` if the first is no options. `names` are those of all options that it can have.
 */
export function optionsIn<Options>(
  operation: Operation,
  first: unknown,
  second: Options | undefined,
  names: Readonly<Record<string, true>> = optionNames,
): Options | undefined {
  if (operation.payload !== undefined || (first === undefined && second === undefined)) return second;
  requireOptions(operation, first, second, names);
  return first as Options;
}

function requireOptions(
  { protocol, name }: Operation,
  first: unknown,
  second: unknown,
  names: Readonly<Record<string, true>>,
): void {
  const what = `Cannot send ${protocol}.${name}`;
  if (second !== undefined) {
    throw new TypeError(
      `${what}: it takes no payload, so the options are its only argument: leave out what is in front of them`,
    );
  }
  const refuse = (why: string) => {
    throw new InvalidPayloadError(what, [{ message: `It takes no payload, only options: ${why}`, path: [] }]);
  };
  if (Object.prototype.toString.call(first) !== "[object Object]") refuse("this is none");
  for (const option in first as object) {
    if (Object.hasOwn(names, option)) continue;
    refuse(`there is no ${option.slice(0, 80)}${didYouMean(option.slice(0, 80), Object.keys(names))}`);
  }
}
