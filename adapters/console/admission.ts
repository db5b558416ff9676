import type { Context } from "hono";
import type { Access, ConsoleOptions } from "./options.ts";
import { remoteAddressOf } from "./remote_address.ts";

/** What a request may do: the answer that refuses it, or whether it may change something. */
export type Admission = { readonly refused: Response } | { readonly mayAct: boolean };

/** What proxies add to the requests that they forward. */
const forwardingHeaders = [
  "forwarded",
  "via",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-real-ip",
  "cf-connecting-ip",
  "true-client-ip",
];

/** Decides what a request may do. */
export async function admit(
  context: Context,
  { authorize, actions = false }: ConsoleOptions,
): Promise<Admission> {
  if (authorize === undefined) {
    const reason = whyNotLocal(context);
    return reason === undefined ? { mayAct: actions } : { refused: refusal(notLocal(reason)) };
  }
  const access = await ask(authorize, context);
  if (access instanceof Response) return { refused: access };
  if (access === true) return { mayAct: actions };
  if (access === "read") return { mayAct: false };
  return { refused: refusal("You may not use this console") };
}

/** Asks the program. Hono hands errors to `onError` and nothing else, so whatever else is thrown becomes one. */
async function ask(authorize: NonNullable<ConsoleOptions["authorize"]>, context: Context): Promise<Access> {
  try {
    return await authorize(context);
  } catch (error) {
    if (error instanceof Error) throw error;
    throw new Error("The authorize of a console threw something that is no error", { cause: error });
  }
}

/** Why a request may come from another machine; `undefined` if it certainly comes from this one. */
function whyNotLocal(context: Context): string | undefined {
  const forwarding = forwardingHeaders.find((name) => context.req.header(name) !== undefined);
  if (forwarding !== undefined) return `A proxy has forwarded this request: it has the header ${forwarding}`;
  // A page elsewhere can point a name of its own to this machine; its requests carry that name.
  const host = context.req.header("host") ?? new URL(context.req.url).host;
  if (!isLocalHost(host)) return `The request is for ${JSON.stringify(host.slice(0, 200))}`;
  const address = remoteAddressOf(context);
  if (address === undefined) {
    return "The server does not say where this request comes from. Serve the app itself: Deno.serve(app.fetch)";
  }
  return isLoopback(address) ? undefined : `The request comes from ${address}`;
}

/** Whether the value of a `Host` header names this machine. */
function isLocalHost(host: string): boolean {
  const name = host.toLowerCase().replace(/:\d{1,5}$/, "");
  return name === "localhost" || name === "[::1]" || isLoopback(name);
}

function isLoopback(address: string): boolean {
  const plain = address.replace(/^::ffff:/i, "");
  return plain === "::1" || /^127(\.\d{1,3}){3}$/.test(plain);
}

function notLocal(reason: string): string {
  return `This console answers only on localhost, because it has no \`authorize\`. ${reason}.

Say who may use it: console(system, { authorize: (context) => … })`;
}

function refusal(words: string): Response {
  return new Response(`${words}\n`, {
    status: 403,
    headers: { "content-type": "text/plain; charset=utf-8" },
  });
}
