import { isFile } from "./cache.ts";
import { eventually, killProgram, type Program, remember, runningOf, startProgram } from "./process.ts";

export type BrokerName = "rabbitmq" | "kafka" | "nats";
/** Every program that the tests start as a node in a folder: brokers, the database and its pooler. */
export type NodeName = BrokerName | "postgres" | "pgbouncer";

/** How a node differs from the plain one: without TLS, with the usual plugins. */
export interface BrokerOptions {
  /** It listens with TLS, with a certificate of an authority of its own, whose file is `authority`. */
  readonly tls?: boolean;
  /** Clients need the user and the password. RabbitMQ's always do. */
  readonly password?: boolean;
  /** The HTTP API of RabbitMQ, for `rabbitmqadmin`. */
  readonly management?: boolean;
  /** More lines for its configuration file. */
  readonly configuration?: readonly string[];
}

/** What is known of a node: written to its folder, so that another process can restart it. */
export interface BrokerNode {
  readonly name: NodeName;
  /** Where clients connect, with user and password if they need them. */
  readonly url: string;
  /** Where other protocols of it are: `internal`, `management`, `websocket`. */
  readonly others: Readonly<Record<string, string>>;
  readonly ports: readonly number[];
  readonly user?: string;
  readonly password?: string;
  /** The file with the certificate of its authority. */
  readonly authority?: string;
}

/** What the tests need besides Deno. */
export interface Installable {
  readonly name: string;
  readonly version: string;
  isInstalled(): boolean;
  /** Installs it if it is missing. */
  install(): Promise<void>;
}

/** One kind of broker: how it is installed and how it runs. */
export interface BrokerKind extends Installable {
  readonly name: NodeName;
  /** The signal that asks it to end; by default SIGTERM. */
  readonly stopSignal?: Deno.Signal;
  /** Writes the configuration and whatever the first start needs into the folder. */
  configure(folder: string, options: BrokerOptions): Promise<BrokerNode>;
  program(folder: string, node: BrokerNode): Program;
  /** Whether it serves clients: found out by its own protocol. */
  serves(node: BrokerNode): Promise<boolean>;
  /** The process that is the broker, if that is not the one that was started. */
  processOf?(folder: string): number | undefined;
  /** Removes what outlives the broker. */
  cleanUp?(folder: string, node: BrokerNode): Promise<void>;
}

const startTimeoutMs = 180_000;
const stopTimeoutMs = 30_000;

/**
 * A node of a broker in a folder of its own. It keeps ports and data from one start to the next, in whatever
 * process that is.
 */
export class Broker implements AsyncDisposable {
  readonly kind: BrokerKind;
  readonly folder: string;
  readonly node: BrokerNode;
  #child: Deno.ChildProcess | undefined;
  /** Whether disposing removes the folder. */
  #temporary = false;
  #isDisposed = false;

  private constructor(kind: BrokerKind, folder: string, node: BrokerNode) {
    this.kind = kind;
    this.folder = folder;
    this.node = node;
  }

  /** The node of a folder: the one that is there, or a new one with these options. It is not started. */
  static async in(kind: BrokerKind, folder: string, options: BrokerOptions = {}): Promise<Broker> {
    await Deno.mkdir(folder, { recursive: true });
    const path = await Deno.realPath(folder);
    const file = `${path}/node.json`;
    if (!isFile(file)) {
      const node = await kind.configure(path, options);
      await Deno.writeTextFile(file, JSON.stringify(node, undefined, 2));
    }
    return new Broker(kind, path, JSON.parse(await Deno.readTextFile(file)));
  }

  /** A new node in a new folder, which is removed at the end, started. */
  static async temporary(kind: BrokerKind, options: BrokerOptions = {}, parent?: string): Promise<Broker> {
    const folder = await Deno.makeTempDir({ dir: parent, prefix: `posthorn-${kind.name}-` });
    const broker = await Broker.in(kind, folder, options);
    broker.#temporary = true;
    try {
      await broker.start();
    } catch (error) {
      await broker[Symbol.asyncDispose]();
      throw error;
    }
    return broker;
  }

  get url(): string {
    return this.node.url;
  }

  get isRunning(): boolean {
    return runningOf(this.#pidFile) !== undefined;
  }

  get #pidFile(): string {
    return `${this.folder}/pid`;
  }

  /** Starts it, unless it runs. Resolves when it serves clients. */
  async start(): Promise<void> {
    if (this.isRunning) return;
    const child = startProgram(this.kind.program(this.folder, this.node));
    this.#child = child;
    let ended = false;
    void child.status.then(() => ended = true);
    remember(this.#pidFile, child.pid);
    const serves = await eventually(async () => ended || await this.kind.serves(this.node), startTimeoutMs);
    if (ended || !serves) {
      killProgram(child); // the broker may be a child of what was started
      await this.kill();
      const reason = ended ? "it has ended" : `it does not respond within ${startTimeoutMs / 1_000} s`;
      throw new Error(
        `Cannot start ${this.kind.name} in ${this.folder}: ${reason}: ${await this.#lastLog()}`,
      );
    }
    remember(this.#pidFile, this.kind.processOf?.(this.folder) ?? child.pid);
  }

  /** Asks it to end; kills it if it does not. */
  async stop(): Promise<void> {
    await this.#end(this.kind.stopSignal ?? "SIGTERM");
    await this.kind.cleanUp?.(this.folder, this.node);
  }

  /** Ends it at once, like a crash. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** Stops it in the midst of what it does: connections stay, and nothing responds. */
  pause(): void {
    this.#signal("SIGSTOP");
  }

  resume(): void {
    this.#signal("SIGCONT");
  }

  /** Lets the process that started it end while it goes on. */
  unref(): void {
    this.#child?.unref();
  }

  /** Stops it, and removes the folder of a temporary one. Doing so again does nothing. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    await this.stop();
    if (this.#temporary) await Deno.remove(this.folder, { recursive: true });
  }

  async #end(signal: Deno.Signal): Promise<void> {
    this.#signal("SIGCONT");
    this.#signal(signal);
    if (!await eventually(() => !this.isRunning, stopTimeoutMs)) {
      this.#signal("SIGKILL");
      await eventually(() => !this.isRunning, stopTimeoutMs);
    }
    await this.#child?.status;
    this.#child = undefined;
  }

  #signal(signal: Deno.Signal): void {
    const pid = runningOf(this.#pidFile);
    if (pid === undefined) return;
    try {
      Deno.kill(pid, signal);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound) && this.isRunning) throw error;
    }
  }

  async #lastLog(): Promise<string> {
    const { log } = this.kind.program(this.folder, this.node);
    return isFile(log) ? (await Deno.readTextFile(log)).trim().slice(-2_000) : "no log";
  }
}
