// Misuse must not only fail to compile: its error must be understandable at a glance.

import assert from "node:assert/strict";

const config = new URL("../../deno.json", import.meta.url).pathname;

const head = `
import { actor, ask, type Context, event, protocol, type Ref, submit, survey, System, tell, unchecked } from "@posthorn/posthorn";
import * as z from "zod";

const Line = z.object({ sku: z.string(), cents: z.number() });
export const Order = protocol("order", { add: tell(Line), count: ask(z.number()), settle: submit(z.object({ cents: z.number() })) });
export const Other = protocol("other", { add: tell(Line), note: tell(z.string()), done: event(Line) });
export const Carrier = protocol("carrier", { quote: survey(z.object({ grams: z.number() }), z.number()) });
`;

/** Each on its own line, with the text that its error must contain. */
const misuses: readonly (readonly [line: string, words: RegExp])[] = [
  [
    `export const a = (ada: Ref<"order">) => ada.tell(Other.add, { sku: "tea", cents: 450 });`,
    /Type '"other"' is not assignable to type '"order"'/,
  ],
  [
    `export const b = (ada: Ref<"order">) => ada.ask(Order.add, { sku: "tea", cents: 450 });`,
    /Type '"tell"' is not assignable to type '"ask"'/,
  ],
  [
    `export const c = (ada: Ref<"order">) => ada.tell(Order.add, { sku: 1, cents: 450 });`,
    /Type 'number' is not assignable to type 'string'/,
  ],
  [
    `export const d = (ada: Ref<"order">) => ada.ask(Order.count, 5);`,
    /Type '5' has no properties in common with type 'AskOptions'/,
  ],
  [
    `export const e = (ada: Ref<"order">, other: Ref<"other">) => ada.submit(Order.settle, { replyTo: other.at(Other.note) });`,
    /Type 'Address<string, void>' is not assignable to type 'Address<\{ cents: number; \}, unknown>'/,
  ],
  [
    `export const f = actor(Order, { state: () => null, on: { add() {}, count: () => 1 } });`,
    /Property 'settle' is missing in type/,
  ],
  [
    `export const g = (ctx: Context<"order", { items: string[] }>) => ctx.state.items.push("tea");`,
    /Property 'push' does not exist on type 'readonly string\[\]'/,
  ],
  [
    `export const h = (ctx: Context<"order", null>) => ctx.ref(Order, "ada").ask(Order.count);`,
    /Type 'Refused<"an actor that is stored cannot ask in its turn: submit with replyTo, or make it transient: true">' has no call signatures/,
  ],
  [
    `export const i = (system: System, ada: Ref<"order">) => system.subscribe(Other.done, ada);`,
    /Property 'operation' is missing in type 'Ref<"order">'/,
  ],
  [
    `export const j = actor(Order, { state: () => null, on: { add() {}, count: () => "one", settle: () => ({ cents: 1 }) } });`,
    /Type 'string' is not assignable to type 'number \| Promise<number>'/,
  ],
  [
    `export const k = (ctx: Context<"order", null>, kept: Ref<"other">) => ctx.ref(kept).tell(Order.add, { sku: "tea", cents: 450 });`,
    /Type '"order"' is not assignable to type '"other"'/,
  ],
  [
    `export const l = (ctx: Context<"order", null>) => ctx.ref(Other);`,
    /is not assignable to parameter of type 'Ref<string> \| TurnRef<string>'/,
  ],
  [
    `export const m = (ada: Ref<"order">) => ada.ask(Order.count, undefined, { timeoutMs: 5 });`,
    /Expected 1-2 arguments, but got 3/,
  ],
  [
    `export const n = (ada: Ref<"order">) => ada.ask(Order.count, { sku: "tea" });`,
    /'sku' does not exist in type 'AskOptions'/,
  ],
  [
    `export const o = (ctx: Context<"order", null>) => ctx.survey(Carrier.quote, { grams: 1 });`,
    /Type 'Refused<"an actor that is stored cannot survey in its turn: make it transient: true">' has no call signatures/,
  ],
  [
    `export const p = protocol("p", { add: tell<{ cents: number }>() });`,
    /Type 'Refused<"a type checks nothing at run time: give a schema, or unchecked<T>\(\)">' is missing/,
  ],
  [
    `export const q = protocol("q", { add: ask<string, number>() });`,
    /Type 'Refused<"a type checks nothing at run time: give a schema, or unchecked<T>\(\)">' is missing/,
  ],
  [
    `export const r = protocol("r", { add: tell(z.void()) });`,
    /Wrong<"an operation without a payload takes no schema for it">/,
  ],
  [
    `export const s = protocol("s", { add: ask(unchecked<void>(), z.number()) });`,
    /Wrong<"an operation without a payload takes no schema for it">/,
  ],
  [
    `export const t = actor(Carrier, { state: () => ({ seen: [], n: 1 }), on: { quote: (ctx, { grams }) => ctx.state.n + grams } });`,
    /Wrong<"the type of seen is not known here: write state: \(\): State => \(…\)">/,
  ],
  [
    `export const u = new System({ actors: [], stor: undefined });`,
    /'stor' does not exist in type 'SystemOptions'/,
  ],
];

Deno.test("an error of misuse says what is wrong in at most six lines", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const file = `${folder}/misuse.ts`;
    await Deno.writeTextFile(file, head + misuses.map(([line]) => line).join("\n"));
    const command = new Deno.Command(Deno.execPath(), {
      args: ["check", "--config", config, file],
      env: { NO_COLOR: "1" },
      stdout: "null",
      stderr: "piped",
    });
    const { success, stderr } = await command.output();
    assert.ok(!success);
    const errors = errorsByLine(new TextDecoder().decode(stderr), file);
    const first = head.split("\n").length;
    misuses.forEach(([line, words], index) => {
      const found = errors.get(first + index) ?? [];
      assert.equal(found.length, 1, `one error expected of ${line}\n${found.join("\n")}`);
      assert.match(found[0], words);
      assert.ok(found[0].split("\n").length <= 6, `too long an error of ${line}\n${found[0]}`);
    });
    assert.equal(errors.size, misuses.length);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/**
 * The messages of the compiler by line, each without its code frame. A related location (TS6236: which
 * parameter is missing) is part of the previous error.
 */
function errorsByLine(output: string, file: string): Map<number, string[]> {
  const errors = new Map<number, string[]>();
  for (const block of output.split(/^(?=TS(?!6236)\d+ \[ERROR\]: )/m).slice(1)) {
    const lines = block.split("\n");
    const frame = lines.findIndex((line) => /^\s*[~^]+\s*$/.test(line));
    const place = lines.slice(frame).find((line) => line.includes(`${file}:`)) ?? "";
    const line = Number(/:(\d+):\d+\s*$/.exec(place)?.[1]);
    errors.set(line, [...(errors.get(line) ?? []), lines.slice(0, frame - 1).join("\n")]);
  }
  return errors;
}
