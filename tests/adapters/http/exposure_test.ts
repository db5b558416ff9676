import assert from "node:assert/strict";
import { ask, event, protocol, survey, tell, unchecked } from "@posthorn/posthorn";
import { Exposure } from "../../../adapters/http/exposure.ts";
import * as z from "zod";

const Shop = protocol("shop", {
  open: tell(),
  price: ask(z.string(), z.number()),
  sold: event(z.number()),
  wanted: event(z.number()),
});

const Loose = protocol("loose", {
  note: tell(unchecked<string>()),
  read: ask(unchecked<number>()),
  said: event(unchecked<string>()),
  poll: survey(unchecked<string>(), z.number()),
});

const spoken = ["tell", "ask", "submit"] as const;

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return "none";
}

Deno.test("Exposure finds an operation that is exposed", () => {
  assert.equal(new Exposure([Shop.open], []).operation("shop", "open", spoken), Shop.open);
});

Deno.test("Exposure finds every operation of a protocol that is exposed whole", () => {
  const exposure = new Exposure([Shop], []);
  assert.equal(exposure.operation("shop", "price", spoken), Shop.price);
  assert.equal(exposure.operation("shop", "sold", ["event"]), Shop.sold);
});

Deno.test("Exposure finds no operation that is not listed", () => {
  const exposure = new Exposure([Shop.open], []);
  assert.equal(refusal(() => exposure.operation("shop", "price", spoken)), "unknown-operation");
  assert.equal(refusal(() => exposure.operation("loose", "note", spoken)), "unknown-protocol");
});

Deno.test("Exposure finds no operation by the name of an inherited property", () => {
  const exposure = new Exposure([Shop], []);
  for (const name of ["constructor", "__proto__", "toString", "~protocol"]) {
    assert.equal(refusal(() => exposure.operation("shop", name, spoken)), "unknown-operation");
    assert.equal(refusal(() => exposure.operation(name, "open", spoken)), "unknown-protocol");
  }
});

Deno.test("Exposure knows no operation in another mode than its own", () => {
  const exposure = new Exposure([Shop], []);
  assert.equal(refusal(() => exposure.operation("shop", "sold", spoken)), "unknown-operation");
  assert.equal(refusal(() => exposure.operation("shop", "open", ["event"])), "unknown-operation");
});

Deno.test("Exposure lets an exposed event be subscribed to and an accepted one be published", () => {
  const exposure = new Exposure([Shop.sold], [Shop.wanted]);
  assert.deepEqual([exposure.maySubscribe(Shop.sold), exposure.mayPublish(Shop.sold)], [true, false]);
  assert.deepEqual([exposure.maySubscribe(Shop.wanted), exposure.mayPublish(Shop.wanted)], [false, true]);
  assert.deepEqual(exposure.events("shop"), [Shop.sold]);
});

Deno.test("Exposure names the methods of an operation", () => {
  const exposure = new Exposure([Shop], [Shop.wanted]);
  assert.equal(exposure.methods(Shop.price), "POST");
  assert.equal(exposure.methods(Shop.sold), "GET, HEAD");
  assert.equal(exposure.methods(Shop.wanted), "GET, HEAD, POST");
  assert.equal(new Exposure([], [Shop.wanted]).methods(Shop.wanted), "POST");
});

for (const operation of [Loose.note, Loose.poll]) {
  Deno.test(`Exposure refuses the ${operation.mode} whose payload is unchecked`, () => {
    const named = new RegExp(`^Cannot expose loose\\.${operation.name}: its payload is unchecked`);
    assert.throws(() => new Exposure([operation], []), { name: "TypeError", message: named });
    assert.throws(() => new Exposure([Loose], []), TypeError);
  });
}

Deno.test("Exposure refuses to accept an event whose payload is unchecked", () => {
  assert.throws(() => new Exposure([], [Loose.said]), TypeError);
});

Deno.test("Exposure accepts unchecked replies, and unchecked events to subscribe to", () => {
  const exposure = new Exposure([Loose.read, Loose.said], []);
  assert.equal(exposure.maySubscribe(Loose.said), true);
  assert.equal(exposure.operation("loose", "read", spoken), Loose.read);
});

Deno.test("Exposure refuses two protocols of one name", () => {
  const One = protocol("twin", { same: tell() });
  const Two = protocol("twin", { same: tell() });
  assert.throws(
    () => new Exposure([One, Two], []),
    /^TypeError: Cannot expose twin: two protocols have that name$/,
  );
});

Deno.test("Exposure refuses an event whose name the streams use themselves", () => {
  const Door = protocol("door", {
    gap: event(),
    open: event(),
    error: event(),
    message: event(),
    closed: event(),
  });
  for (const name of ["gap", "open", "error"] as const) {
    assert.throws(() => new Exposure([Door[name]], []), {
      name: "TypeError",
      message: new RegExp(`door\\.${name}`),
    });
    assert.ok(new Exposure([], [Door[name]]).mayPublish(Door[name]));
  }
  assert.throws(() => new Exposure([Door], []), TypeError);
  assert.ok(new Exposure([Door.message, Door.closed], []).maySubscribe(Door.message));
});
