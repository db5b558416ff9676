/** The library, in a module of its own, so that it has these types also where it is loaded with `import()`. */

// @ts-types="./kafkajs.d.ts"
export { AssignerProtocol, Kafka, logLevel } from "kafkajs";
