import type { Scene } from "./scenes.ts";

/**
 * Seeds that once found a fault, with the fault. They run without scenes, so that new scenes do not change
 * them. Another change of the workload changes the run of a seed; it is kept all the same.
 */
export const regressions: readonly (readonly [seed: number, fault: string])[] = [
  [13, "a message was taken in twice: a list brought it before its commit was heard of"],
  [36, "an index entry went though there was no room for its actor, whose message waited"],
  [6, "a commit landed that had seemed to fail, and nobody looked after its message"],
  [10, "an index entry went while a message waited of which nothing was heard yet"],
  [1, "a suspect that stepped aside was never counted"],
  [37, "a suspect that failed was tried again at once, without end"],
  [42, "a message was said to be refused, and landed"],
  [3, "an actor that was to leave memory stopped handling what waited"],
  [5, "a store that could not be read while an actor was erased ended the process"],
  [30, "an event was too large for one commit to all its subscribers, and died"],
  [72, "a message whose commit may land was said to be refused after a second try"],
  [79, "a message whose commit may land was said to be refused when the store could not be read"],
  [1200, "a submit whose commit may land was said to be refused, because it was tried under another name"],
  [1323, "an event that came before another, of which some pages were sent, took over where that one was"],
  [40294, "a message was taken in twice: one that came by itself, with an earlier place, stood behind it"],
];

/** Seeds that found a fault with a scene, which is named. */
export const sceneRegressions: readonly (readonly [seed: number, scene: Scene | undefined, fault: string])[] =
  [
    [64, undefined, "an event of which no commit took the first page stopped its topic"],
    [
      249,
      undefined,
      "dead letters of which instances let go differently passed their bound, or went in vain",
    ],
    [
      286,
      undefined,
      "the first row of an instance landed when it had ended: it was taken for one that lives",
    ],
    [20_002_981, undefined, "a trial of what another had handled left a record of an actor that was erased"],
    [20_008_802, undefined, "a message that had given way to others was tried"],
    [
      20_022_035,
      undefined,
      "a survey that no store took left its collector, until no actor had room any more",
    ],
    [
      710_594,
      undefined,
      "a turn that had landed was run again, since its actor was erased and a read brought what was kept of an earlier life",
    ],
    [14, "hours", "a message waited an hour to be tried again, since a clock had been an hour ahead"],
    [1, "hours", "an index entry stayed for an hour, since the clock of its instance was set back"],
  ];
