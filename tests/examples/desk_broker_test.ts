// The desk as three services over real brokers, with kills: the totals are those of one process.

import assert from "node:assert/strict";
import { brokerTest } from "../brokers/given.ts";

for (const name of ["rabbitmq", "kafka", "nats"] as const) {
  brokerTest(name, "the demo of the desk proves its totals as three services", async ({ url }) => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--quiet",
        new URL("../../examples/desk/demo.ts", import.meta.url).href,
        `--broker=${url}`,
      ],
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).output();
    const [said, failed] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    assert.equal(code, 0, said + failed);
    assert.match(said, /one for each of 3 services over a broker/);
    assert.match(said, /Nothing was lost, nothing came twice, all in order\./);
  });
}
