// The console in a real browser, with a live system behind it.

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { actor, protocol, System, systemClock, tell, TerminalError } from "@posthorn/posthorn";
import { sqlite } from "@posthorn/posthorn/sqlite";
import axe from "axe-core";
import type { Page } from "playwright-core";
import * as z from "zod";
import { browserTest } from "../../browser/given.ts";
import { fakeObservation, fakeSystem } from "./fake_system.ts";
import { hostileEvents, hostileObservation, hostilePages, hostileTexts } from "./hostile.ts";
import { ServedConsole } from "./served_console.ts";
import { Order, Shop } from "./shop_system.ts";

const screens = [
  "overview",
  "protocols",
  "actors?protocol=order",
  "actor?protocol=order&key=ada",
  "operations",
  "failing",
  "dead-letters",
  "schedules",
  "topics",
  "replies",
  "activity",
  "service",
  "search?q=a",
];

/** What a tool that knows the rules of accessibility finds on a page. */
async function accessibilityFaults(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate<axe.AxeResults>("axe.run({ resultTypes: ['violations'] })");
  return violations.map(({ id, nodes }) =>
    `${page.url()}: ${id}: ${nodes.map(({ html }) => html).slice(0, 3).join(" ")}`
  );
}

browserTest("every screen shows a live system, and anybody can use it", async (browser) => {
  const shop = new Shop({ store: sqlite(":memory:") });
  await using system = shop.system;
  await using served = new ServedConsole(system);
  const page = await browser.open(served.origin);
  await page.goto(served.url("")); // it listens before anything happens
  await page.getByText("Live", { exact: true }).waitFor();
  await shop.fill();

  const main = page.locator("main");
  const shows = async (link: string, ...texts: readonly (string | RegExp)[]) => {
    await page.getByRole("navigation", { name: "Console" }).getByRole("link", { name: link }).click();
    for (const text of texts) await main.getByText(text).first().waitFor();
  };
  await shows(
    "Overview",
    "1 dead letter of order",
    "bank-closed",
    "1 failing of order",
    "Messages a second",
    /peak \d+/,
  );
  await shows("Actors", "ledger", "hosted");
  await main.getByRole("link", { name: "order" }).click();
  await main.getByRole("link", { name: "order/ada" }).click();
  await main.getByText('"cents": 2449').waitFor();
  await main.getByRole("rowheader", { name: "reminder" }).waitFor();
  await shows("Operations", "order.charge", "ledger.record");
  await shows("Failing", "order/eve", "The bank does not answer", /1, next in \d+ s/);
  await shows("Dead letters", "order/bob", "bank-closed", "The bank is closed");
  await shows("Schedules", "reminder", "0 9 * * * Europe/Berlin", "delayed message");
  await shows("Topics", "order.settled", "ledger/main");
  await shows("Replies", "pending", "the actor answers later", "order/joe");
  await shows("Activity", "order/bob", "dead");
  await main.getByRole("row", { name: /ledger\/main/ }).getByRole("link").last().click();
  await main.getByText("order/ada").first().waitFor(); // the story begins with the message that led to it
  await shows("Service", "sqlite", "this process");
  await page.getByLabel("Find an actor or a message").fill("order/jo");
  await page.keyboard.press("Enter");
  await main.getByText("order/joe").waitFor();

  const faults: string[] = [];
  for (const screen of screens) {
    await page.goto(served.url(screen));
    faults.push(...await accessibilityFaults(page));
    for (const width of [1160, 900, 360]) {
      await page.setViewportSize({ width, height: 800 });
      await requireCalm(page);
    }
  }
  const dark = await browser.open(served.origin, { colorScheme: "dark" });
  const back = (page: Page) => page.evaluate("getComputedStyle(document.documentElement).backgroundColor");
  for (const screen of ["overview", "dead-letters", "actor?protocol=order&key=eve"]) {
    await dark.goto(served.url(screen));
    faults.push(...await accessibilityFaults(dark));
  }
  assert.deepEqual(faults, []);
  assert.notEqual(await back(dark), await back(page));
});

