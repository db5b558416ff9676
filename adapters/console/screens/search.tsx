import type { ObservedActor } from "../../../runtime/ports/observation.ts";
import { storyLink } from "../links.ts";
import { Empty } from "../parts/parts.tsx";
import { Table } from "../parts/table.tsx";
import type { Screen, ScreenRequest } from "../screen.ts";
import { columnsAt } from "./actors.tsx";
import { parameter } from "./page_of.ts";

/** How many protocols are searched. */
const protocolsMax = 50;
/** How many actors of each are shown. */
const actorsMax = 10;

/** Actors whose keys begin with a text, in all protocols, and the message with that id. */
export const search: Screen = {
  page: "search",
  under: "protocols",
  async view(request) {
    const text = parameter(request, "q")?.trim() ?? "";
    if (text === "") {
      return {
        title: "Search",
        regions: [{
          id: "nothing",
          content: (
            <Empty>
              Type the beginning of a key, <code>protocol/key</code>, or the id of a message.
            </Empty>
          ),
        }],
      };
    }
    const found = await actorsLike(request, text);
    const steps = request.watch.happenings.story(text);
    return {
      title: `Search for ${text}`,
      heading: (
        <>
          Search for <code>{text}</code>
        </>
      ),
      regions: [
        ...steps.length === 0 ? [] : [{
          id: "message",
          content: (
            <p class="notice">
              <a href={storyLink(text)}>{`A message has the id ${text}: its story`}</a>
            </p>
          ),
        }],
        {
          id: "list",
          content: found.length === 0
            ? (
              <Empty>
                {steps.length === 0
                  ? "No key of an actor begins like that, and this process has not seen such a message."
                  : "No key of an actor begins like that."}
              </Empty>
            )
            : (
              <Table
                caption={`Actors whose keys begin like that: at most ${actorsMax} of each protocol`}
                columns={columnsAt(request.nowMs)}
                rows={found}
                keyOf={({ protocol, key }) => `${protocol}/${key}`}
              />
            ),
        },
      ],
    };
  },
};

async function actorsLike({ system: { observe } }: ScreenRequest, text: string): Promise<ObservedActor[]> {
  const { items } = await observe.protocols({ limit: protocolsMax, countMax: 1 });
  const slash = text.indexOf("/");
  const wanted = items.flatMap(({ protocol }) => {
    const prefixes = [text, ...slash > 0 && protocol === text.slice(0, slash) ? [text.slice(slash + 1)] : []];
    return prefixes.filter((prefix) => prefix !== "").map((prefix) => ({ protocol, prefix }));
  });
  const found = new Map<string, ObservedActor>(); // a key may begin with both: `order/order/7`
  for (const filter of wanted) {
    const { items } = await observe.actors({ ...filter, limit: actorsMax, countMax: 100 });
    for (const actor of items) found.set(`${actor.protocol}/${actor.key}`, actor);
  }
  return [...found.values()];
}
