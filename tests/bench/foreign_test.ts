// Programs in other languages are only built if their toolchains are installed. These tests need no
// toolchain.

import assert from "node:assert/strict";
import { explain, foreignWorkloads } from "../../bench/foreign.ts";
import {
  asksInFlight,
  bigActors,
  burstLength,
  forkJoinActors,
  ringLength,
  subscribers,
  workloads,
} from "../../bench/workloads.ts";

const programs = {
  Erlang: await source("erlang/workloads.erl"),
  Go: await source("go/main.go", "go/workloads.go"),
  CAF: await source("caf/actors.hpp", "caf/main.cpp"),
};

Deno.test("workloads in other languages are those of the table", () => {
  const known = workloads.map(({ id }) => id);
  for (const id of foreignWorkloads) assert.ok(known.includes(id), `there is no workload ${id}`);
  for (const [language, text] of Object.entries(programs)) {
    for (const id of foreignWorkloads) {
      assert.match(text, new RegExp(`\\b${id}\\b`), `${language} has no ${id}`);
    }
  }
});

Deno.test("programs in other languages have the numbers of the table", () => {
  const numbers = { burstLength, ringLength, bigActors, forkJoinActors, asksInFlight, subscribers };
  for (const [language, text] of Object.entries(programs)) {
    for (const [name, value] of Object.entries(numbers)) {
      // burstLength, burst_length or BURST_LENGTH, then a sign or space, then its value.
      const words = name.replace(/[A-Z]/g, (letter) => `_?${letter}`);
      assert.match(text, new RegExp(`${words}\\w*[ =,]+${value}\\b`, "i"), `${language} has another ${name}`);
    }
  }
});

Deno.test("explain() names each missing toolchain and how to get it", () => {
  const message = explain([{ name: "One", get: "get one" }, { name: "Other", get: "get other" }]);
  assert.equal(
    message,
    "Cannot run the contenders in other languages: these toolchains are missing\n  One: get one\n  Other: get other",
  );
});

async function source(...paths: string[]): Promise<string> {
  const urls = paths.map((path) => new URL(`../../bench/foreign/${path}`, import.meta.url));
  return (await Promise.all(urls.map((url) => Deno.readTextFile(url)))).join("\n");
}
