// A payload may be any value, including a Proxy that throws on every access.

import assert from "node:assert/strict";
import { actor, ask, event, protocol, submit, tell, unchecked } from "@posthorn/posthorn";
import { inEach } from "../durable/worlds.ts";
import { broken } from "../odd_things.ts";

const odd: Readonly<Record<string, () => unknown>> = {
  "a revoked Proxy"() {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
  "a Proxy without a prototype": () => new Proxy({}, { getPrototypeOf: broken, ownKeys: broken }),
  "an object with a getter that throws": () =>
    Object.defineProperty({}, "n", { get: broken, enumerable: true }),
};

const Clerk = protocol("clerk", {
  note: tell(unchecked<unknown>()),
  look: ask(unchecked<unknown>(), unchecked<number>()),
  work: submit(unchecked<unknown>(), unchecked<number>()),
  told: event(unchecked<unknown>()),
  count: ask(unchecked<number>()),
});

function fails(): never {
  throw new Error("no");
}

const clerk = actor(Clerk, {
  state: () => 7,
  retry: { attempts: 1 },
  on: { note: fails, look: fails, work: fails, count: (ctx) => ctx.state },
});

for (const [name, make] of Object.entries(odd)) {
  inEach(`${name} is refused or its message's failure, and the next message is handled`, async (world) => {
    const system = await world.start([clerk]);
    const ada = system.ref(Clerk, "ada");
    system.subscribe(Clerk.told, ada.at(Clerk.note));
    await world.settle();
    const code = async (sent: Promise<unknown>) => {
      const told = sent.then(() => "sent", (error) => error.code);
      await world.settle();
      return await told;
    };
    const refused = "not-storable";
    assert.equal(await code(ada.tell(Clerk.note, make())), world.stored ? refused : "sent");
    assert.equal(
      await code(ada.tell(Clerk.note, make(), { id: "a" })),
      world.stored ? refused : "invalid-payload",
    );
    assert.equal(await code(ada.ask(Clerk.look, make())), "failed"); // an ask is not stored
    assert.equal(await code(ada.submit(Clerk.work, make())), world.stored ? refused : "sent");
    assert.equal(await code(system.publish(Clerk.told, make())), world.stored ? refused : "sent");
    const count = ada.ask(Clerk.count);
    await world.settle();
    assert.equal(await count, 7);
    const buried = world.stored ? ["look"] : ["note", "look", "work", "note"];
    const letters = system.deadLetters.list().filter(({ reason }) => reason === "failed");
    assert.deepEqual(letters.map(({ operation }) => operation), buried);
  });
}
