import type { Happening } from "../measures/happenings.ts";
import { link } from "../links.ts";
import type { Screen } from "../screen.ts";
import { HappeningTable } from "./happening_table.tsx";
import { parameter } from "./page_of.ts";

/** How many of them are shown. */
const shownMax = 100;

/** What happens now in this process. */
export const activity: Screen = {
  page: "activity",
  nav: "Activity",
  view(request) {
    const onlyBad = parameter(request, "only") === "failures";
    const fits = ({ protocol, type }: Happening) =>
      !protocol.startsWith("~") &&
      (!onlyBad || type === "failed" || type === "retrying" || type === "dead");
    return Promise.resolve({
      title: "Activity",
      lead:
        "What happens to messages in this process, as it happens. If there are many messages, it is a sample of them.",
      regions: [
        {
          id: "filter",
          content: (
            <nav class="acts" aria-label="Kinds of events">
              <a
                class={onlyBad ? "chip" : "chip current"}
                href="./activity"
                aria-current={onlyBad ? undefined : "true"}
              >
                Everything
              </a>
              <a
                class={onlyBad ? "chip current" : "chip"}
                href={link("activity", { only: "failures" })}
                aria-current={onlyBad ? "true" : undefined}
              >
                Failures
              </a>
            </nav>
          ),
        },
        {
          id: "list",
          live: "follow",
          content: (
            <HappeningTable
              happenings={request.watch.happenings.latest(shownMax, fits)}
              nowMs={request.nowMs}
            />
          ),
        },
      ],
    });
  },
};
