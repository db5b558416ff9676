// deno task brokers [NAME…]            starts RabbitMQ, Kafka and NATS, or those named, until Ctrl-C
// deno task brokers --install [NAME…]  only installs, into $XDG_CACHE_HOME/posthorn or ~/.cache/posthorn: without
//                                      names also the programs of others that the tests speak to (pika, kcat,
//                                      nest, spring)
// deno task brokers start FOLDER [NAME…] [--tls] [--password] [--management]
//                                      starts them in a folder each of FOLDER, or those that are there again
// deno task brokers stop FOLDER        stops all that run in FOLDER or in a folder below it
// deno task brokers kill FOLDER        the same with SIGKILL
//
// Prints one line `export POSTHORN_…=…` for each node: the tests against real brokers read them.

import { Broker, type BrokerName, type BrokerOptions, type Installable } from "./broker.ts";
import { brokerIn, brokerKinds, isBrokerName } from "./brokers.ts";
import { isFile } from "./cache.ts";
import { variableOf } from "./given.ts";
import { strangers } from "./strangers/install.ts";

const installables: Readonly<Record<string, Installable | undefined>> = { ...brokerKinds, ...strangers };

const flags = new Set(Deno.args.filter((argument) => argument.startsWith("--")));
const [verb, ...others] = Deno.args.filter((argument) => !argument.startsWith("--"));

switch (verb) {
  case "start":
    await start(others[0], namesOf(others.slice(1)));
    break;
  case "stop":
  case "kill":
    for await (const broker of brokersBelow(others[0])) await broker[verb]();
    break;
  default: {
    const names = verb === undefined ? [] : [verb, ...others];
    if (flags.has("--install")) await install(names.length > 0 ? names : Object.keys(installables));
    else await runUntilInterrupted(namesOf(names));
  }
}

async function runUntilInterrupted(names: readonly BrokerName[]): Promise<void> {
  await install(names);
  const folder = await Deno.makeTempDir({ prefix: "posthorn-brokers-" });
  const interrupted = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, resolve);
  });
  try {
    const started = startAll(folder, names);
    await Promise.race([interrupted, started]);
    await started; // what is starting cannot be stopped before it has started
    console.error("running until Ctrl-C");
    await interrupted;
  } finally {
    for await (const broker of brokersBelow(folder)) await broker.stop();
    await Deno.remove(folder, { recursive: true });
  }
  Deno.exit(0);
}

async function start(folder: string | undefined, names: readonly BrokerName[]): Promise<void> {
  if (folder === undefined) throw new RangeError("Say in which folder to start the brokers");
  await install(names);
  for (const broker of await startAll(folder, names)) broker.unref();
}

async function install(names: readonly string[]): Promise<void> {
  await inParallel(names, async (name) => {
    const what = installables[name];
    if (what === undefined) throw unknown(name, installables);
    if (what.isInstalled()) return;
    const began = performance.now();
    console.error(`installing ${name} ${what.version}`);
    await what.install();
    console.error(`installed ${name} in ${secondsSince(began)} s`);
  });
}

async function startAll(folder: string, names: readonly BrokerName[]): Promise<Broker[]> {
  const options: BrokerOptions = {
    tls: flags.has("--tls"),
    password: flags.has("--password"),
    management: flags.has("--management"),
  };
  return await inParallel(names, async (name) => {
    const began = performance.now();
    const broker = await Broker.in(brokerKinds[name], `${folder}/${name}`, options);
    await broker.start();
    console.error(`started ${name} in ${secondsSince(began)} s`);
    console.log(`export ${variableOf(name)}='${broker.url} ${broker.folder}'`);
    for (const [what, url] of Object.entries(broker.node.others)) console.error(`  ${what}: ${url}`);
    if (broker.node.authority) console.error(`  authority: ${broker.node.authority}`);
    return broker;
  });
}

/** All at once. One that fails does not stop the others, and fails the whole at the end. */
async function inParallel<Name extends string, Result>(
  names: readonly Name[],
  run: (name: Name) => Promise<Result>,
): Promise<Result[]> {
  const outcomes = await Promise.allSettled(names.map(run));
  const failed = outcomes.filter((outcome) => outcome.status === "rejected");
  for (const { reason } of failed) console.error(reason instanceof Error ? reason.message : reason);
  if (failed.length > 0) throw new Error(`${failed.length} of ${names.length} failed`);
  return outcomes.filter((outcome) => outcome.status === "fulfilled").map(({ value }) => value);
}

async function* brokersBelow(folder: string): AsyncIterable<Broker> {
  if (isFile(`${folder}/node.json`)) yield await brokerIn(folder);
  for await (const entry of Deno.readDir(folder)) {
    if (entry.isDirectory) yield* brokersBelow(`${folder}/${entry.name}`);
  }
}

function namesOf(given: readonly string[]): BrokerName[] {
  for (const name of given) if (!isBrokerName(name)) throw unknown(name, brokerKinds);
  const names = given.filter(isBrokerName);
  return names.length > 0 ? names : Object.keys(brokerKinds).filter(isBrokerName);
}

function unknown(name: string, known: object): RangeError {
  return new RangeError(`Unknown name ${name}: there are ${Object.keys(known).join(", ")}`);
}

function secondsSince(began: number): string {
  return ((performance.now() - began) / 1_000).toFixed(1);
}
