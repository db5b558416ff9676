// What a test in a browser uses. `deno task browser --install` brings the browser.

import assert from "node:assert/strict";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { chromiumPath } from "./chromium.ts";

/** A browser, and what went wrong in it. */
export interface GivenBrowser {
  /**
   * Opens a page of its own. Whatever it requests elsewhere than at `origin`, each violation of a content security policy,
   * and each error of a script fails the test.
   */
  open(origin: string, options?: BrowserContextOptions): Promise<Page>;
}

/** How long a page may take to show something, in milliseconds: much, since the machine may be busy. */
const patienceMs = 20_000;

/** Whether a browser that is missing fails its tests, instead of being a reason to ignore them: in CI. */
const isRequired = Deno.env.get("POSTHORN_CHROMIUM") === "required";
const path = chromiumPath();

/**
 * A test in a real Chromium. Without one it is ignored, with the command that brings it in its name; if `POSTHORN_CHROMIUM`
 * is `required`, it fails.
 */
export function browserTest(title: string, fn: (browser: GivenBrowser) => Promise<void>): void {
  const command = "deno task browser --install";
  Deno.test({
    name: path === undefined ? `${title} (needs \`${command}\`)` : title,
    ignore: path === undefined && !isRequired,
    async fn() {
      if (path === undefined) throw new Error(`Cannot test in a browser: run \`${command}\``);
      const faults: string[] = [];
      const browser = await launch(path);
      try {
        await fn({ open: (origin, options) => openPage(browser, faults, origin, options) });
      } finally {
        await browser.close();
      }
      assert.deepEqual(faults, []);
    },
  });
}

/** Starts Chromium. Its sandbox is off, which root may not have. */
export function launch(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
}

async function openPage(
  browser: Browser,
  faults: string[],
  origin: string,
  options: BrowserContextOptions = {},
): Promise<Page> {
  const context = await browser.newContext({ baseURL: origin, ...options });
  context.setDefaultTimeout(patienceMs);
  const page = await context.newPage();
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("console", (message) => {
    if (message.text().startsWith("Failed to load resource")) return; // its status is told as that of a response
    if (message.type() === "error" || message.type() === "warning") faults.push(`console: ${message.text()}`);
  });
  page.on("response", (response) => {
    const isStream = response.request().resourceType() === "eventsource"; // refused when the system has stopped
    if (response.status() >= 400 && !isStream) {
      faults.push(`response: ${response.status()} ${response.url()}`);
    }
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(`${origin}/`)) faults.push(`request: ${request.url()}`);
  });
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => {
      console.error(`policy: ${JSON.stringify(event, ["violatedDirective", "blockedURI"])}`);
    });
  });
  return page;
}
