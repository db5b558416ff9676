// What somebody meets who has only run `deno task start`.

import { browserTest } from "../browser/given.ts";

browserTest(
  "who starts the desk and opens the printed console sees a dead letter, why, and that it is handled when it is sent again",
  async (browser) => {
    const process = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--quiet",
        new URL("../../examples/desk/start.ts", import.meta.url).href,
        "--memory",
      ],
      env: { HOST: "127.0.0.1", PORT: "0" },
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    try {
      const address = await printedConsole(process);
      const page = await browser.open(new URL(address).origin);
      await page.goto(address);
      await page.getByText("Needs attention").waitFor();
      await page.getByRole("link", { name: "1 dead letter of chat" }).click();
      await page.getByText("The chat room was closed for maintenance").waitFor();
      await page.getByRole("button", { name: "Send again" }).click();
      await page.getByRole("status").getByText("chat/releases has handled it").waitFor();
      await page.getByText("There is none.").waitFor();
    } finally {
      process.kill("SIGTERM");
      await process.status;
    }
  },
);

/** Reads what the process prints up to the address of its console. */
async function printedConsole({ stdout }: Deno.ChildProcess): Promise<string> {
  let printed = "";
  for await (const text of stdout.pipeThrough(new TextDecoderStream())) {
    printed += text;
    const address = /^Its console: (\S+)\n/m.exec(printed)?.[1];
    if (address !== undefined) return address;
  }
  throw new Error(`The desk ended before it said where its console is: ${printed}`);
}
