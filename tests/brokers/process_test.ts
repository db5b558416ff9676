import assert from "node:assert/strict";
import { freePorts } from "./ports.ts";
import { remember, runningOf } from "./process.ts";

Deno.test("a process is known again by its number and its start", async () => {
  const file = await Deno.makeTempFile();
  try {
    remember(file, Deno.pid);
    assert.equal(runningOf(file), Deno.pid);
    await Deno.writeTextFile(file, `${Deno.pid} 1\n`); // another one had this number
    assert.equal(runningOf(file), undefined);
    const ended = new Deno.Command(Deno.execPath(), { args: ["--version"], stdout: "null" }).spawn();
    remember(file, ended.pid);
    await ended.status;
    assert.equal(runningOf(file), undefined);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("free ports are different, and none that the system gives to clients", () => {
  const ports = freePorts(50);
  assert.equal(new Set(ports).size, 50);
  for (const port of ports) assert.ok(port >= 20_000 && port < 32_000);
});
