import { guarded } from "../../../runtime/base/guarded.ts";
import type { Channel, ReturnChannel } from "../../../runtime/ports/transport.ts";

/** The longest address. */
const addressUnitsMax = 4_000;
const namePattern = /^[a-z][A-Za-z0-9]*$/;

/** The path of a channel behind the url of its service, which is also its name: without a slash in front. */
export function channelPath(channel: Channel, instance: string): string {
  if (channel.kind === "inbox") return inboxPath(channel.protocol);
  if (channel.kind === "event") return eventPath(channel.protocol, channel.event);
  return channel.kind === "replies" ? "replies" : processPath(instance);
}

/** The path of the inbox of a protocol. */
export function inboxPath(protocol: string): string {
  return `inbox/${protocol}`;
}

/** The path of an event. */
export function eventPath(protocol: string, event: string): string {
  return `event/${protocol}.${event}`;
}

/** The path of the replies to a process. */
export function processPath(instance: string): string {
  return `process/${encodeURIComponent(instance)}`;
}

/** Where replies go, as the service that asks writes it: a path behind its url, and the key of the actor that waits. */
export function returnPath(channel: ReturnChannel, instance: string): string {
  if (channel.kind === "inbox") return `${inboxPath(channel.protocol)}/${encodeURIComponent(channel.key)}`;
  return channel.kind === "replies" ? "replies" : processPath(instance);
}

/** Where a reply goes. */
export interface ReturnAddress {
  readonly service: string;
  /** The path of the channel. */
  readonly path: string;
  /** The key of the actor in an inbox; empty in other channels. */
  readonly key: string;
  /** The response that waits for it, if there is one. */
  readonly response?: string;
}

/** The address of a delivery, as the runtime keeps it; `undefined` if that service cannot have such a channel. */
export function addressOf(service: string, path: string, response: string | undefined): string | undefined {
  const address = response === undefined ? `${service}/${path}` : `${service}/${path}/${response}`;
  return readAddress(address) === undefined ? undefined : address;
}

/** Reads an address; `undefined` if it is none. */
export function readAddress(address: string): ReturnAddress | undefined {
  if (address.length > addressUnitsMax) return undefined;
  const [service, kind, name = "", last, ...more] = address.split("/");
  if (more.length > 0) return undefined;
  if (kind === "replies") {
    return address === `${service}/replies` ? { service, path: kind, key: "" } : undefined;
  }
  if (kind === "process" && /^[\w.~%!'()*-]{1,300}$/.test(name)) {
    const one = { service, path: `process/${name}`, key: "" };
    return last === undefined ? one : { ...one, response: last };
  }
  if (kind !== "inbox" || !namePattern.test(name) || last === undefined) return undefined;
  const key = guarded<string | undefined>(() => decodeURIComponent(last), undefined);
  return key === undefined ? undefined : { service, path: inboxPath(name), key };
}

/** Whether replies to that address come with the response to the request. */
export function comesWithResponse(path: string): boolean {
  return path.startsWith("process/");
}
