import { connect, isIP, type Socket } from "node:net";
import { connect as connectSecurely } from "node:tls";
import type { NatsTls } from "./options.ts";
import type { OpenPipe, Pipe, PipeListener } from "./pipe.ts";

/** A pipe over TCP, on which TLS can begin. */
export function socketPipe(host: string, port: number, tls: NatsTls | undefined): OpenPipe {
  return (listener) => new SocketPipe(host, port, tls, listener);
}

class SocketPipe implements Pipe {
  readonly opened: Promise<void>;
  readonly #host: string;
  readonly #tls: NatsTls | undefined;
  readonly #listener: PipeListener;
  #socket: Socket;
  #unhear: () => void = () => {};

  constructor(host: string, port: number, tls: NatsTls | undefined, listener: PipeListener) {
    this.#host = host;
    this.#tls = tls;
    this.#listener = listener;
    this.#socket = connect({ host, port, noDelay: true });
    this.opened = this.#hear(this.#socket, "connect");
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  get waitingBytes(): number {
    return this.#socket.writableLength;
  }

  async secure(): Promise<void> {
    const socket = this.#socket;
    this.#unhear();
    socket.on("error", () => {}); // the socket around it says so too
    const servername = isIP(this.#host) === 0 ? this.#host : "";
    const secured = connectSecurely({ ...this.#tls, socket, host: this.#host, servername });
    this.#socket = secured;
    await this.#hear(secured, "secureConnect");
    if (!secured.encrypted) throw new Error("'tls' is not available");
  }

  end(): void {
    const socket = this.#socket;
    socket.end(() => socket.destroy()); // the other side need not end too
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Hears a socket. Resolves when it is open. */
  #hear(socket: Socket, open: "connect" | "secureConnect"): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let reason: Error | undefined;
    const data = (bytes: Uint8Array) => this.#listener.data(bytes);
    const failed = (error: Error & { readonly code?: string }) => {
      reason ??= error.message === "" ? new Error(error.code) : error; // of several addresses none has a message
      reject(reason);
    };
    const ended = () => socket.destroy();
    const closed = () => {
      reject(reason ?? new Error("the connection was closed"));
      this.#listener.closed(reason);
    };
    socket.once(open, resolve).on("data", data).on("error", failed).on("end", ended).on("close", closed);
    this.#unhear = () => {
      socket.off("data", data).off("error", failed).off("end", ended).off("close", closed);
    };
    promise.catch(() => {}); // who opened it is told by `closed` too
    return promise;
  }
}
