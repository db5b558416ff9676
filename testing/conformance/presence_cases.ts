import { type Bench, expectEqual } from "./expectations.ts";

/** The cases about presence, for stores whose connections have one. */
export const presenceCases: Readonly<Record<string, (bench: Bench) => Promise<void>>> = {
  async "an instance that is held is not gone until its connection is closed"({ connection, connect }) {
    const { presence } = connection;
    const other = await connect();
    expectEqual(other.presence === undefined, presence === undefined, "whether another connection has none");
    if (presence === undefined || !await presence.hold("one")) return;
    const gone = (instance: string) => other.presence!.isGone(instance);
    expectEqual(await presence.isGone("one"), false, "whether it is gone, as its own connection says");
    expectEqual(await gone("one"), false, "whether it is gone while it is held");
    expectEqual(await gone("nobody"), false, "whether one is gone that was never held");
    await connection.close();
    expectEqual(await gone("one"), true, "whether it is gone when its connection is closed");
    expectEqual(await gone("one"), true, "whether it still is when it is asked again");
    await other.presence!.release("one");
    expectEqual(await gone("one"), false, "whether it is gone when nothing is left that could tell");
  },

  async "retain deletes the registrations of instances that are gone, except for those that are named"(
    { connection, connect },
  ) {
    const other = await connect();
    const { presence } = other;
    if (presence === undefined) return;
    for (const name of ["one", "two"]) if (!await connection.presence!.hold(name)) return;
    if (!await presence.hold("three")) return;
    await connection.close();
    await presence.retain(new Set(["two"]));
    expectEqual(await presence.isGone("one"), false, "whether one is gone that was cleared away");
    expectEqual(await presence.isGone("two"), true, "whether one is gone that was named");
    await other.close();
    const third = await connect();
    expectEqual(await third.presence!.isGone("three"), true, "whether one is gone that was held meanwhile");
    await third.presence!.retain(new Set());
  },
};
