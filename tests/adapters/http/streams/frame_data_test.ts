import assert from "node:assert/strict";
import type { Store } from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import { FrameData } from "../../../../adapters/http/streams/frame_data.ts";
import { Desk, Order, PieceReader } from "../desk.ts";

/** Counts the encodings of texts that contain `marker`, until it is disposed of. */
class Encodings implements Disposable {
  count = 0;
  readonly #encode = TextEncoder.prototype.encode;

  constructor(marker: string) {
    const encode = this.#encode;
    const note = (text?: string) => {
      if (text?.includes(marker)) this.count++;
    };
    TextEncoder.prototype.encode = function (text) {
      note(text);
      return encode.call(this, text);
    };
  }

  [Symbol.dispose](): void {
    TextEncoder.prototype.encode = this.#encode;
  }
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

Deno.test("FrameData makes one frame for all readers with the same lines before it", () => {
  const data = new FrameData('"a"');
  const frame = data.frame("id: 1\n");
  assert.equal(text(frame), 'id: 1\ndata: "a"\n\n');
  assert.equal(data.frame("id: 1\n"), frame);
});

Deno.test("FrameData encodes its payload once, whatever lines are before it", () => {
  using encodings = new Encodings("payload");
  const data = new FrameData('"payload"');
  const heads = ["id: 1\n", "event: e\nid: 1\n", "id: 1\n", "event: ü\nid: 2\n"];
  for (const head of heads) assert.equal(text(data.frame(head)), `${head}data: "payload"\n\n`);
  assert.equal(encodings.count, 1);
});

for (const [place, store] of [["memory", () => undefined], ["a store", () => memoryStore()]] as const) {
  Deno.test(`an event of ${place} is encoded once for 300 readers, of which some hear its name`, async () => {
    const kept: Store | undefined = store();
    await using desk = new Desk(kept === undefined ? {} : { system: { store: kept } });
    await desk.system.ready();
    const readers = await Promise.all(Array.from({ length: 300 }, async (_, index) => {
      const path = index % 3 === 0 ? "/events/order?event=settled,paused" : "/events/order/settled";
      const reader = new PieceReader(await desk.get(path));
      await reader.next();
      return reader;
    }));
    using encodings = new Encodings('data: {"country":"de"');
    await desk.system.publish(Order.settled, { country: "de", cents: 1 });
    await desk.clock.settle();
    for (const reader of readers) assert.match((await reader.next())!, /^data: {"country":"de"/m);
    assert.equal(encodings.count, 1);
    for (const reader of readers) await reader.leave();
  });
}