browserTest("a page that is open follows what happens", async (browser) => {
  const shop = new Shop();
  await using system = shop.system;
  await using served = new ServedConsole(system);
  const page = await browser.open(served.origin);
  const ada = system.ref(Order, "ada");
  await ada.tell(Order.add, { sku: "tea", cents: 1 });
  await page.goto(served.url("actor?protocol=order&key=ada"));
  await page.getByText('"cents": 1').waitFor();
  await ada.tell(Order.add, { sku: "pot", cents: 41 });
  await page.getByText('"cents": 42').waitFor();
  await page.getByText('"pot"').waitFor();
});

browserTest(
  "somebody sees a dead letter, reads why, sends it again with the keyboard alone, and sees that it was handled",
  async (browser) => {
    const shop = new Shop({ store: sqlite(":memory:") });
    await using system = shop.system;
    await using served = new ServedConsole(system);
    await shop.fill();
    const page = await browser.open(served.origin);
    await page.goto(served.url("overview"));

    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate("document.activeElement.textContent"), "Skip to the content");
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate("document.activeElement.id"), "main");
    await tabTo(page, "1 dead letter of order");
    await page.keyboard.press("Enter");
    await page.getByText("The bank is closed").waitFor();

    // Sent again too early, it is a dead letter again, and says so.
    await tabTo(page, "Send again to order/bob");
    await page.keyboard.press("Enter");
    await page.getByRole("status").getByText("It is a dead letter again: bank-closed").waitFor();

    shop.bankIsOpen = true;
    await page.getByRole("button", { name: "Send again to order/bob" }).waitFor();
    await tabTo(page, "Send again to order/bob");
    await page.keyboard.press("Enter");
    await page.getByRole("status").getByText("order/bob has handled it").waitFor();
    await page.getByText("There is none.").waitFor();
    assert.equal(system.deadLetters.size, 0);
  },
);

/** Goes on with the key Tab until something with that text has the focus. */
async function tabTo(page: Page, text: string): Promise<void> {
  for (let times = 0; times < 100; times++) {
    await page.keyboard.press("Tab");
    const focused = await page.evaluate<string>("document.activeElement.textContent");
    if (focused.trim().replace(/\s+/g, " ") === text) return;
  }
  assert.fail(`${text} cannot be reached with the keyboard`);
}

browserTest(
  "an operator discards, cancels, pauses and erases, after a question where something is lost",
  async (browser) => {
    const shop = new Shop({ store: sqlite(":memory:") });
    await using system = shop.system;
    await using served = new ServedConsole(system);
    await shop.fill();
    const page = await browser.open(served.origin);
    const status = page.getByRole("status");

    await page.goto(served.url("dead-letters"));
    await page.getByText("Discard…").click();
    assert.equal(system.deadLetters.size, 1);
    await page.getByRole("button", { name: "Discard it" }).click();
    await status.getByText("The message was discarded.").waitFor();
    await page.getByText("There is none.").waitFor();

    await page.goto(served.url("schedules"));
    await page.getByText("Cancel…").click();
    await page.getByRole("button", { name: "Cancel the schedule" }).click();
    await status.getByText("The schedule was cancelled.").waitFor();

    await page.goto(served.url("replies"));
    await page.getByText("Take back…").click();
    await page.getByRole("button", { name: "Take the request back" }).click();
    await status.getByText("The request was taken back").waitFor();

    await page.goto(served.url("protocols"));
    await page.getByRole("button", { name: "Pause ledger" }).click();
    await status.getByText("The protocol is paused").waitFor();
    await page.getByRole("button", { name: "Resume ledger" }).click();
    await status.getByText("The protocol goes on").waitFor();

    await page.goto(served.url("actor?protocol=order&key=ada"));
    await page.getByText('"cents": 2449').waitFor();
    await page.getByText("Erase…").click();
    await page.getByRole("button", { name: "Erase order/ada" }).click();
    await status.getByText("The actor was erased.").waitFor();
    await page.getByText('"cents": 2449').waitFor({ state: "detached" });
  },
);

