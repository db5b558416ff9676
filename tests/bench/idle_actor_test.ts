import assert from "node:assert/strict";

Deno.test("an idle actor takes at most 200 bytes of heap, its key and its place in the index included", async () => {
  // At a power of two the index is as full as at a million; between two of them it has room to spare.
  const args = ["run", "-A", "--v8-flags=--expose-gc", "bench/once.ts", "posthorn", "create", "130000"];
  const command = new Deno.Command(Deno.execPath(), { args, cwd: new URL("../../", import.meta.url) });
  const { stdout, stderr, success } = await command.output();
  assert(success, new TextDecoder().decode(stderr));
  const { bytesPerActor } = JSON.parse(new TextDecoder().decode(stdout)).also;
  assert(bytesPerActor > 100 && bytesPerActor <= 200, `${bytesPerActor} bytes`);
});
