import { RetryableError, TerminalError } from "@posthorn/posthorn";

/** Sent with every call: an id by which the service recognises a repetition, and a signal that cancels the call. */
export interface Call {
  readonly id: string;
  readonly signal: AbortSignal;
}

/** The services of other companies. */
export interface Outside {
  charge(call: Call, order: string, card: string, cents: number): Promise<{ paid: boolean }>;
  refund(call: Call, order: string): Promise<void>;
  /** In how many days the carrier brings a parcel; `null` if it takes none of that size. */
  quote(call: Call, carrier: string, count: number): Promise<{ days: number | null }>;
  ship(call: Call, order: string, carrier: string, sku: string, count: number): Promise<{ tracking: string }>;
  recall(call: Call, order: string): Promise<void>;
  mail(call: Call, to: string, subject: string, text: string): Promise<void>;
}

/** Calls the services over HTTP. */
export function httpOutside(origin: string): Outside {
  async function post(call: Call, path: string, body: unknown): Promise<Response> {
    const response = await fetch(`${origin}/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": call.id },
      body: JSON.stringify(body),
      signal: call.signal,
    });
    if (response.ok) return response;
    const words = `${path} answers ${response.status}`;
    await response.body?.cancel();
    const afterSeconds = Number(response.headers.get("retry-after") ?? NaN);
    if (response.status === 429 || response.status >= 500) {
      if (afterSeconds >= 0) throw new RetryableError(words, { afterMs: afterSeconds * 1_000 });
      throw new Error(words); // retried with backoff
    }
    throw new TerminalError(words, { code: "refused" }); // a repetition would get the same answer
  }
  return {
    charge: async (call, order, card, cents) =>
      await (await post(call, "charge", { order, card, cents })).json(),
    quote: async (call, carrier, count) => await (await post(call, "quote", { carrier, count })).json(),
    ship: async (call, order, carrier, sku, count) =>
      await (await post(call, "ship", { order, carrier, sku, count })).json(),
    refund: async (call, order) => await (await post(call, "refund", { order })).body?.cancel(),
    recall: async (call, order) => await (await post(call, "recall", { order })).body?.cancel(),
    mail: async (call, to, subject, text) =>
      await (await post(call, "mail", { to, subject, text })).body?.cancel(),
  };
}

/** Prints each call instead of making it, to try out the shop. */
export function printedOutside(print: (line: string) => void = console.log): Outside {
  const say = (...words: unknown[]) => Promise.resolve(print(words.join(" ")));
  return {
    charge: async (_call, order, card, cents) => {
      await say("charge", order, cents, "cents");
      return { paid: card !== "empty" };
    },
    refund: (_call, order) => say("refund", order),
    quote: (_call, carrier, count) =>
      Promise.resolve({ days: carrier === "post" ? 3 : count > 5 ? null : 1 }),
    ship: async (_call, order, carrier, sku, count) => {
      await say("ship", order, count, sku, "by", carrier);
      return { tracking: `T-${order}` };
    },
    recall: (_call, order) => say("recall", order),
    mail: (_call, to, subject, text) => say("mail to", `${to}:`, `${subject}:`, text),
  };
}
