import { icon } from "./icon.ts";
import { script } from "./script.ts";
import { style } from "./style.ts";

/** A file of the console. */
export interface Asset {
  readonly text: string;
  readonly type: string;
}

/** The files that the pages load, by their names. */
export const assets: Readonly<Record<string, Asset>> = {
  "console.css": { text: style, type: "text/css; charset=utf-8" },
  "console.js": { text: script, type: "text/javascript; charset=utf-8" },
  "console.svg": { text: icon, type: "image/svg+xml" },
};

/** Tells the files of one version of the console from those of another: browsers keep them for ever. */
export function assetsVersion(): string {
  let hash = 0x811c9dc5; // FNV-1a
  for (const { text } of Object.values(assets)) {
    for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  return (hash >>> 0).toString(36);
}
