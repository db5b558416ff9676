/**
 * The script of the console. The server renders the regions of the open page again and sends those that have changed; the
 * script brings the old into the shape of the new, so that focus, selection and what is opened stay.
 */
export const script = `"use strict";
{
  const state = document.getElementById("live");
  const fault = document.getElementById("fault");
  let stream, wasTrouble = false;
  /** How often in a row a stream has ended: once is as it should be, since each ends after some minutes. */
  let ends = 0;

  /** Whether somebody is about to use something in a region: then it must not move under the pointer or the keyboard. */
  function isHeld(region) {
    if (!("hold" in region.dataset)) return hasSelection(region);
    return hasSelection(region) || region.matches(":focus-within") ||
      (matchMedia("(hover: hover)").matches && region.matches(":hover")) || region.querySelector("details[open]") !== null;
  }
  function hasSelection(region) {
    const selection = getSelection();
    return selection !== null && !selection.isCollapsed && selection.containsNode(region, true);
  }

  function morph(old, next) {
    if (old.nodeType !== next.nodeType || old.nodeName !== next.nodeName) return old.replaceWith(next);
    if (old.nodeType === Node.TEXT_NODE) {
      if (old.data !== next.data) old.data = next.data;
      return;
    }
    for (const { name } of [...old.attributes]) {
      if (!next.hasAttribute(name) && !(name === "open" && old.localName === "details")) old.removeAttribute(name);
    }
    for (const { name, value } of next.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    morphChildren(old, next);
  }
  function morphChildren(old, next) {
    const keyed = new Map();
    for (const child of old.children) if (child.dataset && child.dataset.key) keyed.set(child.dataset.key, child);
    let at = old.firstChild;
    for (const child of [...next.childNodes]) {
      const key = child.dataset && child.dataset.key;
      const same = key ? keyed.get(key) : at && !(at.dataset && at.dataset.key) ? at : undefined;
      if (same === undefined) old.insertBefore(child, at);
      else {
        if (same === at) at = at.nextSibling;
        else old.insertBefore(same, at);
        morph(same, child);
      }
    }
    while (at !== null) {
      const gone = at;
      at = at.nextSibling;
      gone.remove();
    }
  }

  function show(regions) {
    let waits = false;
    for (const [id, html] of Object.entries(regions)) {
      const region = document.getElementById(id);
      if (region === null) continue;
      if (isHeld(region)) {
        waits = true;
        held.set(id, html);
        continue;
      }
      held.delete(id);
      const parsed = new DOMParser().parseFromString("<div>" + html + "</div>", "text/html").body.firstChild;
      morphChildren(region, parsed);
    }
    say(waits ? "Waits" : "Live", waits ? "The list waits while you use it" : "This page is up to date");
  }
  const held = new Map();

  /** Says above the page why it is not followed. */
  function tell(words) {
    if (fault.textContent !== words) fault.textContent = words;
    fault.hidden = words === "";
  }

  function say(text, title) {
    if (state.textContent === text) return;
    // What is told aloud is that the page is no longer up to date, and that it is again.
    const isTrouble = text === "Reconnecting" || text === "Stopped";
    state.setAttribute("aria-live", isTrouble || wasTrouble ? "polite" : "off");
    wasTrouble = isTrouble;
    state.textContent = text;
    state.title = title;
    state.dataset.state = text.toLowerCase();
  }

  function open() {
    if (stream !== undefined || document.hidden) return;
    stream = new EventSource(location.href);
    stream.onmessage = ({ data }) => {
      ends = 0;
      tell("");
      show({ ...Object.fromEntries(held), ...JSON.parse(data) });
    };
    stream.addEventListener("fault", ({ data }) => {
      tell(JSON.parse(data));
      say("Reconnecting", "This page is not up to date");
    });
    stream.onerror = () => {
      ends++;
      if (stream.readyState === EventSource.CLOSED) say("Stopped", "The console has refused this page: load it again");
      else if (ends > 1) say("Reconnecting", "The console does not answer");
    };
  }
  function close() {
    ends = 0;
    if (stream !== undefined) stream.close();
    stream = undefined;
  }

  if (state !== null) {
    state.hidden = false;
    say("Connecting", "This page is about to be followed");
    open();
    document.addEventListener("visibilitychange", () => document.hidden ? close() : open());
    addEventListener("pagehide", close);
    addEventListener("pageshow", open);
  }

  // On a narrow screen the navigation is a strip.
  const current = document.querySelector(".side [aria-current]");
  if (current !== null) current.closest("nav").scrollLeft = current.offsetLeft - 40;

  // A form that is sent twice would do it twice.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if ("sent" in form.dataset) return event.preventDefault();
    form.dataset.sent = "";
    for (const button of form.querySelectorAll("button")) button.setAttribute("aria-disabled", "true");
  });
  addEventListener("pageshow", () => {
    for (const form of document.forms) {
      delete form.dataset.sent;
      for (const button of form.querySelectorAll("button")) button.removeAttribute("aria-disabled");
    }
  });
}
`;
