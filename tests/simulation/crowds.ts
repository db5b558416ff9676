import type { Books } from "./books.ts";
import { besides } from "./beside.ts";
import { brimming } from "./brimming.ts";
import { bulky } from "./bulky.ts";
import { callers } from "./callers.ts";
import type { Crowd } from "./clients.ts";
import { deadlines } from "./deadlines.ts";
import { deploying } from "./deploying.ts";
import { errands } from "./errands.ts";
import type { Weather } from "./faults.ts";
import { hundreds } from "./hundreds.ts";
import { hung } from "./hung.ts";
import { leaving } from "./leaving.ts";
import { type Listeners, listening } from "./listening.ts";
import { poisons } from "./poisons.ts";
import { reminders } from "./reminders.ts";
import { saturated } from "./saturated.ts";
import type { Scene } from "./scenes.ts";
import { spoiled } from "./spoiled.ts";
import { surveys } from "./surveys.ts";

/** How many things people do in every run; fewer where each takes long. */
const usual = 120;
const few = 30;

/** All who take part in a run. */
export function crowdsOf(
  weather: Weather,
  { books, listeners, fail }: {
    readonly books: Books;
    readonly listeners: Listeners;
    readonly fail: (why: string) => void;
  },
): readonly Crowd[] {
  const { limits, brim, deploy, beside, scenes } = weather;
  const count = scenes.includes("saturated") ? few : usual;
  const crowds: Crowd[] = [errands(limits.bytes === undefined ? 90_000 : 8_000, count)];
  if (brim > 0) crowds.push(brimming);
  if (deploy !== undefined) crowds.push(deploying);
  if (beside) crowds.push(besides);
  if (weather.listening) crowds.push(listening(listeners));
  const own: Partial<Record<Scene, Crowd>> = {
    bulky: bulky(limits),
    callers,
    deadlines,
    hundreds,
    hung,
    leaving,
    poisons,
    reminders,
    saturated,
    spoiled,
    surveys: surveys(books, fail),
  };
  for (const scene of scenes) if (own[scene] !== undefined) crowds.push(own[scene]);
  return crowds;
}
