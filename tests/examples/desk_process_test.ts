// The entry scripts of the desk as real processes: their options and their end.

import assert from "node:assert/strict";
import { exampleSecret } from "../../examples/desk/secrets.ts";
import { ServedDesk } from "../../examples/desk/served_desk.ts";

const folder = new URL("../../examples/desk/", import.meta.url);

function run(script: string, args: readonly string[], env: Record<string, string> = {}): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", new URL(script, folder).href, ...args],
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "posthorn-desk-" });
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (
  const [script, args, fault, known] of [
    ["demo.ts", ["--fast"], /^Unknown option '--fast'/, /--memory/],
    ["demo.ts", ["memory"], /^Unexpected argument 'memory'/, /--memory/],
    ["demo.ts", ["--memory=no"], /^Option '--memory' does not take an argument/, /--memory/],
    ["demo.ts", ["--store", "desk.db"], /^--store is a URL: postgres:/, /--store URL/],
    ["demo.ts", ["--memory", "--store=postgres://x"], /^Either --memory or --store/, /--store URL/],
    ["start.ts", ["--port", "80"], /^Unknown option '--port'/, /--store STORE.*--memory/s],
    ["start.ts", ["desk.db"], /^Unexpected argument 'desk.db'/, /--store STORE.*--memory/s],
    ["start.ts", ["--store"], /^Option '--store <value>' argument missing/, /--store STORE/],
    ["start.ts", ["--store="], /^--store needs the name of a file/, /--store STORE/],
    ["start.ts", ["--memory", "--store", "desk.db"], /^Either --store or --memory/, /--store STORE/],
    ["replay.ts", ["--rounds"], /^Unknown option '--rounds'/, /replay\.ts \[http:/],
    ["replay.ts", ["localhost:8000"], /^Not the address of a desk: 'localhost:8000'/, /replay\.ts \[http:/],
    ["replay.ts", ["http://[::1]:1", "again"], /^Unexpected argument 'again'/, /replay\.ts \[http:/],
  ] as const
) {
  Deno.test(`${script} refuses ${args.join(" ")}, and says what it knows`, async () => {
    const { code, stdout, stderr } = await run(script, args).output();
    assert.deepEqual([code, textOf(stdout)], [2, ""]);
    assert.match(textOf(stderr), fault);
    assert.match(textOf(stderr), known);
  });
}

for (const script of ["demo.ts", "start.ts", "replay.ts"]) {
  Deno.test(`${script} --help says how it is used, and does nothing`, async () => {
    const { code, stdout, stderr } = await run(script, ["--help"]).output();
    assert.deepEqual([code, textOf(stderr)], [0, ""]);
    assert.match(textOf(stdout), /^deno (task|run)/);
  });
}

Deno.test("start.ts ends although clients keep connections open, silent or amid a request", async () => {
  await inFolder(async (folder) => {
    const process = run("start.ts", ["--store", `${folder}/desk.db`], { PORT: "0" }).spawn();
    const errors = new Response(process.stderr).text();
    const connections: Deno.TcpConn[] = [];
    let events: Response | undefined;
    let printed = "";
    for await (const text of process.stdout.pipeThrough(new TextDecoderStream())) {
      printed += text;
      const origin = /^The webhook desk is open: (http:\S+)\n/m.exec(printed)?.[1];
      if (origin === undefined || connections.length > 0) continue;
      const port = Number(new URL(origin).port);
      for (const said of ["", "POST /webhooks HTTP/1.1\r\nhost: desk\r\ncontent-length: 10\r\n\r\n{"]) {
        const connection = await Deno.connect({ hostname: "127.0.0.1", port });
        connections.push(connection);
        await connection.write(new TextEncoder().encode(said));
      }
      events = await fetch(`${origin}/api/events/repository/recorded`);
      process.kill("SIGTERM");
    }
    const { code } = await process.status;
    for (const connection of connections) connection.close();
    await events?.body?.cancel();
    assert.equal(code, 0, await errors);
    assert.match(printed, /^Stopped; nothing was left\. What waits is in /m);
  });
});

Deno.test("A desk whose process ends before it is open says what that printed", async () => {
  await using served = new ServedDesk(["--help"], { webhooks: exampleSecret, tokens: "t" });
  await assert.rejects(served.origin(), /^Error: Cannot open the desk: .*deno task start \[options\]/s);
});

Deno.test("The demo that is ended in its midst leaves neither its files nor the process that serves", async () => {
  await inFolder(async (folder) => {
    const process = run("demo.ts", [], { TMPDIR: folder }).spawn();
    const errors = new Response(process.stderr).text(); // ends when it is no longer held
    let left = 0;
    for await (const text of process.stdout.pipeThrough(new TextDecoderStream())) {
      if (!text.includes("25 %")) continue;
      left = (await Array.fromAsync(Deno.readDir(folder))).length;
      process.kill("SIGTERM");
    }
    const text = await errors;
    assert.equal((await process.status).code, 130, text);
    assert.equal(left, 1);
    assert.deepEqual(await Array.fromAsync(Deno.readDir(folder)), []);
  });
});
