import { PosthornError } from "../runtime/base/errors.ts";
import type { Runtime } from "../runtime/runtime.ts";

/** Erases the messages for actors that nobody hosts. In memory there are none: what nobody hosts is refused when it is sent. */
export async function eraseMail(
  runtime: Runtime,
  { protocol, key }: { readonly protocol: string; readonly key?: string },
): Promise<number> {
  if (runtime.persistence !== undefined) return await runtime.persistence.eraseMail({ protocol, key });
  if (!runtime.delivery.hosts.has(protocol)) return 0;
  const why = "this system hosts its actors";
  throw new PosthornError("protocol-hosted", `Cannot erase the mail of ${protocol}: ${why}`);
}
