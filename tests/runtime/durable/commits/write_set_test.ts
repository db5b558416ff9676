import assert from "node:assert/strict";
import * as fc from "fast-check";
import { WriteSet } from "../../../../runtime/durable/commits/write_set.ts";

interface Step {
  readonly key: string;
  /** Written if there is a value, else removed. */
  readonly value: number | undefined;
  readonly oldBytes: number | undefined;
}

const step = fc.record<Step>({
  key: fc.constantFrom("a", "b", "c", "d"),
  value: fc.option(fc.nat(255), { nil: undefined }),
  oldBytes: fc.option(fc.nat(1_000_000), { nil: undefined }),
});

/** The changes of keys by each turn, and their result for the batch. */
function effectsOf(turns: readonly (readonly Step[])[]): WriteSet {
  const whole = new WriteSet();
  for (const [index, steps] of turns.entries()) {
    const turn = new WriteSet();
    turn.removeOnce(`mail ${index}`);
    for (const { key, value, oldBytes } of steps) {
      if (value === undefined) turn.remove(key, oldBytes);
      else turn.write(key, new Uint8Array([value]), { oldBytes });
    }
    turn.writeOnce("index", new Uint8Array());
    whole.add(turn);
  }
  return whole;
}

Deno.test("WriteSet keeps the last change of a key, within a turn and across the turns of a batch", () => {
  fc.assert(
    fc.property(fc.array(fc.array(step, { maxLength: 6 }), { maxLength: 5 }), (turns) => {
      const { writes, removals } = effectsOf(turns);
      const last = new Map(turns.flat().map(({ key, value }) => [key, value]));
      const said = new Map<string, number | undefined>();
      for (const { key, value } of writes) {
        if (key === "index") continue;
        assert(!said.has(key), `${key} is there twice`);
        said.set(key, value[0]);
      }
      for (const { key } of removals) {
        if (key.startsWith("mail")) continue;
        assert(!said.has(key), `${key} is there twice`);
        said.set(key, undefined);
      }
      assert.deepEqual(new Map([...said].sort()), new Map([...last].sort()));
    }),
    { seed: 7 },
  );
});

Deno.test("WriteSet keeps the stated size of a key with its last change, so no piece is orphaned", () => {
  fc.assert(
    fc.property(fc.array(fc.array(step, { maxLength: 6 }), { maxLength: 5 }), (turns) => {
      const { writes, removals } = effectsOf(turns);
      for (const { key, oldBytes } of [...writes, ...removals]) {
        const said = turns.flat().filter((step) => step.key === key).map((step) => step.oldBytes ?? -1);
        assert.equal(oldBytes ?? -1, Math.max(-1, ...said), key);
      }
    }),
    { seed: 7 },
  );
});

Deno.test("the removal of an unchanged row checks the version that was read", () => {
  const writeSet = new WriteSet();
  writeSet.removeIfUnchanged({ key: "a", version: "v1" }, 10);
  assert.deepEqual(writeSet.checks, [{ key: "a", version: "v1" }]);
  assert.deepEqual(writeSet.removals, [{ key: "a", oldBytes: 10 }]);
});
