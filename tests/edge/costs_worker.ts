/** The worker of the example, whose objects count what they write. */

import type { ObjectStorage } from "@posthorn/posthorn/durable-object";
import worker, { PostOffice as Example } from "../../examples/edge/worker.ts";
import { counted } from "./counted_storage.ts";

export class PostOffice extends Example {
  readonly #written;
  #rung = 0;

  constructor({ storage }: { readonly storage: ObjectStorage }) {
    const written = { rows: 0, alarms: 0 };
    super({ storage: counted(storage, written) });
    this.#written = written;
  }

  override async fetch(request: Request): Promise<Response> {
    if (!request.url.endsWith("/written")) return await super.fetch(request);
    return Response.json({ ...this.#written, rung: this.#rung });
  }

  override async alarm(): Promise<void> {
    this.#rung++;
    await super.alarm();
  }
}

export default worker;
