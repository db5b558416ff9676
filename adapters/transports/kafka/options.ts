import { type OptionNames, requireKnownOptions } from "../../../runtime/base/option_names.ts";
import { requireWithin } from "../../../runtime/base/require.ts";
import type { NamedProtocol, Operation } from "../../../runtime/language/protocol.ts";

/** The certificates of a connection over TLS, each as PEM text. */
export interface KafkaTls {
  /** The authorities to trust, instead of those of the machine. */
  readonly ca?: string | readonly string[];
  /** The certificate of this program, if the broker wants one. */
  readonly cert?: string;
  /** The private key of that certificate. */
  readonly key?: string;
  /** What the key is encrypted with. */
  readonly passphrase?: string;
  /** The name that the certificate of the broker must have, if it is not the host's. */
  readonly servername?: string;
}

/** How this program says who it is. */
export interface KafkaSasl {
  /** The mechanism. `plain` sends the password as it is, so use it over TLS alone. */
  readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
  /** The name of the user. */
  readonly username: string;
  /** The password. It is in no error, no log and no inspection. */
  readonly password: string;
}

/** The options of {@linkcode kafka}. */
export interface KafkaOptions {
  /** The brokers to ask first, 1 to 100, each as `host:port`. */
  readonly brokers: readonly string[];
  /** Whether to connect over TLS, and with which certificates. Default: no. */
  readonly ssl?: boolean | KafkaTls;
  /** Who this program is. Default: nobody. */
  readonly sasl?: KafkaSasl;
  /**
   * What is put in front of every topic and group, with a dot: so two environments can share a cluster. 1 to 32 characters of
   * `[a-z0-9-]` that begin with a letter. Default: nothing.
   */
  readonly namespace?: string;
  /** What other services may send to, ask and hear. Nothing else exists for them. Default: nothing. */
  readonly expose?: readonly (NamedProtocol<string> | Operation)[];
  /**
   * The number of partitions of the topics that the transport makes, 1 to 1,000; default 4. As many processes can read a
   * channel at once. A topic that exists is taken as it is. More partitions later move keys to other partitions, so that
   * messages from before and after may change places.
   */
  readonly partitions?: number;
  /** The number of replicas of the topics that the transport makes, 1 to 10. Default: that of the cluster. */
  readonly replicas?: number;
  /** The maximum size of a body, 1,024 to 100,000,000 bytes; default 1,000,000. `max.message.bytes` of the topics must allow it. */
  readonly messageBytes?: number;
  /**
   * How long the group waits for a sign of life before it gives what a process reads to others, 1,000 to 300,000 ms;
   * default 10,000. The broker has bounds of its own (`group.min.session.timeout.ms`, 6,000 unless changed).
   */
  readonly sessionTimeoutMs?: number;
  /**
   * How long the members of a group may take to finish the batch in hand if one comes or goes, 1,000 to 300,000 ms; default
   * 15,000. Who is not done then loses its partitions, and the batch comes again.
   */
  readonly rebalanceTimeoutMs?: number;
}

const optionNames: OptionNames<KafkaOptions> = {
  brokers: true,
  expose: true,
  messageBytes: true,
  namespace: true,
  partitions: true,
  rebalanceTimeoutMs: true,
  replicas: true,
  sasl: true,
  sessionTimeoutMs: true,
  ssl: true,
};

const tlsNames: OptionNames<KafkaTls> = {
  ca: true,
  cert: true,
  key: true,
  passphrase: true,
  servername: true,
};

const saslNames: OptionNames<KafkaSasl> = {
  mechanism: true,
  password: true,
  username: true,
};

/** The options with what was left out. */
export interface KafkaSettings {
  readonly brokers: readonly string[];
  readonly ssl: boolean | KafkaTls;
  readonly sasl: KafkaSasl | undefined;
  readonly namespace: string | undefined;
  readonly partitions: number;
  readonly replicas: number;
  readonly messageBytes: number;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  /** How often a member says that it lives. */
  readonly heartbeatMs: number;
}

/** Checks the options and adds what was left out. No message contains the user or the password. */
export function settingsOf(options: KafkaOptions): KafkaSettings {
  requireKnownOptions("kafka", options, optionNames);
  const { brokers, ssl = false, sasl, namespace } = options;
  if (!Array.isArray(brokers) || brokers.length < 1 || brokers.length > 100) {
    throw new TypeError("Cannot use Kafka: `brokers` must be a list of 1 to 100 of `host:port`");
  }
  for (const broker of brokers) {
    const port = typeof broker === "string"
      ? /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(broker)?.[1]
      : "";
    if (Number(port ?? 0) < 1 || Number(port) > 65_535) {
      throw new TypeError(
        "Cannot use Kafka: each of `brokers` must be `host:port`, without a scheme or a user",
      );
    }
  }
  if (typeof ssl !== "boolean" && (typeof ssl !== "object" || ssl === null)) {
    throw new TypeError("Cannot use Kafka: `ssl` must be true, false or certificates");
  }
  if (typeof ssl === "object") requireKnownOptions("kafka", ssl, tlsNames, "ssl");
  const isNamespace = typeof namespace === "string" && /^[a-z][a-z0-9-]{0,31}$/.test(namespace);
  if (namespace !== undefined && !isNamespace) {
    throw new RangeError(
      "Cannot use Kafka: `namespace` must have 1 to 32 characters of [a-z0-9-] and begin with a letter",
    );
  }
  checkSasl(sasl);
  requireKnownOptions("kafka", sasl, saslNames, "sasl");
  const {
    partitions = 4,
    replicas,
    messageBytes = 1_000_000,
    sessionTimeoutMs = 10_000,
    rebalanceTimeoutMs = 15_000,
  } = options;
  requireWithin("partitions", partitions, 1, 1_000);
  if (replicas !== undefined) requireWithin("replicas", replicas, 1, 10);
  requireWithin("messageBytes", messageBytes, 1_024, 100_000_000);
  requireWithin("sessionTimeoutMs", sessionTimeoutMs, 1_000, 300_000);
  requireWithin("rebalanceTimeoutMs", rebalanceTimeoutMs, 1_000, 300_000);
  return {
    brokers: [...brokers],
    ssl,
    sasl: sasl && { ...sasl },
    namespace,
    partitions,
    replicas: replicas ?? -1, // that of the cluster
    messageBytes,
    sessionTimeoutMs,
    rebalanceTimeoutMs,
    heartbeatMs: Math.min(3_000, Math.floor(sessionTimeoutMs / 10)),
  };
}

function checkSasl(sasl: KafkaSasl | undefined): void {
  if (sasl === undefined) return;
  if (typeof sasl !== "object" || sasl === null) {
    throw new TypeError("Cannot use Kafka: `sasl` must be an object");
  }
  const { mechanism, username, password } = sasl;
  if (!["plain", "scram-sha-256", "scram-sha-512"].includes(mechanism)) {
    throw new TypeError(
      'Cannot use Kafka: `sasl.mechanism` must be "plain", "scram-sha-256" or "scram-sha-512"',
    );
  }
  if (typeof username !== "string" || username === "" || typeof password !== "string") {
    throw new TypeError("Cannot use Kafka: `sasl.username` and `sasl.password` must be strings");
  }
}
