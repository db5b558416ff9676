import assert from "node:assert/strict";
import { choose, commandOf, isWhole, parseOptions } from "../../bench/options.ts";

const today = "2026-01-31";

Deno.test("parseOptions() without arguments runs everything that needs no toolchain, in three processes", () => {
  const options = parseOptions([], today);
  assert.deepEqual(options, {
    all: false,
    runs: 3,
    only: undefined,
    contenders: undefined,
    size: "full",
    out: undefined,
    keep: false,
    date: today,
    save: undefined,
    from: undefined,
    help: false,
  });
  assert.ok(isWhole(options));
});

Deno.test("parseOptions() reads lists, numbers and words", () => {
  const args = "--all --runs 2 --only count,askOne --contenders posthorn,bare --size smoke --date 2026-02-01";
  const options = parseOptions(args.split(" "), today);
  assert.equal(options.runs, 2);
  assert.deepEqual(options.only, ["count", "askOne"]);
  assert.deepEqual(options.contenders, ["posthorn", "bare"]);
  assert.equal(options.date, "2026-02-01");
  assert.ok(!isWhole(options));
});

Deno.test("parseOptions() refuses what it does not understand", () => {
  for (
    const args of [["--runs", "0"], ["--runs", "many"], ["--size", "huge"], ["--date", "today"], ["--fast"], [
      "count",
    ]]
  ) {
    assert.throws(() => parseOptions(args, today), TypeError, args.join(" "));
  }
});

Deno.test("commandOf() names what was measured, and no folder of this machine", () => {
  assert.equal(commandOf(parseOptions([], today)), "deno task bench");
  const args = ["--all", "--runs", "7", "--only", "count", "--out", "/somewhere", "--save", "/else"];
  assert.equal(commandOf(parseOptions(args, today)), "deno task bench --all --runs 7 --only count");
});

Deno.test("choose() keeps the order of the items, and says what there is when a name is unknown", () => {
  const items = [{ id: "a" }, { id: "b" }, { id: "c" }];
  assert.deepEqual(choose(items, ["c", "a"]), [{ id: "a" }, { id: "c" }]);
  assert.equal(choose(items, undefined), items);
  assert.throws(() => choose(items, ["a", "d"]), { message: "There is no d: there are a, b, c" });
});
