import type { SendOptions } from "@posthorn/posthorn";
import type { IngressSendOptions } from "../runtime/language/ingress_options.ts";

/** Options of a send as an ingress gives them, which the types of a program do not have. */
export function asIngress<Options extends IngressSendOptions>(options: Options): Options & SendOptions {
  return options;
}
