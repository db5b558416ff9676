// docs/errors.md has exactly the codes of the source.

import assert from "node:assert/strict";
import * as posthorn from "@posthorn/posthorn";
import { PosthornError } from "@posthorn/posthorn";
import { problemResponse } from "@posthorn/posthorn/http";
import { sources, textOf } from "./page.ts";

const page = await textOf("docs/errors.md");
const literal = String.raw`"[a-z]+(?:-[a-z]+)*"`;

/**
 * The forms in which a code appears in the source: as an argument of an error, an error class or a dead
 * letter, or in a table of codes.
 */
const places = [
  String.raw`new \w*Error\(\s*(?:(?<status>\d{3}),\s*)?${literal}`, // new RequestError(404, "unknown-route", …
  String.raw`\bsuper\(\s*${literal}`, // super("deadline", message)
  // code: "late-reply", code: "too-many-actors" | "too-many-replies", const code = closed ? "store-closed" : "…
  String.raw`\bcode(?::| =) (?:[^;"\n]* \? )?${literal}(?: [:|] ${literal})*`,
  String.raw`(?<!function )\b\w*[bB]ury\w*\((?:\{[^{}]*\}|[^;"{}])*?${literal}`, // bury(envelope, "deadline", …
  String.raw`\breason: ${literal}`, // { reason: "dropped", … }
  String.raw`\bdescribeHidden\(${literal}`,
  String.raw`^  ${literal}: (?<status>[45]\d\d),$`, // "mailbox-full": 429,
];

/** Every code of the source, with the status beside it, if there is one. */
async function codesOfSource(): Promise<Map<string, Set<number>>> {
  const found = new Map<string, Set<number>>();
  for (const text of await sources()) {
    for (const place of places) {
      for (const { 0: match, groups } of text.matchAll(new RegExp(place, "gm"))) {
        for (const [quoted] of match.matchAll(new RegExp(literal, "g"))) {
          const name = quoted.slice(1, -1);
          const statuses = found.get(name) ?? new Set();
          if (groups?.status !== undefined) statuses.add(Number(groups.status));
          found.set(name, statuses);
        }
      }
    }
  }
  return found;
}

/** The entries of the page. */
const entries = new Map(
  page.split(/^### /m).slice(1).map((part) => {
    const [, name, text] = /^`([^`]+)`\n([^]*)$/.exec(part) ?? assert.fail(part);
    return [name, text];
  }),
);
const inSource = await codesOfSource();

Deno.test("every code of the source has an entry on docs/errors.md", () => {
  assert.ok(inSource.size > 40);
  assert.deepEqual([...inSource.keys()].filter((name) => !entries.has(name)), []);
});

Deno.test("docs/errors.md has no code that the source does not have, and none twice", () => {
  const unknown = [...entries.keys()].filter((name) => !inSource.has(name));
  assert.deepEqual(
    unknown,
    [],
    "are they given in a new way? Then add it to the places at the top of this test",
  );
  assert.equal(entries.size, page.match(/^### /gm)!.length);
});

Deno.test("docs/errors.md says the HTTP status that each code has", () => {
  for (const [name, text] of entries) {
    const said = Number(/HTTP (\d{3})/.exec(text)?.[1]);
    const statuses = inSource.get(name)!;
    const { status } = problemResponse(new PosthornError(name, "for a test"));
    assert.ok(
      statuses.has(said) || status === said,
      `${name}: the page says ${said}, the source says ${status}`,
    );
  }
});

Deno.test("docs/errors.md names each class of errors beside a code that it has", () => {
  const classes = Object.entries(posthorn).filter(([, value]) =>
    typeof value === "function" && value.prototype instanceof PosthornError
  );
  assert.ok(classes.length > 10);
  for (const [name] of classes) assert.ok(page.includes(`\`${name}\``), `the page does not name ${name}`);
});
