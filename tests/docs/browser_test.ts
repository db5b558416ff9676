// docs/browser.md shows the files of examples/browser/, and lists all headers.

import assert from "node:assert/strict";
import { System } from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import { notesApp } from "../../examples/browser/app.ts";
import { notes } from "../../examples/browser/notes.ts";
import { blocksOf, root, sources, textOf } from "./page.ts";

const page = await textOf("docs/browser.md");

Deno.test("docs/browser.md shows every file of its example, and nothing else", async () => {
  const blocks = blocksOf(page, "ts ignore");
  const shown = new Set<string>();
  for (const block of blocks) {
    const [, name, part] = /^\/\/ (\S+)\n([^]*)$/.exec(block) ?? assert.fail(block);
    shown.add(name);
    const text = await textOf(`examples/browser/${name}`);
    if (name === "page.ts") assert.ok(text.includes(part), part); // each of its functions beside what it is about
    else assert.equal(part, text, name);
  }
  const files = await Array.fromAsync(Deno.readDir(new URL("examples/browser/", root)), ({ name }) => name);
  assert.deepEqual([...shown].toSorted(), files.toSorted());
});

/** The headers in the table after a heading, in lower case. */
function headersBehind(words: string): string[] {
  const table = page.slice(page.indexOf(words)).split("\n\n").find((part) => part.startsWith("|"))!;
  return [...table.matchAll(/^\| `([\w-]+)`/gm)].map(([, name]) => name.toLowerCase());
}

const read = headersBehind("Request headers.");
const answered = headersBehind("Response headers.");
/**
 * The headers that every cross-origin page may send or read, and those that browsers and servers set
 * themselves.
 */
const byItself = [
  "accept",
  "cache-control",
  "content-encoding",
  "content-length",
  "content-type",
  "host",
  "origin",
  "sec-fetch-dest",
  "sec-fetch-mode",
  "sec-fetch-site",
  "transfer-encoding",
];

Deno.test("docs/browser.md lists every header that the ingress reads", async () => {
  const found = (await sources()).flatMap((text) => [...text.matchAll(/\.header\(\s*"([a-z-]+)"/g)]);
  const names = new Set(found.map(([, name]) => name));
  assert.ok(names.size > 5);
  assert.deepEqual([...names].filter((name) => !read.includes(name) && !byItself.includes(name)), []);
});

Deno.test("the CORS middleware of docs/browser.md lets through what the ingress reads and says", async () => {
  await using system = new System({ actors: [notes], store: memoryStore() });
  const origin = "https://notes.example";
  const app = notesApp(system, { origin, secret: "of cookies", userOf: () => "ada" });
  const asked = await app.request("/api/actors/notes/ada/add", {
    method: "OPTIONS",
    headers: { "origin": origin, "access-control-request-method": "POST" },
  });
  const listOf = (name: string, response: Response) => response.headers.get(name)!.split(/, ?/).toSorted();
  assert.deepEqual(
    listOf("access-control-allow-headers", asked),
    read.filter((name) => !["accept"].includes(name)).toSorted(),
  );
  const json = { "authorization": "Bearer x", "content-type": "application/json" };
  const post = (path: string, headers: Record<string, string> = {}) =>
    app.request(path, { method: "POST", headers: { origin, ...json, ...headers } });
  const answers = [
    await post("/api/actors/notes/ada/print"),
    await post("/api/actors/notes/ada/print", { prefer: "wait=5" }),
    await post("/api/actors/notes/ada/list"),
    await post("/api/actors/notes/ada/nothing"),
  ];
  await system.stop();
  answers.push(await post("/api/actors/notes/ada/list"));
  const said = new Set<string>();
  for (const answer of answers) {
    assert.deepEqual(listOf("access-control-expose-headers", answer), answered.toSorted());
    await answer.body?.cancel();
    for (const name of answer.headers.keys()) said.add(name);
  }
  const ours = [...said].filter((name) => !byItself.includes(name) && !/^(access-control-|vary$)/.test(name));
  assert.deepEqual(ours.toSorted(), answered.toSorted());
});
