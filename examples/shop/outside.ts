import { RetryError, TerminalError } from "@posthorn/posthorn";

/** What every call carries: the id, by which the other side knows a repeat, and the signal that ends it. */
export interface Call {
  readonly id: string;
  readonly signal: AbortSignal;
}

/** The services of others. */
export interface Outside {
  charge(call: Call, order: string, card: string, cents: number): Promise<{ paid: boolean }>;
  refund(call: Call, order: string): Promise<void>;
  ship(call: Call, order: string, sku: string, count: number): Promise<{ tracking: string }>;
  recall(call: Call, order: string): Promise<void>;
  mail(call: Call, to: string, subject: string, text: string): Promise<void>;
}

/** Speaks to them over HTTP. */
export function httpOutside(origin: string): Outside {
  async function post(call: Call, path: string, body: unknown): Promise<Response> {
    const response = await fetch(`${origin}/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": call.id },
      body: JSON.stringify(body),
      signal: AbortSignal.any([call.signal, AbortSignal.timeout(10_000)]),
    });
    if (response.ok) return response;
    const words = `${path} answers ${response.status}`;
    await response.body?.cancel();
    const afterSeconds = Number(response.headers.get("retry-after") ?? NaN);
    if (response.status === 429 || response.status >= 500) {
      if (afterSeconds >= 0) throw new RetryError(words, { afterMs: afterSeconds * 1_000 });
      throw new Error(words); // tried again, with backoff
    }
    throw new TerminalError(words, { code: "refused" }); // it will say the same each time
  }
  return {
    charge: async (call, order, card, cents) =>
      await (await post(call, "charge", { order, card, cents })).json(),
    ship: async (call, order, sku, count) => await (await post(call, "ship", { order, sku, count })).json(),
    refund: async (call, order) => await (await post(call, "refund", { order })).body?.cancel(),
    recall: async (call, order) => await (await post(call, "recall", { order })).body?.cancel(),
    mail: async (call, to, subject, text) =>
      await (await post(call, "mail", { to, subject, text })).body?.cancel(),
  };
}

/** Stands in for them while nobody is there: prints what it would have done. */
export function printedOutside(print: (line: string) => void = console.log): Outside {
  const say = (...words: unknown[]) => Promise.resolve(print(words.join(" ")));
  return {
    charge: async (_call, order, card, cents) => {
      await say("charge", order, cents, "cents");
      return { paid: card !== "empty" };
    },
    refund: (_call, order) => say("refund", order),
    ship: async (_call, order, sku, count) => {
      await say("ship", order, count, sku);
      return { tracking: `T-${order}` };
    },
    recall: (_call, order) => say("recall", order),
    mail: (_call, to, subject, text) => say("mail to", `${to}:`, `${subject}:`, text),
  };
}
