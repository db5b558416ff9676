import { ingress } from "@posthorn/posthorn/http";
import type { Scenario } from "./scenario.ts";
import { One, type World } from "./world.ts";

/**
 * Sends a request to a world over HTTP, and records the response; returns the location of the reply if there
 * is one.
 */
function client(world: World) {
  const expose = [One.note, One.job, One.half];
  const { fetch } = ingress(world.system, { expose, onError: () => {} });
  return async (
    what: string,
    method: string,
    path: string,
    payload?: unknown,
    headers = {},
  ): Promise<string> => {
    const type: Record<string, string> = payload === undefined ? {} : { "content-type": "application/json" };
    const body = payload === undefined ? {} : { body: JSON.stringify(payload) };
    const answer = Promise.resolve(
      fetch(new Request(`http://host${path}`, { method, headers: { ...type, ...headers }, ...body })),
    );
    await world.hear(what, answer.then(said));
    return (await answer).headers.get("location") ?? "";
  };
}

async function said(response: Response): Promise<string> {
  const body: unknown = await response.json();
  const problem = body as { readonly code?: string; readonly detail?: string } | null;
  const words = problem?.code === undefined ? JSON.stringify(body) : `${problem.code} ${problem.detail}`;
  return `${response.status} ${words.replace(/[0-9A-Z]{26}/g, "…")}`;
}

export const http: readonly Scenario[] = [
  {
    name: "over HTTP a tell, an ask and a submit are answered alike",
    async run(world) {
      const say = client(world);
      await say("tell", "POST", "/actors/one/a/note", "1");
      await say("ask", "POST", "/actors/one/a/half", 4);
      await say("ask that fails", "POST", "/actors/one/a/half", 3);
      await say("ask that does not fit", "POST", "/actors/one/a/half", "x");
      await say("submit and wait", "POST", "/actors/one/a/job", "echo 2", { prefer: "wait=1" });
      const location = await say("submit", "POST", "/actors/one/a/job", "echo 3");
      await world.settle();
      await say("collect", "GET", location);
      await say("collect again", "GET", location);
      await say("take back what is over", "DELETE", location);
      await say("not there", "GET", "/replies/nobody");
    },
  },
  {
    name: "over HTTP an idempotency key is one message, whichever instance is used",
    async run(world) {
      const say = client(world);
      const key = { "idempotency-key": "k" };
      for (const what of ["first", "second"]) {
        await say(`${what} tell`, "POST", "/actors/one/a/note", "1", key);
        await say(`${what} ask`, "POST", "/actors/one/a/half", 4, key);
        await say(`${what} submit`, "POST", "/actors/one/a/job", "note 2", { ...key, prefer: "wait=1" });
        await world.settle();
      }
      await say("another payload", "POST", "/actors/one/a/job", "note 3", key);
    },
  },
];
