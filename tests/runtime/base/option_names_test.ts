import assert from "node:assert/strict";
import { type OptionNames, requireKnownOptions } from "../../../runtime/base/option_names.ts";

interface Settings {
  readonly depthMax?: number;
  readonly caller: string;
}

const names: OptionNames<Settings> = { caller: true, depthMax: true };

Deno.test("options that exist are taken, and so are none", () => {
  requireKnownOptions("desk", undefined, names, "bounds");
  for (const given of [{}, { caller: "ada" }, { caller: undefined, depthMax: 5 }]) {
    requireKnownOptions("desk", given, names);
  }
  requireKnownOptions("desk", Object.assign(Object.create({ inherited: 5 }), { caller: "ada" }), names);
});

Deno.test("an option that does not exist is named, with the one that was meant", () => {
  const cases: readonly (readonly [given: object, group: string | undefined, message: string])[] = [
    [
      { caller: "ada", depthMaz: 5 },
      undefined,
      "Cannot use depthMaz of desk: there is no such option. Did you mean depthMax?",
    ],
    [{ CALLER: undefined }, undefined, "Cannot use CALLER of desk: there is no such option"],
    [
      { callr: 1 },
      "bounds",
      "Cannot use bounds.callr of desk: there is no such option. Did you mean caller?",
    ],
    [{ toString: 1 }, undefined, "Cannot use toString of desk: there is no such option"],
    [{ "a\nb": 1 }, undefined, "Cannot use a\\nb of desk: there is no such option"],
  ];
  for (const [given, group, message] of cases) {
    assert.throws(() => requireKnownOptions("desk", given, names, group), { name: "TypeError", message });
  }
});

Deno.test("the name of an option that does not exist is shortened", () => {
  const given = { ["x".repeat(1_000_000)]: 1 };
  const message = `Cannot use ${"x".repeat(80)} of desk: there is no such option`;
  assert.throws(() => requireKnownOptions("desk", given, names), { name: "TypeError", message });
});

Deno.test("options that are no object are refused, and are not printed", () => {
  assert.throws(() => requireKnownOptions("desk", undefined, names), TypeError);
  for (const given of [null, 5, "secret", true, () => {}]) {
    const refuse = (group?: string) => () => requireKnownOptions("desk", given as never, names, group);
    assert.throws(refuse(), {
      name: "TypeError",
      message: "Cannot use the options of desk: they must be an object",
    });
    assert.throws(refuse("sasl"), {
      name: "TypeError",
      message: "Cannot use sasl of desk: it must be an object",
    });
  }
});

Deno.test("a list of names that is not exactly that of the options does not compile", () => {
  // @ts-expect-error: depthMax is missing
  const lacking: OptionNames<Settings> = { caller: true };
  // @ts-expect-error: there is no depth
  const superfluous: OptionNames<Settings> = { caller: true, depthMax: true, depth: true };
  assert.notDeepEqual(lacking, superfluous);
});
