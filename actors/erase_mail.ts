import { PosthornError } from "../runtime/base/errors.ts";
import { requireKey } from "../runtime/language/address.ts";
import { namePattern } from "../runtime/language/protocol.ts";
import type { Runtime } from "../runtime/runtime.ts";

/** Erases the messages for actors that nobody hosts. In memory there are none: they are refused when they are sent. */
export async function eraseMail(
  runtime: Runtime,
  { protocol, key }: { readonly protocol: string; readonly key?: string },
): Promise<number> {
  if (!namePattern.test(protocol)) {
    const name = JSON.stringify(protocol);
    throw new RangeError(
      `Cannot erase the mail of ${name}: the name of a protocol must match ${namePattern}`,
    );
  }
  if (key !== undefined) requireKey(protocol, key);
  if (runtime.persistence !== undefined) {
    return await runtime.persistence.whenOpen(({ mailEraser }) => mailEraser.erase({ protocol, key }));
  }
  if (!runtime.delivery.hosts.has(protocol)) return 0;
  const why = "this system hosts its actors";
  throw new PosthornError("protocol-hosted", `Cannot erase the mail of ${protocol}: ${why}`);
}
