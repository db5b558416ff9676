// What is still computed when a connection has closed: nothing, wherever its requests are.

import assert from "node:assert/strict";
import { orders, Stage, Taker } from "./stage.ts";

/** Counts the hashes and signatures that are computed now, until it is disposed of. */
class Computed implements Disposable {
  now = 0;
  most = 0;
  readonly #restore: (() => void)[] = [];

  constructor() {
    for (const name of ["digest", "sign", "verify", "importKey"] as const) {
      const own = crypto.subtle[name] as (...given: unknown[]) => Promise<unknown>;
      const counted = async (...given: unknown[]) => {
        this.most = Math.max(this.most, ++this.now);
        try {
          return await own.apply(crypto.subtle, given);
        } finally {
          this.now--;
        }
      };
      Object.defineProperty(crypto.subtle, name, { value: counted, configurable: true });
      this.#restore.push(() => void Reflect.deleteProperty(crypto.subtle, name));
    }
  }

  [Symbol.dispose](): void {
    for (const restore of this.#restore) restore();
  }
}

Deno.test("a connection that has closed computes no hash any more, of what it sends or of what it gets", async () => {
  using computed = new Computed();
  for (let turns = 0; turns < 12; turns++) {
    const stage = new Stage();
    const shop = await stage.open("shop", stage.transport(["books"]));
    shop.receive(orders, new Taker());
    const books = await stage.open("books", stage.transport(["shop"]));
    const sending = books.send([stage.parcel()]).catch(() => {});
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
    await Promise.all([books.close(), shop.close()]);
    assert.equal(computed.now, 0, `closed after ${turns} turns of the event loop`);
    await sending;
    await stage[Symbol.asyncDispose]();
  }
  assert(computed.most > 0);
});
