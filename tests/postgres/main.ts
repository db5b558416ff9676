// deno task postgres start FOLDER [--tls]  installs PostgreSQL if it is missing, and starts it in FOLDER, or what is
//                                          there again
// deno task postgres stop FOLDER           stops it
// deno task postgres kill FOLDER           the same with SIGKILL
// deno task postgres --install             only installs, PostgreSQL, its pooler, which tests start themselves,
//                                          and a bundler for workerd
//
// Prints `export POSTHORN_POSTGRES=…`, which the tests against a real server read. As root, it runs as the user
// `postgres`, who must be able to reach FOLDER.

import { Broker } from "../brokers/broker.ts";
import { bundler } from "./edge/bundler.ts";
import { pgbouncerOf } from "./pgbouncer.ts";
import { postgresServer } from "./server.ts";

const [verb, folder] = Deno.args.filter((argument) => !argument.startsWith("--"));
await postgresServer.install();
await pgbouncerOf("postgres://127.0.0.1").install();
await bundler.install();
if (verb !== undefined) await act(verb, folder);
else if (!Deno.args.includes("--install")) throw new RangeError("Say what to do: start, stop or kill");

async function act(verb: string, folder: string | undefined): Promise<void> {
  if (folder === undefined) throw new RangeError("Say in which folder the server is");
  const server = await Broker.in(postgresServer, folder, { tls: Deno.args.includes("--tls") });
  switch (verb) {
    case "start":
      await server.start();
      server.unref();
      console.log(`export POSTHORN_POSTGRES='${server.url}'`);
      return;
    case "stop":
    case "kill":
      return await server[verb]();
    default:
      throw new RangeError(`Unknown verb ${verb}: there are start, stop and kill`);
  }
}
