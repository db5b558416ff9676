import type { Activation } from "./activations/activation.ts";
import type { ActorId } from "./language/address.ts";

/** The receiver of messages. A handle that sends often caches the activation that delivery found. */
export interface Target extends ActorId {
  readonly target?: Activation | undefined;
  /** Caches the activation of the receiver. */
  cacheTarget?(found: Activation): void;
}
