import { httpTransport } from "@posthorn/posthorn/http-transport";
import type { Transport } from "@posthorn/posthorn/transport";
import { Hono } from "hono";

const keys = [{ id: "crash", secret: "0123456789abcdef0123456789abcdef" }];

/** The transport of a worker that listens there, and speaks to the services behind a front. */
export function httpAt(
  front: string,
  service: string,
  port: number,
): (expose: Transport["expose"]) => Transport {
  const services = { left: `${front}/left`, right: `${front}/right` };
  return (expose) => {
    const transport = httpTransport({ services, keys, expose });
    const app = new Hono().route(`/${service}`, transport.routes());
    Deno.serve({ hostname: "127.0.0.1", port, onListen() {} }, app.fetch).unref();
    return transport;
  };
}
