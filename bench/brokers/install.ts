// Libraries of others that are measured beside Posthorn. They are no dependencies of this repository.

import { cacheFolder, isFile, run, threeTimes } from "../../tests/brokers/cache.ts";

const dependencies = {
  "@moleculer/channels": "0.1.8",
  "@nestjs-plugins/nestjs-nats-jetstream-transport": "2.2.6",
  "@nestjs/common": "11.1.9",
  "@nestjs/core": "11.1.9",
  "@nestjs/microservices": "11.1.9",
  "moleculer": "0.15.2",
  "nats": "2.29.3",
  "reflect-metadata": "0.2.2",
  "rxjs": "7.8.2",
};

/** The names and versions that a report gives. */
export const peerNames = {
  moleculer: `Moleculer ${dependencies.moleculer}`,
  nest: `NestJS ${dependencies["@nestjs/microservices"]}`,
  channels: nameOf("@moleculer/channels"),
  jetstream: nameOf("@nestjs-plugins/nestjs-nats-jetstream-transport"),
};

/** Installs them, once for each set of versions. Resolves with the folder that has their `node_modules`. */
export async function installFrameworks(): Promise<string> {
  const folder = cacheFolder(`frameworks-${Object.values(dependencies).join("-")}`);
  if (isFile(`${folder}/installed`)) return folder;
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(`${folder}/package.json`, JSON.stringify({ private: true, dependencies }));
  // @moleculer/channels asks for Moleculer 0.14, and works with 0.15.
  const flags = ["--no-audit", "--no-fund", "--ignore-scripts", "--legacy-peer-deps"];
  await threeTimes(() => run("npm", ["install", ...flags], { cwd: folder }));
  await Deno.writeTextFile(`${folder}/installed`, "");
  return folder;
}

function nameOf(name: keyof typeof dependencies): string {
  return `${name} ${dependencies[name]}`;
}
