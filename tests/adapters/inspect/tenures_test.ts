// The command shows which instance reads which shard of a broker.

import assert from "node:assert/strict";
import { actor, protocol, System, tell } from "@posthorn/posthorn";
import { inspect } from "@posthorn/posthorn/inspect";
import { memoryBroker, memoryTransport } from "@posthorn/posthorn/memory";
import { sqlite } from "@posthorn/posthorn/sqlite";

const Order = protocol("order", { add: tell() });
const order = actor(Order, { state: () => 0, on: { add: (ctx) => void ctx.state++ } });

async function run(...args: readonly string[]): Promise<string> {
  let out = "";
  const code = await inspect(args, {
    stdout: { write: (text) => out += text },
    stderr: { write: (text) => out += text },
  });
  assert.equal(code, 0, out);
  return out;
}

Deno.test("inspect lists the shards of the broker, in pages and as JSON", async () => {
  const folder = await Deno.makeTempDir({ prefix: "posthorn-inspect-" });
  const path = `${folder}/posthorn.db`;
  try {
    const broker = memoryBroker({ reads: "log", shards: 2 });
    const transport = memoryTransport({ broker, expose: [Order.add] });
    await using shop = new System({ name: "shop", actors: [order], store: sqlite(path), transport });
    await using books = new System({
      name: "books",
      actors: [],
      transport: memoryTransport({ broker }),
      remote: [Order.add],
    });
    await shop.ready();
    assert.equal(await run(path, "tenures"), "There is no shard that messages were accepted of.\n");
    await Promise.all(["ada", "bob", "eve", "gus"].map((key) => books.ref(Order, key).tell(Order.add)));
    while (shop.stats().done < 4) await new Promise((resolve) => setTimeout(resolve, 5));

    const { items: [{ instance }] } = await shop.observe.instances();
    const { items } = await shop.observe.tenures();
    assert.equal(items.length, 2);
    const lines = items.map(({ shard, position }) =>
      `inbox:order +${shard} +${instance} +\\d+ s +${position}\\n`
    );
    const head = "^CHANNEL +SHARD +READ BY +ACCEPTED +POSITION\\n";
    assert.match(await run(path, "tenures"), new RegExp(`${head}${lines.join("")}$`));
    const page = await run(path, "tenures", "--limit", "1");
    const [, after] = /There may be more: --after (.*)\n$/.exec(page)!;
    assert.match(await run(path, "tenures", "--after", after), new RegExp(`${head}${lines[1]}$`));
    assert.deepEqual(JSON.parse(await run(path, "tenures", "--json")), { items });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
