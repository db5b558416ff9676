import assert from "node:assert/strict";
import fc from "fast-check";
import { Subscriber, Subscribers } from "../../../actors/builtin/subscribers.ts";
import { Topic } from "../../../runtime/messages/builtin_protocols.ts";

const address = fc.record({
  protocol: fc.constantFrom("a", "b"),
  key: fc.constantFrom("1", "2"),
  operation: fc.constantFrom("x", "y"),
});
const operation = Topic.leave;
const step = fc.oneof(
  fc.record({ kind: fc.constant("set" as const), to: address, token: fc.nat(3) }),
  fc.record({
    kind: fc.constant("delete" as const),
    to: address,
    token: fc.option(fc.nat(3), { nil: undefined }),
  }),
  fc.record({ kind: fc.constant("leave" as const), to: address, token: fc.constant(0) }),
);

Deno.test("Subscribers behave as a list of addresses does, whatever is added and removed", () =>
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const subscribers = new Subscribers();
      const model = new Map<string, number>();
      for (const { kind, to, token } of steps) {
        const actor = `${to.protocol}/${to.key}`;
        const name = `${actor} ${to.operation}`;
        if (kind === "set") {
          subscribers.set(new Subscriber(to, operation, token, undefined));
          model.set(name, token);
        } else if (kind === "delete") {
          subscribers.delete(to, token);
          if (token === undefined || model.get(name) === token) model.delete(name);
        } else {
          subscribers.leave(to);
          for (const other of [...model.keys()]) if (other.startsWith(`${actor} `)) model.delete(other);
        }
        const names: string[] = [];
        for (const { to } of subscribers.list()) names.push(`${to.protocol}/${to.key} ${to.operation}`);
        assert.deepEqual(names.toSorted(), [...model.keys()].toSorted());
        assert.equal(subscribers.size, model.size);
        assert.equal(subscribers.has(to), model.has(name));
      }
    }),
  ));