browserTest(
  "without a script, a page can be read, searched and used, and does not claim to be followed",
  async (browser) => {
    const shop = new Shop({ store: sqlite(":memory:"), log: () => {} });
    await using system = shop.system;
    await using served = new ServedConsole(system);
    await shop.fill();
    shop.bankIsOpen = true;
    const page = await browser.open(served.origin, { javaScriptEnabled: false });
    await page.goto(served.url("dead-letters"));
    await page.getByRole("button", { name: "Send again to order/bob" }).click();
    await page.getByText("The message was sent again.").waitFor();
    assert.equal(await page.getByRole("status").count(), 1, "only what was done is told");
    await page.getByLabel("Find an actor or a message").fill("order/ad");
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: "order/ada" }).click();
    await page.getByText('"cents": 2449').waitFor();
  },
);

browserTest(
  "a page that is open says why it is not followed, and goes on when it can be",
  async (browser) => {
    const given = { isAway: false };
    const away = new Error("Cannot use <the store>: it is away");
    const observe = fakeObservation({
      topics: () => given.isAway ? Promise.reject(away) : Promise.resolve({ items: [] }),
    });
    const { promise: closed, resolve: stop } = Promise.withResolvers<unknown>();
    await using served = new ServedConsole(fakeSystem({ clock: systemClock(), observe, closed }));
    const page = await browser.open(served.origin);
    await page.goto(served.url("topics"));
    await page.getByText("Live", { exact: true }).waitFor();
    given.isAway = true;
    await page.getByRole("alert").getByText(away.message).waitFor();
    await page.getByText("Reconnecting", { exact: true }).waitFor();
    given.isAway = false;
    await page.getByText("Live", { exact: true }).waitFor();
    assert.equal(await page.getByRole("alert").count(), 0);
    stop(undefined);
  },
);

browserTest(
  "an action is done to exactly what the page says, with line breaks and percent signs",
  async (browser) => {
    const Job = protocol("job", { run: tell(z.string()) });
    const job = actor(Job, {
      state: () => 0,
      on: {
        run(_ctx, code) {
          throw new TerminalError("no", { code });
        },
      },
    });
    await using system = new System({ actors: [job], log: () => {} });
    await using served = new ServedConsole(system);
    for (const code of ["a\nb", "a\nb", "a\r\nb", "a%0Ab"]) {
      await system.ref(Job, "100%/&c=d ").tell(
        Job.run,
        code,
      );
    }
    const page = await browser.open(served.origin);
    await page.goto(served.url(`dead-letters?reason=${encodeURIComponent("a\nb")}`));
    await page.getByText("Discard all…").click();
    await page.getByRole("button", { name: "Discard all of them" }).click();
    await page.getByRole("status").getByText("2 messages discarded").waitFor();
    const { groups } = await system.observe.deadLetterGroups();
    assert.deepEqual(groups.map(({ reason }) => reason).sort(), ["a\r\nb", "a%0Ab"]);
  },
);

browserTest(
  "no key, payload, state or error of an actor becomes markup or script, and no page is wider than a phone",
  async (browser) => {
    const Notes = protocol("notes", { write: tell(z.string()), refuse: tell(z.string()) });
    const notes = actor(Notes, {
      state: () => ({ texts: [] as readonly string[] }),
      on: {
        write: (ctx, text) => {
          ctx.state = { texts: [...ctx.state.texts, text] };
        },
        refuse: (_ctx, text) => {
          throw new Error(text);
        },
      },
    });
    await using system = new System({ actors: [notes], store: sqlite(":memory:"), log: () => {} });
    await using served = new ServedConsole(system);
    const phone = await browser.open(served.origin, {
      viewport: { width: 360, height: 700 },
      isMobile: true,
      hasTouch: true,
    });
    await phone.goto(served.url("activity"));
    const keys = hostileTexts.filter((text) =>
      text !== ".." && new TextEncoder().encode(text).byteLength <= 512
    );
    for (const key of keys) {
      await system.ref(Notes, key).tell(Notes.write, key);
      await system.ref(Notes, key).tell(Notes.refuse, key);
    }
    await phone.getByText("failed").first().waitFor(); // the script has put the hostile texts into the page
    const actorPages = keys.map((key) => `actor?protocol=notes&key=${encodeURIComponent(key)}`);
    for (
      const path of ["activity", "actors?protocol=notes", "failing", "operations", "overview", ...actorPages]
    ) {
      await phone.goto(served.url(path));
      await phone.getByText("Live", { exact: true }).waitFor();
      await requireCalm(phone);
    }
    await phone.getByText(keys.at(-1)!).first().waitFor();
  },
);

