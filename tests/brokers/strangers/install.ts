// Programs of others, written with libraries of others, that the tests speak to.

import { installPackages } from "../apt.ts";
import type { Installable } from "../broker.ts";
import { cacheFolder, isFile, run, threeTimes } from "../cache.ts";
import { copyJars } from "../kafka.ts";

const pikaFile = "/usr/lib/python3/dist-packages/pika/__init__.py";

/** The Python client of RabbitMQ, for Debian's own Python. */
const pika: Installable = {
  name: "pika",
  version: "1.2.0, or whichever Debian has",
  isInstalled: () => isFile(pikaFile),
  async install() {
    if (!this.isInstalled()) await installPackages("python3-pika");
  },
};

/** The command-line client of Kafka, on librdkafka. */
const kcat: Installable = {
  name: "kcat",
  version: "1.7.1, or whichever Debian has",
  isInstalled: () => isFile("/usr/bin/kcat"),
  async install() {
    if (!this.isInstalled()) await installPackages("kcat");
  },
};

const nestVersion = "11.1.9";
export const nestFolder = cacheFolder(`nest-${nestVersion}`);

/** NestJS microservices, for Node. */
const nest: Installable = {
  name: "nest",
  version: nestVersion,
  isInstalled: () => isFile(`${nestFolder}/installed`),
  async install() {
    if (this.isInstalled()) return;
    const dependencies = {
      "@nestjs/common": nestVersion,
      "@nestjs/core": nestVersion,
      "@nestjs/microservices": nestVersion,
      "amqp-connection-manager": "5.0.0",
      "amqplib": "0.10.9",
      "kafkajs": "2.2.4",
      "nats": "2.29.3",
      "reflect-metadata": "0.2.2",
      "rxjs": "7.8.2",
    };
    await Deno.mkdir(nestFolder, { recursive: true });
    await Deno.writeTextFile(`${nestFolder}/package.json`, JSON.stringify({ private: true, dependencies }));
    const args = ["install", "--no-audit", "--no-fund", "--ignore-scripts"];
    await threeTimes(() => run("npm", args, { cwd: nestFolder }));
    await Deno.writeTextFile(`${nestFolder}/installed`, nestVersion);
  },
};

const springVersion = "3.5.7";
export const springFolder = cacheFolder(`spring-boot-${springVersion}`);
const springSource = new URL("spring/", import.meta.url).pathname;

/** Spring Boot with spring-amqp and spring-kafka. The version is that of the pom. */
const spring: Installable = {
  name: "spring",
  version: springVersion,
  isInstalled: () => isFile(`${springFolder}/installed`),
  async install() {
    if (this.isInstalled()) return;
    await Deno.mkdir(springFolder, { recursive: true });
    await Deno.copyFile(`${springSource}pom.xml`, `${springFolder}/pom.xml`);
    await threeTimes(() => copyJars(springFolder, `${springFolder}/libs`));
    await Deno.writeTextFile(`${springFolder}/installed`, springVersion);
  },
};

export const strangers = { pika, kcat, nest, spring };

/** Compiles the Spring program, in a second, and returns the folder of its classes. */
export async function compileSpring(folder: string): Promise<string> {
  const args = ["-nowarn", "-parameters", "-cp", `${springFolder}/libs/*`, "-d", folder];
  await run("javac", [...args, `${springSource}Stranger.java`]);
  return folder;
}
