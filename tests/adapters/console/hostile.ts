// Texts that try to be more than text, and answers of a system that is full of them.

import type { ConsoleSystem } from "@posthorn/posthorn/console";
import { fakeObservation } from "./fake_system.ts";

/** Texts that break out of a place in markup where a page forgets to escape them. */
export const hostileTexts: readonly string[] = [
  `<script>globalThis.broken = 1</script>`,
  `"><img src=x onerror="globalThis.broken = 2">`,
  `'><svg/onload=globalThis.broken=3>`,
  `</pre></code></td></table><script>globalThis.broken = 4</script>`,
  `</title></textarea></style></script><script>globalThis.broken = 5</script>`,
  `javascript:globalThis.broken=6`,
  `" onfocus="globalThis.broken=7" autofocus="`,
  `<!--<script>globalThis.broken = 8//-->`,
  `{{constructor.constructor('globalThis.broken=9')()}}`,
  `&lt;script&gt;globalThis.broken = 10&lt;/script&gt;`,
  `<iframe srcdoc="<script>parent.broken=11</script>">`,
  `<base href="https://evil.example/"><form action="https://evil.example/">`,
  `<meta http-equiv="refresh" content="0;url=https://evil.example/">`,
  `a/b?c=d&e=f#g%2e%2e%00+ ;`,
  `..`,
  `ключ 🦊 مفتاح \u202e\u2066`,
  `${"🦊".repeat(120)}`,
];

/** A system in which every text is the hostile one. */
export function hostileObservation(text: string, nowMs: number): ConsoleSystem["observe"] {
  const protocol = "order";
  const key = text;
  const actor = { protocol, key };
  const to = { protocol, key, operation: "add" };
  const waiting = { count: 2, more: false };
  const retry = { attempts: 3, nextMs: nowMs + 5_000, error: text };
  const schedule = { actor, name: text, dueMs: nowMs + 1_000, when: { cron: text, timeZone: text }, to };
  const observed = {
    protocol: text,
    hosted: false,
    paused: true,
    actors: { count: 10_000, more: true },
    waiting,
    oldestMs: nowMs - 100_000,
    failing: waiting,
  };
  const item = { ...actor, waiting, oldestMs: nowMs - 5_000, retry, state: text, fault: text };
  return fakeObservation({
    instances: () =>
      Promise.resolve({ items: [{ instance: text, hosts: [text], own: false, atMs: nowMs }], next: text }),
    protocols: () => Promise.resolve({ items: [observed], next: text }),
    actors: () => Promise.resolve({ items: [item], next: text, unreadable: 2 }),
    actor: () =>
      Promise.resolve({
        ...actor,
        state: text,
        stateVersion: 1,
        fault: text,
        waiting,
        messages: [
          {
            id: text,
            operation: "add",
            acceptedMs: nowMs,
            correlationId: text,
            payload: text,
            retry,
            fault: text,
          },
          { operation: "add", payload: text },
        ],
        schedules: [schedule],
        subscriptions: [text],
        paused: false,
      }),
    failing: () => Promise.resolve({ items: [item], next: text }),
    schedules: () =>
      Promise.resolve({ items: [schedule, { actor, dueMs: nowMs, to, fault: text }], next: text }),
    topics: () =>
      Promise.resolve({
        items: [{
          topic: text,
          subscribers: { count: 5, more: false },
          firstSubscribers: [to, to, to, to],
          events: waiting,
          lag: waiting,
        }],
        next: text,
      }),
    deadLetters: () =>
      Promise.resolve({
        items: [{
          ...actor,
          id: text,
          operation: "add",
          payload: { [text]: [text] },
          reason: text,
          message: text,
          attempts: 1,
          atMs: nowMs - 1_000,
          correlationId: text,
        }],
        next: text,
      }),
    deadLetterGroups: () =>
      Promise.resolve({ groups: [{ protocol: text, reason: text, count: 3 }], more: true }),
    replies: () =>
      Promise.resolve({
        items: [
          {
            id: text,
            status: "failed",
            later: false,
            caller: text,
            actor,
            failure: { code: text, message: text },
          },
          { id: `${text}2`, status: "pending", later: true, caller: text, actor },
        ],
        next: text,
      }),
    unhosted: () => Promise.resolve({ items: [observed] }),
    outbox: () =>
      Promise.resolve({
        transport: { name: text, status: "blocked", reason: text, tenures: 3 },
        lanes: { items: [{ lane: text, waiting, oldestMs: nowMs }], next: text },
      }),
    tenures: () =>
      Promise.resolve({
        items: [{ channel: text, shard: text, instance: text, acceptedMs: nowMs, position: 7 }],
        next: text,
        unreadable: 1,
      }),
  });
}

/** The pages of a console, with parameters that are the hostile text where they have any. */
export function hostilePages(text: string): string[] {
  const value = encodeURIComponent(text);
  return [
    "overview",
    "protocols",
    `actors?protocol=order&prefix=${value}&after=${value}&waiting=${value}`,
    `actor?protocol=order&key=${value}`,
    "operations",
    `failing?protocol=${value}`,
    `dead-letters?protocol=${value}&reason=${value}&operation=${value}&did=resend&id=${value}`,
    `schedules?after=${value}&did=${value}`,
    "topics",
    `replies?status=${value}`,
    `activity?only=${value}`,
    `story?id=${value}`,
    "service",
    `search?q=${value}`,
    `nothing?${value}=${value}`,
  ];
}

/** Says of a message that it was accepted, started, failed and died, with the hostile text wherever there is text. */
export function hostileEvents(text: string): Parameters<Parameters<ConsoleSystem["inspect"]>[0]>[0][] {
  const message = {
    protocol: "order",
    key: text,
    operation: "add",
    id: text,
    causationId: text,
    correlationId: text,
    attempts: 1,
    headers: { [text]: text },
    acceptedMs: 1,
    stands: 1,
    mode: "tell",
  };
  const letter = {
    protocol: "order",
    key: text,
    operation: "add",
    id: text,
    payload: text,
    reason: text,
    message: text,
    attempts: 1,
    atMs: 1,
  };
  return [
    { type: "accepted", message },
    { type: "started", message, waitedMs: 3 },
    { type: "failed", message, error: new Error(text), tookMs: 2 },
    { type: "retrying", message, afterMs: 5 },
    { type: "dead", letter },
  ] as ReturnType<typeof hostileEvents>;
}
