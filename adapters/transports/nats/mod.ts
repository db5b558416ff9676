/**
 * The transport over NATS JetStream.
 *
 * @module
 */

export { nats } from "./nats.ts";
export type { NatsOptions, NatsTls } from "./options.ts";
