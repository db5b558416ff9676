import assert from "node:assert/strict";

/** The heap bytes of each of `count` actors that have handled one message, including key and index entry. */
async function bytesOf(actors: number): Promise<number> {
  const once = ["bench/once.ts", "posthorn", "create", String(actors), "1"];
  const args = ["run", "-A", "--v8-flags=--expose-gc", ...once];
  const command = new Deno.Command(Deno.execPath(), { args, cwd: new URL("../../", import.meta.url) });
  const { stdout, stderr, success } = await command.output();
  assert(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout)).also.bytesPerActor;
}

Deno.test("an idle actor takes at most 190 bytes of heap if the index is full, and 215 if it has just doubled", async () => {
  // The index doubles at powers of two: just below one it is as full as at a million.
  const [full, doubled] = [await bytesOf(130_000), await bytesOf(132_000)];
  assert(full > 100 && full <= 190, `${full} bytes`);
  assert(doubled > full && doubled <= 215, `${doubled} bytes`);
});
