import { PosthornError } from "../../../runtime/base/errors.ts";
import { guarded } from "../../../runtime/base/guarded.ts";
import type {
  Channel,
  Destination,
  ReturnChannel,
  TransportServices,
} from "../../../runtime/ports/transport.ts";
import type { SimulatedQueue } from "./queue.ts";

type Who = Pick<TransportServices, "service" | "instance">;

/** Where a message goes, and what its delivery says. */
export interface Route {
  readonly name: string;
  /** Absent if nobody has declared it. */
  readonly queues: readonly SimulatedQueue[] | undefined;
  /** What keeps messages in order. */
  readonly shardKey: string;
  readonly key: string;
  readonly operation: string | undefined;
}

/** The queues of a broker, and which of them a destination names. */
export class Routes {
  readonly #queues = new Map<string, SimulatedQueue>();
  /** The queues of each event: one for each service. */
  readonly #events = new Map<string, SimulatedQueue[]>();
  /** The service that reads each inbox. */
  readonly #inboxes = new Map<string, string>();

  get queues(): Iterable<SimulatedQueue> {
    return this.#queues.values();
  }

  /** The queue of a channel, which is made if it is not there. Throws if another service has the inbox. */
  declare(channel: Channel, who: Who, make: (name: string) => SimulatedQueue): SimulatedQueue {
    if (channel.kind === "inbox") this.#claim(channel.protocol, who.service);
    const name = queueOf(channel, who);
    const known = this.#queues.get(name);
    if (known !== undefined) return known;
    const queue = make(name);
    this.#queues.set(name, queue);
    if (channel.kind === "event") {
      const event = eventName(channel);
      this.#events.set(event, [...this.#events.get(event) ?? [], queue]);
    }
    return queue;
  }

  /** The queue of a process is gone with it. */
  forget(who: Who): void {
    this.#queues.delete(queueOf({ kind: "process" }, who));
  }

  of(to: Destination): Route {
    if (to.kind === "event") {
      const name = eventName(to);
      const { service } = to;
      const queues = this.#events.get(name) ?? [];
      const only = service === undefined ? undefined : queueOf(to, { service, instance: "" });
      return {
        name,
        queues: only === undefined ? queues : queues.filter((queue) => queue.name === only),
        shardKey: to.key,
        key: to.subject,
        operation: to.event,
      };
    }
    if (to.kind === "inbox") return this.#inbox(to.protocol, to.key, to.operation?.name);
    const [kind, reader, key = ""] = to.address.split("/");
    if (kind === "inbox") return this.#inbox(reader, guarded(() => decodeURIComponent(key), key), undefined);
    const known = kind === "replies" || kind === "process";
    const queue = known ? this.#queues.get(`${kind} ${reader}`) : undefined;
    const gone = kind === "process" ? [] : undefined; // nobody waits for it any more
    return { name: to.address, queues: queue ? [queue] : gone, shardKey: "", key: "", operation: undefined };
  }

  #claim(protocol: string, service: string): void {
    const owner = this.#inboxes.get(protocol) ?? service;
    this.#inboxes.set(protocol, owner);
    if (owner === service) return;
    const why = `the service ${owner} reads it`;
    throw new PosthornError("another-service", `Cannot read the inbox of ${protocol}: ${why}`);
  }

  #inbox(protocol: string, key: string, operation: string | undefined): Route {
    const queue = this.#queues.get(`inbox ${protocol}`);
    return { name: `inbox ${protocol}`, queues: queue && [queue], shardKey: key, key, operation };
  }
}

/** The address of a channel that a service reads: what a reply is sent to. */
export function addressOf(channel: ReturnChannel, { service, instance }: Who): string {
  if (channel.kind === "replies") return `replies/${service}`;
  if (channel.kind === "process") return `process/${encodeURIComponent(instance)}`;
  return `inbox/${channel.protocol}/${encodeURIComponent(channel.key)}`;
}

function queueOf(channel: Channel, { service, instance }: Who): string {
  if (channel.kind === "inbox") return `inbox ${channel.protocol}`;
  if (channel.kind === "event") return `event ${eventName(channel)} ${service}`;
  return channel.kind === "replies" ? `replies ${service}` : `process ${encodeURIComponent(instance)}`;
}

function eventName({ protocol, event }: { readonly protocol: string; readonly event: string }): string {
  return `${protocol}.${event}`;
}
