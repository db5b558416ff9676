// What the client leaves behind when a connection ends within its handshake. The tests are sanitized: they fail if a
// timer or a socket is left.

import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { setImmediate } from "node:timers";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import {
  type AmqpConnection,
  type Client,
  loadClient,
} from "../../../../adapters/transports/rabbitmq/client.ts";
import { Link } from "../../../../adapters/transports/rabbitmq/link.ts";
import { settingsOf } from "../../../../adapters/transports/rabbitmq/options.ts";
import { HandshakeBroker, isStep, type Step, steps } from "./handshake.ts";

const sanitized = { sanitizeOps: true, sanitizeResources: true } as const;

/** When the link ends: as soon as the bytes are there, which the client reads a little later, or just before it does. */
const moments = ["arrived", "read"] as const;
type Moment = typeof moments[number];

/** The client has read a frame, and done what follows, after fewer microtasks. */
const microtasksMax = 12;

interface Stage {
  /** How far the handshake gets. */
  readonly last: Step;
  readonly moment: Moment;
  /** Is called at that moment, or so many microtasks later. */
  readonly end: (link: Link, socket: Socket) => void;
  readonly microtasks: number;
}

/** A link to a broker, which is ended within the handshake. */
async function stage({ last, moment, end, microtasks }: Stage) {
  const broker = new HandshakeBroker(last);
  const clock = new VirtualClock();
  const client = await loadClient();
  const ended = Promise.withResolvers<void>();
  const gone: Promise<void>[] = [];
  const watched: Client = {
    ...client,
    connect(options) {
      const made = client.connect(options) as AmqpConnection & { readonly _socket: Socket };
      const socket = made._socket;
      gone.push(new Promise((resolve) => socket.once("close", () => resolve())));
      whenSaid(socket, last, moment, async () => {
        for (let count = 0; count < microtasks; count++) await undefined;
        end(link, socket);
        ended.resolve();
      });
      return made;
    },
  };
  const states: string[] = [];
  const link: Link = new Link({
    client: watched,
    settings: settingsOf({ url: broker.url }),
    services: {
      clock,
      random: seededRandom(7),
      service: "shop",
      instance: "a",
      store: undefined,
      report() {},
    },
    name: "shop a out",
    changed: () => void states.push(link.state.status),
  });
  await ended.promise;
  return {
    link,
    states,
    async [Symbol.asyncDispose]() {
      await link.close();
      await Promise.all(gone);
      await broker[Symbol.asyncDispose]();
      await turn(); // the client hears that its socket has closed
      assert.equal(clock.waiting, 0);
    },
  };
}

/** Calls back once when the broker has said that. */
function whenSaid(socket: Socket, step: Step, moment: Moment, hear: () => void): void {
  if (step === "nothing") return void socket.once("connect", hear);
  const push = socket.push;
  socket.push = (...part) => {
    const wantsMore = push.apply(socket, part);
    if (isStep(part[0], step)) {
      if (moment === "arrived") hear();
      else socket.prependOnceListener("readable", hear);
    }
    return wantsMore;
  };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

for (const last of steps) {
  for (const moment of last === "nothing" ? moments.slice(1) : moments) {
    const when = `when what the broker says has ${moment === "arrived" ? "arrived" : "been read"}: ${last}`;

    Deno.test(`a link leaves nothing behind if it is closed ${when}`, sanitized, async () => {
      for (let microtasks = 0; microtasks <= microtasksMax; microtasks++) {
        const end = (link: Link) => void link.close();
        await using _ = await stage({ last, moment, microtasks, end });
      }
    });

    Deno.test(`a link leaves nothing behind if it breaks ${when}`, sanitized, async () => {
      for (let microtasks = 0; microtasks <= microtasksMax; microtasks++) {
        const reset = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
        const end = (_: Link, socket: Socket) => void socket.destroy(reset);
        await using staged = await stage({ last, moment, microtasks, end });
        const { link, states } = staged;
        while (link.fault === undefined) await link.changed(new AbortController().signal);
        assert.match(link.fault.message, /ECONNRESET/);
        for (let turns = 0; turns < 3; turns++) await turn();
        assert.equal(states.at(-1), "connecting"); // nobody uses what has broken
      }
    });
  }
}
