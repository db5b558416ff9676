import type { Place } from "./world.ts";

/** A behaviour that differs in one place, and the sentence of the documentation that states it. */
export interface Difference {
  readonly scenario: string;
  readonly where: (place: Place) => boolean;
  /** A file, and a text in it. */
  readonly documented: readonly [path: string, sentence: string];
  /** Lines of the transcript, each with the lines that replace it. */
  readonly instead: Readonly<Record<string, readonly string[]>>;
}

const durable = ({ transient, store }: Place) => !transient && store !== undefined;
const transient = ({ transient }: Place) => transient;

const besideStore = ({ transient, store }: Place) => transient && store !== undefined;

const parsedByWhoHandles = [
  "docs/durability.md",
  "Each payload is parsed by the schema of the instance that handles it, so defaults of a newer schema complete older " +
  "messages. A payload that no longer matches becomes a dead letter with the reason `invalid-payload`",
] as const;

const dropsItsState = [
  "runtime/language/actor.ts",
  "activates the actor again from its last committed state (a transient actor, which commits nothing, from its initial state)",
] as const;

/** All differences between places. */
export const differences: readonly Difference[] = [
  {
    scenario: "a second answer and a late one are dead letters, and fail no turn",
    where: besideStore,
    documented: [
      "docs/actors.md",
      "A later of a transient actor is in the memory of its process: beside a store in an actor `~transient-later`",
    ],
    instead: {
      "dead ~later answer: already-answered": ["dead ~transient-later answer: already-answered"],
      "dead ~later answer: late-reply": ["dead ~transient-later answer: late-reply"],
    },
  },
  {
    scenario: "a payload of a turn that does not fit is a dead letter",
    where: durable,
    documented: parsedByWhoHandles,
    instead: {
      "b halfJob: dead(invalid-payload)": ["b halfJob: accepted dead(invalid-payload)"],
      "b note: dead(invalid-payload)": ["b note: accepted dead(invalid-payload)"],
    },
  },
  {
    scenario: "a schedule to the address of another actor sends its message there",
    where: durable,
    documented: parsedByWhoHandles,
    instead: { "b note: dead(invalid-payload)": ["b note: accepted dead(invalid-payload)"] },
  },
  {
    scenario: "what becomes of an actor that fails: restart",
    where: transient,
    documented: dropsItsState,
    instead: { 'notes: ["before","behind","afterwards"]': ['notes: ["behind","afterwards"]'] },
  },
  {
    scenario: "an actor that is passivated or restarted continues from its last commit",
    where: transient,
    documented: dropsItsState,
    instead: {
      'notes: ["passivate","restart"]': ["notes: []"],
      'notes after idling: ["passivate","restart"]': ["notes after idling: []"],
    },
  },
  {
    scenario: "a signal takes effect before waiting messages: restart",
    where: transient,
    documented: dropsItsState,
    instead: { 'notes: ["1","2"]': ['notes: ["2"]'] },
  },
  {
    scenario: "a turn names what it sends, and a repeat of it is one message",
    where: durable,
    documented: [
      "docs/durability.md",
      "an id only names the message. It is not checked for repetition, because the message leaves exactly once, with " +
      "the commit of its turn.",
    ],
    instead: {
      "b notes 1": ["b notes 1", "b notes 1"],
      "in another turn: nothing": ["b notes 1", "b notes 1", "in another turn: nothing"],
      "one: 3 done, 0 waiting, 0 running": ["one: 6 done, 0 waiting, 0 running"],
      "b note: accepted started done": [
        "b note: accepted accepted started started done done accepted accepted started started done done",
      ],
    },
  },
];
