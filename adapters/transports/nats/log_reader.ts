import { pause } from "../../../runtime/base/pause.ts";
import type { Channel, Receiver, Tenure, TransportServices } from "../../../runtime/ports/transport.ts";
import { asideHeaders, bytesOf, deliveryOf } from "./incoming.ts";
import { Lease } from "./lease.ts";
import type { Message } from "./message.ts";
import { channelToken } from "./names.ts";
import { Kept, Notes } from "./notes.ts";
import { Pull } from "./pull.ts";
import { settled } from "./settled.ts";
import type { Session } from "./session.ts";
import type { Streams } from "./streams.ts";

/** What a channel is in the server. */
export interface Log {
  readonly channel: Channel;
  readonly stream: string;
  /** The subjects of the stream that belong to the channel; all if there are none. */
  readonly subjects: readonly string[];
  /** Whether nobody else reads the stream, so that what is accepted can be removed. */
  readonly isOwn: boolean;
  declare(session: Session): Promise<void>;
}

/** What a reader of a log needs. */
export interface LogReaderOptions {
  readonly log: Log;
  readonly receiver: Receiver;
  readonly services: TransportServices;
  readonly streams: Streams;
}

/** How often a process asks whether the lease is free. */
const askMs = 500;
/** How long a log is not read after its receiver has rejected: another process may take it. */
const restMs = 500;
const batchMax = 500;
const batchBytesMax = 1_048_576;

interface Note {
  readonly epoch: string;
  readonly position: number;
}

/** Reads a channel from a stream, by position. Safety is not up to it: its receiver knows how far it is. */
export class LogReader {
  readonly #options: LogReaderOptions;
  readonly #name: string;
  #isDraining = false;
  #wake: (() => void) | undefined;
  /** The number of the last lease, which may still be there after a break of the connection. */
  #lease = 0;

  constructor(options: LogReaderOptions) {
    this.#options = options;
    this.#name = channelToken(options.log.channel);
  }

  /** Reads no further batch. What is under way settles. */
  drain(): void {
    this.#isDraining = true;
    this.#wake?.();
  }

  /** Declares the log. An event is read from then on. */
  async declare(session: Session): Promise<void> {
    const { log, streams } = this.#options;
    await log.declare(session);
    if (log.isOwn) return;
    const { created, state } = await streams.info(session, log.stream);
    const note: Note = { epoch: created, position: state.last_seq };
    await streams.note(session, this.#name, JSON.stringify(note), 0);
  }

  /** Reads the log whenever this process has the lease, until the signal is aborted or the reader drains. */
  async run(session: Session, stop: AbortSignal): Promise<void> {
    const { services: { clock, instance }, streams } = this.#options;
    while (!stop.aborted && !this.#isDraining) {
      const end = new AbortController();
      const lost = () => end.abort();
      const lease = await Lease.take(
        { session, streams, clock, instance, channel: this.#name, lost },
        this.#lease,
      );
      if (lease === undefined) {
        await this.#pause(askMs, stop);
        continue;
      }
      let isRefused = false;
      try {
        isRefused = await this.#tenure(session, AbortSignal.any([stop, end.signal]), end);
      } finally {
        end.abort();
        this.#lease = lease.number;
        lease.release();
      }
      if (isRefused) await this.#pause(restMs, stop);
      else if (!this.#isDraining && !stop.aborted) await this.declare(session); // it may have been deleted
    }
  }

  async #pause(ms: number, stop: AbortSignal): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    await pause(this.#options.services.clock, ms, AbortSignal.any([stop, woken.signal]));
  }

  /**
   * Reads until the tenure is over: its receiver rejects, or the lease, the connection or the stream is lost. Resolves
   * with whether its receiver has rejected.
   */
  async #tenure(session: Session, signal: AbortSignal, end: AbortController): Promise<boolean> {
    const { log: { stream, subjects, channel }, receiver, services: { clock }, streams } = this.#options;
    const { created: epoch, state } = await streams.info(session, stream);
    if (signal.aborted) return false;
    const tenure: Tenure = { shard: "log", epoch, signal };
    const begun = await settled(receiver.begin(tenure), signal);
    if (begun === undefined) return !signal.aborted;
    const position = begun.value ?? await this.#start(session, epoch, Math.max(state.first_seq, 1) - 1);
    let isGone = false;
    const ended = () => {
      isGone = true;
      end.abort();
    };
    const pull = new Pull({ session, clock, stream, subjects, ended });
    const kept = new Kept();
    const notes = new Notes(clock, (position) => this.#note(session, { epoch, position }, kept));
    signal.addEventListener("abort", () => this.#wake?.());
    try {
      await pull.start(position);
      while (!signal.aborted && !this.#isDraining) {
        const batch = pull.take(batchMax, batchBytesMax);
        if (batch.length === 0) {
          await pull.arrival((wake) => void (this.#wake = wake));
          continue;
        }
        const deliveries = batch.map(({ message, position }) =>
          deliveryOf(message, channel, position, streams.names.depth)
        );
        const taken = await settled(receiver.take(deliveries, tenure), signal);
        if (taken === undefined) return !signal.aborted;
        for (const { index, reason } of taken.value) {
          await this.#putAside(session, batch[index].message, reason);
        }
        const { position } = batch.at(-1)!;
        kept.add(position, batch.length, batch.reduce((sum, { message }) => sum + bytesOf(message), 0));
        notes.accept(position);
      }
      return false;
    } finally {
      pull.stop();
      await notes.end(!session.ended.aborted && !isGone); // or it could concern a stream that was made anew
    }
  }

  /** Where the log is read from if its receiver does not know: behind what this service has noted. */
  async #start(session: Session, epoch: string, first: number): Promise<number> {
    const text = await this.#options.streams.noted(session, this.#name);
    const note = text === undefined ? undefined : JSON.parse(text) as Note;
    return note?.epoch === epoch ? note.position : first;
  }

  /** Notes in the server what is accepted, and removes from a log of our own what is behind it. */
  async #note(session: Session, note: Note, kept: Kept): Promise<void> {
    const { log: { isOwn, stream }, streams } = this.#options;
    await streams.note(session, this.#name, JSON.stringify(note));
    const behind = isOwn ? kept.behind() : undefined;
    if (behind !== undefined) await session.api(`STREAM.PURGE.${stream}`, { seq: behind + 1 });
  }

  /** Keeps what will not be handled. */
  async #putAside(session: Session, message: Message, reason: string): Promise<void> {
    const { log: { channel }, streams } = this.#options;
    const protocol = "protocol" in channel ? channel.protocol : "posthorn";
    const body = message.data;
    const headers = asideHeaders(message, reason, session.payloadBytes - body.length);
    await streams.putAside(session, protocol, { body, headers });
  }
}
