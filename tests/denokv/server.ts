import { connectable } from "./ports.ts";

/** The version of the server whose behaviour is tested: the newest when this was written. */
const version = "0.14.0";
export const token = "posthorn-posthorn";

/** The folder of the server that cargo builds: outside of the repository, shared by all its clones. */
export function serverPath(): string {
  const cache = Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME") ?? "."}/.cache`;
  return Deno.env.get("DENOKV") ?? `${cache}/posthorn/denokv-${version}/bin/denokv`;
}

/** Whether the server is installed. */
export function hasServer(): boolean {
  try {
    return Deno.statSync(serverPath()).isFile;
  } catch {
    return false;
  }
}

/** Builds the server if it is missing, which takes some minutes. */
export async function installServer(): Promise<void> {
  if (hasServer()) return;
  const root = serverPath().replace(/\/bin\/denokv$/, "");
  console.log(`building denokv ${version} into ${root}: this takes some minutes, once`);
  const { success } = await new Deno.Command("cargo", {
    args: ["install", "denokv", "--version", version, "--locked", "--root", root],
  }).output().catch(() => ({ success: false }));
  if (!success) throw new Error("Cannot build denokv: it needs cargo (https://rustup.rs), clang and protoc");
}

/** A `denokv` server on its own file that can be killed, paused and restarted. */
export class DenokvServer implements AsyncDisposable {
  readonly url: string;
  readonly #port: number;
  readonly #folder: string;
  #process: Deno.ChildProcess | undefined;

  private constructor(port: number, folder: string) {
    this.#port = port;
    this.#folder = folder;
    this.url = `http://127.0.0.1:${port}`;
  }

  static async start(): Promise<DenokvServer> {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    listener.close();
    const server = new DenokvServer(port, await Deno.makeTempDir({ prefix: "posthorn-denokv-" }));
    await server.start();
    return server;
  }

  async start(): Promise<void> {
    this.#process = new Deno.Command(serverPath(), {
      args: ["--sqlite-path", `${this.#folder}/kv.db`, "serve", "--addr", `127.0.0.1:${this.#port}`],
      env: { DENO_KV_ACCESS_TOKEN: token },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    await connectable(this.#port);
  }

  /** Kills it. */
  async kill(): Promise<void> {
    this.#process?.kill("SIGKILL");
    await this.#process?.status;
    this.#process = undefined;
  }

  /** Pauses it: it accepts connections and does not respond. */
  pause(): void {
    this.#process?.kill("SIGSTOP");
  }

  resume(): void {
    this.#process?.kill("SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

if (import.meta.main) await installServer();
