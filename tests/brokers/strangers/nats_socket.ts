/** A message as it comes over the socket. */
export interface NatsMessage {
  readonly subject: string;
  readonly replyTo: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A client of NATS on a bare socket: the protocol is text. */
export class NatsSocket implements Disposable {
  readonly #connection: Deno.TcpConn;
  #unread = new Uint8Array();
  #subscriptions = 0;

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  static async connect(url: string): Promise<NatsSocket> {
    const { hostname, port, username, password } = new URL(url);
    const socket = new NatsSocket(await Deno.connect({ hostname, port: Number(port) }));
    const login = username ? { user: username, pass: password } : {};
    await socket.#write(
      `CONNECT ${JSON.stringify({ verbose: false, headers: true, no_responders: true, ...login })}\r\n`,
    );
    await socket.#flush();
    return socket;
  }

  async subscribe(subject: string, queue = ""): Promise<void> {
    await this.#write(`SUB ${subject} ${queue} ${++this.#subscriptions}\r\n`.replace("  ", " "));
    await this.#flush();
  }

  async publish(
    subject: string,
    body: string,
    { replyTo, headers = {} }: { replyTo?: string; headers?: Readonly<Record<string, string>> } = {},
  ): Promise<void> {
    const names = Object.entries(headers);
    const head = names.length === 0
      ? ""
      : `NATS/1.0\r\n${names.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
    const [headBytes, bodyBytes] = [head, body].map((text) => new TextEncoder().encode(text).length);
    const verb = head === "" ? "PUB" : "HPUB";
    const lengths = head === "" ? `${bodyBytes}` : `${headBytes} ${headBytes + bodyBytes}`;
    await this.#write(`${[verb, subject, replyTo, lengths].filter(Boolean).join(" ")}\r\n${head}${body}\r\n`);
  }

  /** Asks, and returns the first answer. */
  async request(
    subject: string,
    body: string,
    headers?: Readonly<Record<string, string>>,
  ): Promise<NatsMessage> {
    const inbox = `_INBOX.${crypto.randomUUID().replaceAll("-", "")}`;
    await this.subscribe(inbox);
    await this.publish(subject, body, { replyTo: inbox, headers });
    for (;;) {
      const message = await this.next();
      if (message.subject === inbox) return message;
    }
  }

  /** The next message of any subscription. */
  async next(): Promise<NatsMessage> {
    for (;;) {
      const line = await this.#line();
      const [verb, subject, , ...rest] = line.split(" ");
      if (verb === "MSG" || verb === "HMSG") return await this.#message(verb, subject, rest);
      if (verb === "PING") await this.#write("PONG\r\n");
      if (verb === "-ERR") throw new Error(`NATS says ${line}`);
    }
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }

  async #message(verb: "MSG" | "HMSG", subject: string, rest: string[]): Promise<NatsMessage> {
    const lengths = verb === "HMSG" ? 2 : 1;
    const [headBytes, bytes] = verb === "HMSG" ? rest.slice(-2).map(Number) : [0, Number(rest.at(-1))];
    const content = await this.#bytes(bytes + 2);
    const text = (from: number, to: number) => new TextDecoder().decode(content.subarray(from, to));
    const headers: Record<string, string> = {};
    const [first = "", ...lines] = text(0, headBytes).trim().split("\r\n");
    const status = /^NATS\/1\.0 (\d+)/.exec(first)?.[1];
    if (status !== undefined) headers.Status = status;
    for (const line of lines) {
      const colon = line.indexOf(":");
      headers[line.slice(0, colon)] = line.slice(colon + 1).trim();
    }
    const replyTo = rest.length > lengths ? rest[0] : undefined;
    return { subject, replyTo, headers, body: text(headBytes, bytes) };
  }

  /** Waits until the server has done all that was written. */
  async #flush(): Promise<void> {
    await this.#write("PING\r\n");
    for (let line = ""; line !== "PONG";) {
      line = await this.#line();
      if (line.startsWith("-ERR")) throw new Error(`NATS says ${line}`);
    }
  }

  async #write(text: string): Promise<void> {
    const bytes = new TextEncoder().encode(text);
    for (let written = 0; written < bytes.length;) {
      written += await this.#connection.write(bytes.subarray(written));
    }
  }

  async #line(): Promise<string> {
    for (;;) {
      const end = this.#unread.indexOf(10);
      if (end >= 0) return new TextDecoder().decode(await this.#bytes(end + 1)).trimEnd();
      await this.#readMore();
    }
  }

  async #bytes(count: number): Promise<Uint8Array> {
    while (this.#unread.length < count) await this.#readMore();
    const bytes = this.#unread.slice(0, count);
    this.#unread = this.#unread.slice(count);
    return bytes;
  }

  async #readMore(): Promise<void> {
    const buffer = new Uint8Array(16_384);
    const read = await this.#connection.read(buffer);
    if (read === null) throw new Error("NATS has closed the connection");
    const joined = new Uint8Array(this.#unread.length + read);
    joined.set(this.#unread);
    joined.set(buffer.subarray(0, read), this.#unread.length);
    this.#unread = joined;
  }
}
