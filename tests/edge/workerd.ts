// workerd, the platform of Cloudflare Workers, as a real process. npm brings it with miniflare.

import assert from "node:assert/strict";

const [major, minor] = Deno.version.deno.split(".").map(Number);
/** Whether this version of Deno bundles workers. Bundling is experimental, and older versions need not support it. */
const bundles = major > 2 || (major === 2 && minor >= 9);
const root = new URL("../../", import.meta.url);

/** A running worker, and its bundle. */
export interface Worker extends AsyncDisposable {
  readonly url: URL;
  readonly script: string;
  /** The process of workerd. */
  readonly pid: number | undefined;
}

/** Where and how a worker runs. */
export interface WorkerOptions {
  /** The folder that keeps the storage of its objects; absent for memory. */
  readonly folder?: string;
  /** Its script, if it has been bundled. */
  readonly script?: string;
}

/** Why no worker can run here; absent if it can. */
export const missing = bundles
  ? await libraryMissing()
  : `bundled by Deno 2.9 and later, this is ${Deno.version.deno}`;

/** Bundles a worker as its author would. */
export async function bundle(entry: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--platform", "browser", entry],
    cwd: root,
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

/** Starts a worker. Its objects have SQLite. */
export async function start(entry: string, { folder, script: bundled }: WorkerOptions = {}): Promise<Worker> {
  const script = bundled ?? await bundle(entry);
  const { Miniflare } = await import("miniflare"); // loaded only if it is used, because that takes a while
  const miniflare = new Miniflare({
    modules: true,
    script,
    durableObjects: { POST_OFFICE: { className: "PostOffice", useSQLite: true } },
    ...(folder !== undefined && { durableObjectsPersist: folder }),
    compatibilityDate: "2026-07-01",
    compatibilityFlags: ["enable_request_signal"],
    cf: false, // otherwise it queries Cloudflare for its location
    handleStructuredLogs({ message }: { readonly message: string }) {
      // how workerd reports a client that disconnects
      if (!message.includes("disconnected: ")) console.error(message);
    },
  });
  const url = await miniflare.ready;
  return { url, script, pid: listening(Number(url.port)), [Symbol.asyncDispose]: () => miniflare.dispose() };
}

/** Defines a test that needs workerd. */
export function test(name: string, run: (() => void | Promise<void>) | WorkerTest): void {
  const reason = missing === undefined ? "" : ` (${missing})`;
  const { run: fn, ...sanitizers } = typeof run === "function" ? { run } : run;
  Deno.test({
    name: `on workerd: ${name}${reason}`,
    ignore: missing !== undefined,
    fn,
    sanitizeOps: false, // miniflare removes its folder after it has said that it is disposed of
    ...sanitizers,
  });
}

/** A test, and what it leaves behind. */
export type WorkerTest = Pick<Deno.TestDefinition, "sanitizeResources"> & {
  readonly run: () => void | Promise<void>;
};

/** The process that listens on a port, as Linux knows it: several test files in one process may each have a workerd. */
function listening(port: number): number | undefined {
  const address = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const lines = read("/proc/net/tcp").split("\n").map((line) => line.trim().split(/\s+/));
  const inode = lines.find(([, local, , state]) => local?.endsWith(address) && state === "0A")?.[9];
  if (inode === undefined) return undefined;
  return names("/proc").map(Number).find((pid) =>
    Number.isInteger(pid) && read(`/proc/${pid}/stat`).includes("(workerd)") &&
    names(`/proc/${pid}/fd`).some((fd) => linked(`/proc/${pid}/fd/${fd}`) === `socket:[${inode}]`)
  );
}

function names(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name);
  } catch {
    return []; // it has ended meanwhile, or there is no /proc
  }
}

function read(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}

function linked(path: string): string {
  try {
    return Deno.readLinkSync(path);
  } catch {
    return "";
  }
}

async function libraryMissing(): Promise<string | undefined> {
  try {
    await import("miniflare");
    return undefined;
  } catch {
    return "workerd is missing: deno cache npm:miniflare brings it";
  }
}
