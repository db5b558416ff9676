// Apache Kafka from Maven Central: one node, broker and controller, in KRaft mode.

import type { BrokerKind, BrokerNode, BrokerOptions } from "./broker.ts";
import { cacheFolder, isFile, run, threeTimes } from "./cache.ts";
import { makeCertificates } from "./certificates.ts";
import { answerOf, freePorts } from "./ports.ts";

const version = "4.4.0";
const user = "posthorn";
const password = "secret-of-kafka";

function home(): string {
  return cacheFolder(`kafka-${version}`);
}

/** Written last. */
function installedFile(): string {
  return `${home()}/installed`;
}

export const kafka: BrokerKind = {
  name: "kafka",
  version,

  isInstalled: () => isFile(installedFile()),

  async install() {
    if (this.isInstalled()) return;
    await Deno.mkdir(home(), { recursive: true });
    await Deno.writeTextFile(`${home()}/pom.xml`, pom());
    await threeTimes(() => copyJars(home(), `${home()}/libs`));
    await Deno.writeTextFile(`${home()}/log4j2.properties`, logging);
    await formatData();
    await Deno.writeTextFile(installedFile(), version);
  },

  async configure(folder: string, options: BrokerOptions): Promise<BrokerNode> {
    const ports = freePorts(3);
    const [port] = ports;
    const certificates = options.tls ? await makeCertificates(folder) : undefined;
    await run("cp", ["-r", `${home()}/formatted`, `${folder}/data`]);
    const lines = [...properties(folder, ports, options), ...options.configuration ?? [], ""];
    if (certificates) {
      const both = ["key", "certificate"] as const;
      const text = (await Promise.all(both.map((name) => Deno.readTextFile(certificates[name])))).join("");
      await Deno.writeTextFile(`${folder}/keystore.pem`, text);
    }
    await Deno.writeTextFile(`${folder}/server.properties`, lines.join("\n"));
    const login = options.password ? `${user}:${password}@` : "";
    return {
      name: "kafka",
      url: `${options.tls ? "kafkas" : "kafka"}://${login}127.0.0.1:${port}`,
      others: { internal: `kafka://127.0.0.1:${ports[1]}` },
      ports,
      ...(options.password ? { user, password } : {}),
      ...(certificates ? { authority: certificates.authority } : {}),
    };
  },

  program: (folder) => ({
    command: "java",
    args: javaArguments("kafka.Kafka", `${folder}/server.properties`),
    log: `${folder}/log`,
  }),

  /**
   * It answers before it serves. It serves when its own metadata names a broker, which is asked on the listener
   * that needs no password.
   */
  async serves(node: BrokerNode): Promise<boolean> {
    // Metadata, version 1, correlation id 7, client "p", no topics.
    const request = [0, 0, 0, 15, 0, 3, 0, 1, 0, 0, 0, 7, 0, 1, 112, 0, 0, 0, 0];
    const answer = await answerOf(node.ports[1], new Uint8Array(request), ({ length }) => length >= 12);
    return answer.length >= 12 && answer.subarray(4, 8).join() === "0,0,0,7" && answer[11] === 1;
  },
};

/** Copies a project's dependencies, with all of theirs, from Maven Central into a folder. */
export async function copyJars(project: string, folder: string): Promise<void> {
  await run("mvn", [
    ...["-q", "-B", "-ntp", "-Daether.connector.basic.threads=8"],
    "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies",
    ...["-DincludeScope=runtime", `-DoutputDirectory=${folder}`],
  ], { cwd: project });
}

/** A small heap, one thread for garbage, the quick compiler: it is to start fast beside others. */
function javaArguments(mainClass: string, ...args: string[]): string[] {
  return [
    ...["-Xms96m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"],
    "-Djava.net.preferIPv4Stack=true",
    `-Dlog4j2.configurationFile=${home()}/log4j2.properties`,
    ...["-cp", `${home()}/libs/*`, mainClass, ...args],
  ];
}

/**
 * Formats an empty log folder that contains the user, once: each node starts with a copy. Formatting takes as
 * long as a start.
 */
async function formatData(): Promise<void> {
  const formatted = `${home()}/formatted`;
  await run("rm", ["-rf", formatted]);
  const file = `${home()}/format.properties`;
  await Deno.writeTextFile(file, properties(home(), [1, 2, 3], {}, formatted).join("\n"));
  await run("java", [
    ...javaArguments("kafka.tools.StorageTool", "format", "-t", "posthorn-tests-AAAAAA", "-c", file),
    ...["--add-scram", `SCRAM-SHA-256=[name=${user},password=${password}]`],
    ...["--add-scram", `SCRAM-SHA-512=[name=${user},password=${password}]`],
  ]);
}

function properties(
  folder: string,
  [port, internalPort, controllerPort]: readonly number[],
  { tls, password: hasPassword }: BrokerOptions,
  data = `${folder}/data`,
): string[] {
  const protocol = hasPassword ? (tls ? "SASL_SSL" : "SASL_PLAINTEXT") : tls ? "SSL" : "PLAINTEXT";
  const clients = `CLIENTS://127.0.0.1:${port},INTERNAL://127.0.0.1:${internalPort}`;
  const login =
    `org.apache.kafka.common.security.plain.PlainLoginModule required user_${user}="${password}";`;
  return [
    "process.roles=broker,controller",
    "node.id=1",
    `controller.quorum.voters=1@127.0.0.1:${controllerPort}`,
    "controller.listener.names=CONTROLLER",
    "inter.broker.listener.name=INTERNAL",
    `listeners=${clients},CONTROLLER://127.0.0.1:${controllerPort}`,
    `advertised.listeners=${clients}`,
    `listener.security.protocol.map=CLIENTS:${protocol},INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT`,
    ...(tls
      ? ["ssl.keystore.type=PEM", `ssl.keystore.location=${folder}/keystore.pem`, "ssl.client.auth=none"]
      : []),
    ...(hasPassword
      ? [
        "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        `listener.name.clients.plain.sasl.jaas.config=${login}`,
        ...["256", "512"].map((bits) =>
          `listener.name.clients.scram-sha-${bits}.sasl.jaas.config=` +
          "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
      ]
      : []),
    `log.dirs=${data}`,
    "auto.create.topics.enable=false",
    "num.partitions=1",
    ...["offsets.topic", "transaction.state.log", "share.coordinator.state.topic"].flatMap((topic) => [
      `${topic}.num.partitions=1`,
      `${topic}.replication.factor=1`,
    ]),
    "transaction.state.log.min.isr=1",
    "share.coordinator.state.topic.min.isr=1",
    "group.initial.rebalance.delay.ms=0",
    "group.min.session.timeout.ms=1000",
    "group.consumer.min.session.timeout.ms=1000",
    "group.consumer.min.heartbeat.interval.ms=200",
    "log.cleaner.enable=false",
    "num.network.threads=2",
    "num.io.threads=2",
    "background.threads=2",
    "num.recovery.threads.per.data.dir=1",
    "controlled.shutdown.enable=false",
    // After a kill the node waits until its former self has not been heard of for so long.
    "broker.session.timeout.ms=3000",
    "broker.heartbeat.interval.ms=500",
  ];
}

function pom(): string {
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>posthorn</groupId><artifactId>kafka-broker</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies><dependency>
    <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${version}</version>
  </dependency></dependencies>
</project>
`;
}

const logging = `status=error
rootLogger.level=warn
rootLogger.appenderRef.out.ref=out
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d %p %c{1} %m%n
`;
