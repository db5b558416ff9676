// Libraries of others that are measured beside Posthorn. They are no dependencies of this repository.

import { cacheFolder, isFile, run, threeTimes } from "../../tests/brokers/cache.ts";

const dependencies = {
  "@nestjs/common": "11.1.9",
  "@nestjs/core": "11.1.9",
  "@nestjs/microservices": "11.1.9",
  "moleculer": "0.15.2",
  "nats": "2.29.3",
  "reflect-metadata": "0.2.2",
  "rxjs": "7.8.2",
};

/** The versions that a report names. */
export const { moleculer: moleculerVersion, "@nestjs/microservices": nestVersion } = dependencies;

/** Installs Moleculer and NestJS, once. Resolves with the folder that has their `node_modules`. */
export async function installFrameworks(): Promise<string> {
  const folder = cacheFolder(`frameworks-${moleculerVersion}-${nestVersion}`);
  if (isFile(`${folder}/installed`)) return folder;
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(`${folder}/package.json`, JSON.stringify({ private: true, dependencies }));
  await threeTimes(() =>
    run("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts"], { cwd: folder })
  );
  await Deno.writeTextFile(`${folder}/installed`, "");
  return folder;
}
