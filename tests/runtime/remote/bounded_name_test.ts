import fc from "fast-check";
import { boundedName } from "../../../runtime/remote/message_mark.ts";

Deno.test("a name that strangers make up is kept as it is, or in hashes that tell it from others", () => {
  const long = fc.string({ minLength: 1_001, maxLength: 3_000 });
  fc.assert(fc.property(fc.string({ maxLength: 1_000 }), (name) => boundedName(name) === name));
  fc.assert(fc.property(long, (name) => boundedName(name).length < 100));
  fc.assert(fc.property(long, (name) => boundedName(name) === boundedName(name)));
  fc.assert(
    fc.property(long, long, (one, other) => one === other || boundedName(one) !== boundedName(other)),
  );
});
