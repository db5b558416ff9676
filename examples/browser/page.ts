import { follow } from "./follow.ts";
import { listen } from "./listen.ts";

/** What the page does. */
export interface View {
  show(note: unknown): void;
  /** Loads the current state. */
  reload(): void;
  signIn(): void;
}

export async function addNote(api: string, user: string, text: string): Promise<void> {
  const id = crypto.randomUUID(); // one id for one action of the user, the same in every attempt
  for (let attempt = 1;; attempt++) {
    const response = await fetch(`${api}/api/actors/notes/${encodeURIComponent(user)}/add`, {
      method: "POST",
      credentials: "include", // sends the cookie
      headers: { "content-type": "application/json", "idempotency-key": id },
      body: JSON.stringify(text),
    }).catch(() => undefined); // no answer: it may have been accepted
    await response?.body?.cancel();
    if (response?.ok) return;
    const mayRetry = response === undefined || response.status === 429 || response.status === 503;
    if (!mayRetry || attempt === 5) {
      throw new Error(`Cannot add the note: ${response?.status ?? "no answer"}`);
    }
    const seconds = Number(response?.headers.get("retry-after") ?? attempt);
    await new Promise((resolve) => setTimeout(resolve, 1_000 * seconds));
  }
}

export function followWithCookie(api: string, user: string, view: View): EventSource {
  return listen(`${api}/api/events/notes/added?subject=${encodeURIComponent(user)}`, {
    onEvent: (note) => view.show(note),
    onGap: () => view.reload(), // load the current state
    onRefused: () => view.signIn(), // for example 401
  });
}

export async function followWithToken(
  api: string,
  user: string,
  token: string,
  view: View,
  signal: AbortSignal,
): Promise<void> {
  const url = `${api}/api/events/notes/added?subject=${encodeURIComponent(user)}`;
  for await (
    const { event, payload } of follow(url, { headers: { authorization: `Bearer ${token}` }, signal })
  ) {
    if (event === "gap") view.reload();
    else view.show(payload);
  }
}
