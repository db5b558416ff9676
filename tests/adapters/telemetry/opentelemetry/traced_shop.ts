import { context, trace } from "@opentelemetry/api";
import {
  actor,
  event,
  type Interceptor,
  protocol,
  submit,
  System,
  type SystemOptions,
  tell,
  TerminalError,
  unchecked,
} from "@posthorn/posthorn";
import { openTelemetry } from "@posthorn/posthorn/opentelemetry";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { Recorder, register, w3c } from "./recorder.ts";

export const Shop = protocol("shop", {
  close: tell(unchecked<number>()),
  ring: tell(unchecked<string>()),
  count: submit(unchecked<null>(), unchecked<string>()),
  opened: event(unchecked<null>()),
});

/** A traced shop on a virtual clock, whose `ring` tells what it gets as a header and as the active span. */
export class TracedShop implements AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly recorder = new Recorder();
  readonly system: System;
  /** Of each `ring`: its `traceparent` and the id of the span that is active. */
  readonly rung: { readonly header: string | undefined; readonly spanId: string | undefined }[] = [];

  /** Called by each `ring`, with a function that sends one to another shop. */
  hear: (next: () => void) => void = () => {};

  constructor(options: Partial<SystemOptions> = {}, tracing: Parameters<typeof openTelemetry>[0] = {}) {
    register(w3c);
    const shop = actor(Shop, {
      state: () => 0,
      on: {
        close: (_ctx, afterMs) => new Promise<void>((resolve) => this.clock.setTimer(afterMs, resolve)),
        ring: (ctx, text) => {
          const spanId = trace.getSpan(context.active())?.spanContext().spanId;
          this.hear(() => ctx.ref(Shop, "next").tell(Shop.ring, ""));
          this.rung.push({ header: ctx.headers.traceparent, spanId });
          if (text === "next") ctx.ref(Shop, "next").tell(Shop.ring, "");
          if (text === "own") ctx.ref(Shop, "next").tell(Shop.ring, "", { headers: { own: "1" } });
          if (text.startsWith("fails")) throw new TerminalError(text, { code: text });
        },
        count: () => "one",
      },
      retry: { attempts: 1 },
    });
    const { recorder: tracerProvider, recorder: meterProvider } = this;
    const telemetry: Interceptor = openTelemetry({
      tracerProvider,
      meterProvider,
      metrics: false,
      ...tracing,
    });
    this.system = new System({
      actors: [shop],
      clock: this.clock,
      log: false,
      drainMs: 0,
      intercept: [telemetry],
      ...options,
    });
  }

  /** The sum of what a metric has counted. */
  numbers(metric: string): number {
    return this.recorder.values.get(metric)!.reduce((sum, { value }) => sum + value, 0);
  }

  async ring(text = "", headers?: Record<string, string>): Promise<void> {
    const rung = this.system.ref(Shop, "main").tell(Shop.ring, text, headers && { headers });
    await this.clock.settle();
    await rung;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const stopped = this.system.stop();
    await this.clock.advance(20_000);
    await stopped;
  }
}
