/** The store of a Durable Object, in one: runs a case of the conformance suite, and counts rows. */

import { storeConformance } from "@posthorn/posthorn/testing/conformance";
import { durableObject, type ObjectStorage } from "@posthorn/posthorn/durable-object";
import { countedRows } from "./counted_rows.ts";

export class PostOffice {
  readonly #storage;

  constructor({ storage }: { readonly storage: ObjectStorage }) {
    this.#storage = storage;
  }

  /** Without it no alarm can be set. */
  alarm(): void {}

  async fetch(request: Request): Promise<Response> {
    const wanted = new URL(request.url).searchParams.get("case");
    const storage = this.#storage;
    if (wanted === "counted rows") return Response.json(countedRows(storage));
    const cases = storeConformance({
      open: () => ({
        store: durableObject(storage),
        dispose: () => void storage.sql.exec("DROP TABLE posthorn"),
        alarmMs: () => storage.getAlarm(),
      }),
    });
    try {
      await cases.find(({ name }) => name === wanted)!.run();
      return new Response("ok");
    } catch (error) {
      return new Response(String((error as Error).stack), { status: 500 });
    }
  }
}

export { default } from "../../examples/edge/worker.ts";