browserTest(
  "an answer of a system that is hostile everywhere does not become more than text",
  async (browser) => {
    for (const text of [hostileTexts[3], hostileTexts.at(-1)!]) {
      const { promise: closed, resolve: stop } = Promise.withResolvers<unknown>();
      const clock = systemClock();
      let tell: Parameters<Parameters<typeof system.inspect>[0]>[0][] = hostileEvents(text);
      const system = fakeSystem({
        clock,
        closed,
        observe: hostileObservation(text, clock.now()),
        inspect(listener) {
          for (const event of tell) listener(event);
          tell = [];
          return { [Symbol.dispose]: () => {} };
        },
      });
      await using served = new ServedConsole(system);
      const page = await browser.open(served.origin, { viewport: { width: 360, height: 700 } });
      for (const path of hostilePages(text).filter((path) => !path.startsWith("nothing"))) {
        await page.goto(served.url(path));
        if (!path.startsWith("search")) await page.getByText("Live", { exact: true }).waitFor();
        await requireCalm(page);
      }
      await page.close();
      stop(undefined);
    }
  },
);

/** Nothing ran that should not, and the page is as wide as its window. */
async function requireCalm(page: Page): Promise<void> {
  const broken = await page.evaluate("globalThis.broken");
  const tooWide = await page.evaluate(
    "document.documentElement.scrollWidth - document.documentElement.clientWidth",
  );
  assert.equal(broken, undefined, page.url());
  assert.equal(tooWide, 0, `${page.url()} is wider than its window`);
}

browserTest("a protocol with a million actors is a page, and its end can be searched", async (browser) => {
  const path = await Deno.makeTempFile({ suffix: ".db" });
  await using files = new AsyncDisposableStack();
  files.defer(async () => {
    for (const end of ["", "-wal", "-shm"]) await Deno.remove(path + end).catch(() => {});
  });
  {
    const shop = new Shop({ store: sqlite(path) });
    await using system = shop.system;
    await system.ref(Order, "customer").tell(Order.add, { sku: "tea", cents: 450 });
  }
  const database = new DatabaseSync(path);
  database.exec(`
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)
    INSERT INTO posthorn SELECT key || printf('-%07d', i), value, version, expires FROM n, posthorn
    WHERE key = 'actor' || char(31) || 'order' || char(31) || 'customer'`);
  database.close();

  const shop = new Shop({ store: sqlite(path) });
  await using system = shop.system;
  await system.ready();
  await using served = new ServedConsole(system);
  const page = await browser.open(served.origin);
  await page.goto(served.url("overview"));
  await page.getByRole("row", { name: /order/ }).getByText("10,000+").waitFor();
  await page.getByRole("row", { name: /order/ }).getByRole("link").click();
  await page.getByText("customer-0000049").waitFor();
  await page.getByRole("link", { name: "Next page" }).click();
  await page.getByText("customer-0000099").waitFor();
  await page.getByLabel("Key begins with").fill("customer-09999");
  await page.getByRole("button", { name: "Find" }).click();
  await page.getByText("customer-0999900").waitFor();
  assert.ok(await page.locator("tbody tr").count() <= 50);
});
