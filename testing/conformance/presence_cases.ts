import type { StoreConnection } from "../../runtime/ports/store.ts";
import { type Bench, expectEqual } from "./expectations.ts";

/** How often, and for how long, a presence is asked that need not be sure at once, in milliseconds. */
const askEachMs = 100;
const surelyMs = 2_000;

/** The cases about presence, for stores whose connections have one. */
export const presenceCases: Readonly<Record<string, (bench: Bench) => Promise<void>>> = {
  async "an instance that is held is not gone until its connection is closed"(bench) {
    const { connection, connect } = bench;
    const { presence } = connection;
    const other = await connect();
    expectEqual(other.presence === undefined, presence === undefined, "whether another connection has none");
    if (presence === undefined || !await presence.hold("one")) return;
    const gone = async () => [...await other.presence!.gone(["one", "nobody"])];
    expectEqual([...await presence.gone(["one"])], [], "who is gone, as its own connection says");
    expectEqual(await gone(), [], "who is gone while it is held");
    await bench.advance(askEachMs);
    expectEqual(await gone(), [], "who is gone while it is still held");
    await connection.close();
    expectEqual(
      await becomesGone(bench, other, "one"),
      true,
      "whether it is gone when its connection is closed",
    );
    expectEqual(await gone(), ["one"], "who is gone when it is asked again");
    await other.presence!.release("one");
    expectEqual(await gone(), [], "who is gone when nothing is left that could tell");
  },

  async "retain deletes the registrations of instances that are gone, except for those that are named"(
    bench,
  ) {
    const { connection, connect } = bench;
    const other = await connect();
    const { presence } = other;
    if (presence === undefined) return;
    for (const name of ["one", "two"]) if (!await connection.presence!.hold(name)) return;
    if (!await presence.hold("three")) return;
    await connection.close();
    expectEqual(await becomesGone(bench, other, "one"), true, "whether one is gone that nothing holds");
    await presence.retain(new Set(["two"]));
    expectEqual([...await presence.gone(["one"])], [], "who is gone of those that were cleared away");
    expectEqual(await becomesGone(bench, other, "two"), true, "whether one is gone that was named");
    await other.close();
    const third = await connect();
    expectEqual(
      await becomesGone(bench, third, "three"),
      true,
      "whether one is gone that was held meanwhile",
    );
    await third.presence!.retain(new Set());
  },
};

/** Asks until an instance is found gone, or has not been for long. */
async function becomesGone(
  { advance }: Bench,
  { presence }: StoreConnection,
  name: string,
): Promise<boolean> {
  for (let waitedMs = 0; waitedMs <= surelyMs; waitedMs += askEachMs) {
    if ((await presence!.gone([name])).has(name)) return true;
    await advance(askEachMs);
  }
  return false;
}
