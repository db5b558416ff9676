import type { Activation } from "../runtime/activations/activation.ts";
import { type Address, type Ref, requireKey } from "../runtime/language/address.ts";
import type { AskOptions, SubmitOptions, TellOptions } from "../runtime/language/address.ts";
import type { DelayOptions } from "../runtime/language/when.ts";
import type { NamedProtocol, Operation } from "../runtime/language/protocol.ts";
import { nameOfProtocol } from "../runtime/language/protocol_name.ts";
import type { Target } from "../runtime/target.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Ticket } from "../runtime/language/ticket.ts";
import type { Handle } from "../runtime/turns/turn_services.ts";
import { ask } from "./ask.ts";
import { submit } from "./submit.ts";
import { tell } from "./tell.ts";

/**
 * A handle to one actor from outside a turn, with the three modes that send to one actor. The arguments behind the
 * operation are the payload and the options, or the options alone if it has no payload.
 */
export class ActorRef implements Target, Handle {
  readonly services: Runtime;
  readonly protocol: string;
  readonly key: string;
  target: Activation | undefined = undefined;

  constructor(runtime: Runtime, protocol: NamedProtocol<string>, key: string) {
    const name = nameOfProtocol(protocol);
    requireKey(name, key);
    this.services = runtime;
    this.protocol = name;
    this.key = key;
  }

  cacheTarget(found: Activation): void {
    this.target = found;
  }

  tell(operation: Operation, first?: unknown, second?: TellOptions): Promise<void> {
    return tell(this.services, this, operation, first, second);
  }

  ask(operation: Operation, first?: unknown, second?: AskOptions): Promise<unknown> {
    return ask(this.services, this, operation, first, second);
  }

  submit(
    operation: Operation,
    first?: unknown,
    second?: SubmitOptions<unknown> & DelayOptions,
  ): Promise<Ticket<unknown>> {
    return submit(this.services, this, operation, first, second);
  }

  at(operation: Operation): Address {
    return { protocol: this.protocol, key: this.key, operation: operation.name };
  }

  /** The handle as its protocol types it. */
  typed<Name extends string>(): Ref<Name> {
    return this as unknown as Ref<Name>;
  }
}
