import { type Actor, type Store, System, systemClock, type SystemOptions } from "@posthorn/posthorn";
import type { Transport } from "@posthorn/posthorn/transport";
import { audit } from "./audit.ts";
import { chat, Room } from "./chat.ts";
import { labels } from "./labels.ts";
import { followDeliveries, introduceReviewers } from "./open_system.ts";
import { Audit, Labels, Repository, Reviewer } from "./protocols.ts";
import { repository } from "./repository.ts";
import { reviewer } from "./reviewer.ts";

interface Service {
  /** The actors that it hosts. */
  readonly actors: readonly Actor[];
  /** What it lets other services send to it, ask and hear. */
  readonly expose: Transport["expose"];
  /** What other services host. */
  readonly remote: SystemOptions["remote"];
  /** What it does once it runs. */
  readonly begin?: (system: System) => void | Promise<void>;
}

/** The desk as three services: the actors are those of the desk in one process. */
export const services = {
  /** Serves HTTP, and hosts nothing. */
  intake: {
    actors: [],
    expose: [],
    remote: [Repository, Audit.numbers, Labels.totals, Reviewer.review],
  },
  repositories: {
    actors: [repository, reviewer(systemClock())],
    expose: [Repository, Reviewer.review],
    remote: [],
    begin: introduceReviewers,
  },
  audit: {
    actors: [audit, labels, chat(new Room())],
    expose: [Audit.numbers, Labels.totals],
    remote: [Repository.recorded],
    begin: followDeliveries,
  },
} satisfies Record<string, Service>;

export type ServiceName = keyof typeof services;

/** Whether a service of the desk has that name. */
export function isServiceName(name: string): name is ServiceName {
  return Object.hasOwn(services, name);
}

export interface ServiceParts {
  readonly store: Store;
  /** The transport that exposes these operations. */
  readonly transport: (expose: Transport["expose"]) => Transport;
}

/** Starts one service of the desk. */
export async function openService(name: ServiceName, { store, transport }: ServiceParts): Promise<System> {
  const { actors, expose, remote, begin }: Service = services[name];
  const system = new System({ name, actors, store, transport: transport(expose), remote });
  await system.ready();
  await begin?.(system);
  return system;
}
