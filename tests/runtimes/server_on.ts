import { ServerProcess } from "../runtime/durable/crash_fleet.ts";
import type { Given } from "./given.ts";

/** A process of `crash_server.ts` on a runtime and a SQLite file. */
export function serverOn({ runtime, folder }: Given, path: string): ServerProcess {
  return new ServerProcess(runtime.command, [...runtime.args, `${folder}/crash_server.js`, "sqlite", path]);
}
