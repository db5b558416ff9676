import { connectable } from "./ports.ts";

/** The version of the server whose behaviour is tested: the newest when this was written. */
const version = "0.14.0";
export const token = "posthorn-posthorn";

/** Where the server is kept that cargo builds: outside of the repository, for all clones of it. */
export function serverPath(): string {
  const cache = Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME") ?? "."}/.cache`;
  return Deno.env.get("DENOKV") ?? `${cache}/posthorn/denokv-${version}/bin/denokv`;
}

/** Whether the server is there. */
export function hasServer(): boolean {
  try {
    return Deno.statSync(serverPath()).isFile;
  } catch {
    return false;
  }
}

/** Builds the server, which takes some minutes, unless it is there. */
export async function installServer(): Promise<void> {
  if (hasServer()) return;
  const root = serverPath().replace(/\/bin\/denokv$/, "");
  console.log(`building denokv ${version} into ${root}: this takes some minutes, once`);
  const { success } = await new Deno.Command("cargo", {
    args: ["install", "denokv", "--version", version, "--locked", "--root", root],
  }).output().catch(() => ({ success: false }));
  if (!success) throw new Error("Cannot build denokv: it needs cargo (https://rustup.rs), clang and protoc");
}

/** A `denokv` on a file of its own, that can be killed, stopped and started again. */
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

  /** Ends it without a word. */
  async kill(): Promise<void> {
    this.#process?.kill("SIGKILL");
    await this.#process?.status;
    this.#process = undefined;
  }

  /** Lets it stand still: it takes connections, and answers nothing. */
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
