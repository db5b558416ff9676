import assert from "node:assert/strict";
import { console as posthornConsole, type ConsoleSystem } from "@posthorn/posthorn/console";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { fakeObservation, fakeSystem } from "./fake_system.ts";

const headers = { accept: "text/event-stream" };

/** A clock, and a system with it whose topics can be changed and that counts how often it is asked. */
function stage() {
  const clock = new VirtualClock();
  const { promise: closed, resolve: stop } = Promise.withResolvers<unknown>();
  const given = { topics: ["order.settled"], asked: 0, takesMs: 0, fails: false };
  const observe = fakeObservation({
    async topics() {
      given.asked++;
      if (given.takesMs > 0) await new Promise<void>((resolve) => clock.setTimer(given.takesMs, resolve));
      if (given.fails) throw new Error("the store is away");
      const none = { count: 0, more: false };
      const items = given.topics.map((topic) => ({
        topic,
        subscribers: none,
        firstSubscribers: [],
        events: none,
        lag: none,
      }));
      return { items };
    },
  });
  const system: ConsoleSystem & { listeners: number } = fakeSystem({ clock, closed, observe });
  const app = posthornConsole(system, { authorize: () => true });
  return { clock, stop: () => stop(undefined), given, system, app };
}

/** Reads the frames of an open page. */
class Frames {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  constructor(answer: Response) {
    this.#reader = answer.body!.getReader();
  }
  async next(): Promise<string | undefined> {
    const { value } = await this.#reader.read();
    return value && new TextDecoder().decode(value);
  }
  async close(): Promise<void> {
    await this.#reader.cancel();
  }
}

Deno.test("an open page gets all its regions at once, and afterwards those that have changed", async () => {
  const { clock, given, app } = stage();
  const answer = await app.request("/topics", { headers });
  assert.equal(answer.headers.get("content-type"), "text/event-stream");
  assert.equal(answer.headers.get("cache-control"), "no-store");
  const frames = new Frames(answer);
  assert.equal(await frames.next(), "retry: 2000\n\n");
  const first = await frames.next();
  assert.match(first!, /^data: \{"list":".*order\.settled.*","dead-count":""\}\n\n$/);

  const unchanged = frames.next();
  await clock.advance(1_000);
  assert.equal(await unchanged, ": nothing new\n\n");

  given.topics = ["order.settled", "</script>\n\ndata: x"];
  const changed = frames.next();
  await clock.advance(1_000);
  const text = await changed;
  assert.deepEqual(Object.keys(JSON.parse(text!.slice("data: ".length))), ["list"]);
  assert.equal(text!.split("\n").length, 3, "a text of the system ends no frame");
  await frames.close();
});

Deno.test("open pages take a part of the time that does not grow with their number", async () => {
  const { clock, given, app } = stage();
  given.takesMs = 50;
  const pages: Frames[] = [];
  for (let page = 0; page < 4; page++) pages.push(new Frames(await app.request("/topics", { headers })));
  for (const frames of pages) await frames.next();
  const first = Promise.all(pages.map((frames) => frames.next()));
  await clock.advance(50);
  await first;
  assert.equal(given.asked, 4);
  const second = Promise.all(pages.map((frames) => frames.next()));
  await clock.advance(4 * 50 * 50 - 1);
  assert.equal(given.asked, 4, "4 pages of 50 ms each rest for 10 s, which is 2 % of the time");
  await clock.advance(1);
  assert.equal(given.asked, 8);
  await clock.advance(50);
  await second;
  for (const frames of pages) await frames.close();
});

Deno.test("a page that nobody reads is not rendered", async () => {
  const { clock, given, app } = stage();
  const frames = new Frames(await app.request("/topics", { headers }));
  await frames.next();
  await frames.next();
  const before = given.asked;
  await clock.advance(60_000);
  assert.ok(given.asked - before <= 1);
  await frames.close();
});

Deno.test("an open page that cannot be rendered says why and ends, so that its browser asks again", async () => {
  const { given, app } = stage();
  given.fails = true;
  for (let time = 0; time < 40; time++) { // more often than pages may be open
    const answer = await app.request("/topics", { headers });
    assert.equal(answer.status, 200);
    const frames = new Frames(answer);
    await frames.next();
    assert.equal(await frames.next(), 'event: fault\ndata: "the store is away"\n\n');
    assert.equal(await frames.next(), undefined);
  }
});

