import { actor, TerminalError } from "@posthorn/posthorn";
import { Chat, type Recorded } from "./protocols.ts";

const announcedMax = 10;

/** The room of a chat in which releases are announced. It stands for what is outside of the desk, and can be away. */
export class Room {
  isOpen = true;

  /** Throws if the room is closed. It opens again soon after. */
  announce(_release: Recorded): void {
    if (this.isOpen) return;
    this.isOpen = true;
    throw new TerminalError(
      "The chat room was closed for maintenance. It is open again: send this message again",
      {
        code: "room-closed",
      },
    );
  }
}

/** Announces releases in a room. */
export function chat(room: Room) {
  return actor(Chat, {
    state: (): { readonly announced: readonly Recorded[] } => ({ announced: [] }),
    on: {
      announce(ctx, release) {
        room.announce(release);
        ctx.state = { announced: [release, ...ctx.state.announced].slice(0, announcedMax) };
      },
    },
  });
}
