import { cacheFolder, isFile, run, threeTimes } from "../brokers/cache.ts";

/** A runtime beside Deno on which the package must work. npm has its binary, in a package for each platform. */
export class Runtime {
  readonly name: string;
  readonly version: string;
  /** The arguments that come before the program. */
  readonly args: readonly string[];
  readonly #packageName: string;
  readonly #binary: string;

  constructor(name: string, version: string, packageName: string, binary: string, args: readonly string[]) {
    this.name = name;
    this.version = version;
    this.args = args;
    this.#packageName = packageName;
    this.#binary = binary;
  }

  /** The path of its binary. */
  get command(): string {
    return `${this.#folder}/node_modules/${this.#packageName}/bin/${this.#binary}`;
  }

  isInstalled(): boolean {
    return isFile(this.command);
  }

  /** Downloads it into the cache folder. */
  async install(): Promise<void> {
    await Deno.mkdir(this.#folder, { recursive: true });
    await Deno.writeTextFile(`${this.#folder}/package.json`, JSON.stringify({ private: true }));
    const args = ["install", "--no-audit", "--no-fund", `${this.#packageName}@${this.version}`];
    await threeTimes(() => run("npm", args, { cwd: this.#folder }));
  }

  get #folder(): string {
    return cacheFolder(`${this.name.replaceAll(" ", "-")}-${this.version}`);
  }
}

const { os, arch } = Deno.build;
const nodePackage = `node-${os === "darwin" && arch === "aarch64" ? "bin-" : ""}${os}-${
  arch === "aarch64" ? "arm64" : "x64"
}`;
/** `node:sqlite` says that it is an experiment, on stderr. */
const nodeArgs = ["--disable-warning=ExperimentalWarning"];
const bunPackage = `@oven/bun-${os}-${arch === "aarch64" ? "aarch64" : "x64"}`;

/** The oldest Node and Bun that the package names as its `engines`, and the next Node with long support. */
export const runtimes = {
  "node 22": new Runtime("node 22", "22.13.0", nodePackage, "node", nodeArgs),
  "node 24": new Runtime("node 24", "24.21.0", nodePackage, "node", nodeArgs),
  "bun": new Runtime("bun", "1.4.0", bunPackage, "bun", []),
} as const;

export type RuntimeName = keyof typeof runtimes;