Deno.test("an open page of something that is gone ends", async () => {
  const { app } = stage();
  const frames = new Frames(await app.request("/actors", { headers }));
  await frames.next();
  assert.equal(await frames.next(), undefined);
});

Deno.test("an open page ends after five minutes, so that whoever looks has to be let in again", async () => {
  const { app, clock } = stage();
  const frames = new Frames(await app.request("/topics", { headers }));
  await frames.next();
  await frames.next();
  let seconds = 0;
  for (let last: string | undefined = ""; last !== undefined && seconds < 400; seconds++) {
    const next = frames.next();
    await clock.advance(1_000);
    last = await next;
  }
  assert.equal(seconds, 300);
});

Deno.test("one page more than may be open is refused, and a page that is closed makes room", async () => {
  const { app } = stage();
  const open = [];
  for (let page = 0; page < 32; page++) open.push(await app.request("/topics", { headers }));
  const refused = await app.request("/topics", { headers });
  const words = "This page is not followed: 32 of 32 pages are open. Close another one.";
  assert.equal(await refused.text(), `retry: 10000\n\nevent: fault\ndata: ${JSON.stringify(words)}\n\n`);
  await open[0].body!.cancel();
  const admitted = await app.request("/topics", { headers });
  const frames = new Frames(admitted);
  assert.equal(await frames.next(), "retry: 2000\n\n");
  await frames.close();
  for (const answer of open.slice(1)) await answer.body!.cancel();
});

Deno.test("who asks only for the head of an open page takes no room", async () => {
  const { app, clock } = stage();
  for (let asked = 0; asked < 33; asked++) {
    const head = await app.request("/topics", { method: "HEAD", headers });
    assert.equal(head.headers.get("content-type"), "text/event-stream");
    assert.equal(head.body, null);
  }
  const frames = new Frames(await app.request("/topics", { headers }));
  assert.equal(await frames.next(), "retry: 2000\n\n");
  await frames.close();
  assert.equal(clock.waiting, 1, "only the console listens for a while");
});

Deno.test("a page that nobody reads takes the place of another for five minutes only, and ends when the system stops", async () => {
  const { app, clock, stop } = stage();
  const open = [];
  for (let page = 0; page < 32; page++) open.push(await app.request("/topics", { headers }));
  await clock.advance(300_000);
  const admitted = await app.request("/topics", { headers });
  stop();
  await clock.settle();
  assert.equal(clock.waiting, 0, "no timer is left");
  for (const answer of [...open, admitted]) {
    assert.match(await answer.text(), /^retry: 2000\n\n/, "it has ended");
  }
});

Deno.test("open pages end when the system stops", async () => {
  const { app, stop, clock } = stage();
  const frames = new Frames(await app.request("/topics", { headers }));
  await frames.next();
  await frames.next();
  const last = frames.next();
  stop();
  await clock.settle();
  assert.equal(await last, undefined);
  const refused = await (await app.request("/topics", { headers })).text();
  assert.match(
    refused,
    /^retry: 10000\n\nevent: fault\ndata: "The system has stopped in this process."\n\n$/,
  );
  assert.equal(clock.waiting, 0, "no timer is left");
});

Deno.test("nobody listens to a system before a page is opened, and nobody a minute after the last was closed", async () => {
  const { app, system, clock } = stage();
  assert.equal(system.listeners, 0);
  assert.equal(clock.waiting, 0);
  const frames = new Frames(await app.request("/topics", { headers }));
  await frames.next();
  await frames.next();
  assert.equal(system.listeners, 1);
  for (let second = 0; second < 120; second++) {
    const next = frames.next();
    await clock.advance(1_000);
    await next;
  }
  assert.equal(system.listeners, 1);
  await frames.close();
  await clock.advance(58_000);
  assert.equal(system.listeners, 1);
  await clock.advance(4_000);
  assert.equal(system.listeners, 0);
  assert.equal(clock.waiting, 0);
});

Deno.test("nobody listens to a system that has stopped", async () => {
  const { app, system, stop, clock } = stage();
  await (await app.request("/overview")).body?.cancel();
  assert.equal(system.listeners, 1);
  stop();
  await clock.settle();
  assert.equal(system.listeners, 0);
  assert.equal(clock.waiting, 0);
});
