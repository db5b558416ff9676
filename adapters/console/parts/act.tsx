import type { Child } from "hono/jsx";
import type { JSX } from "hono/jsx/jsx-runtime";
import { fieldText } from "../links.ts";

/** What an action is done to, as the fields of its form. */
export type Values = Readonly<Record<string, string | undefined>>;

/** A button that does something. */
export function Act({ action, values, look, children }: {
  action: string;
  values: Values;
  look?: "strong" | "danger";
  children?: Child;
}): JSX.Element {
  return (
    <form class="act" method="post" action={`./${action}`}>
      {Object.entries(values).map(([name, value]) => (
        value === undefined ? "" : <input type="hidden" name={name} value={fieldText(value)} />
      ))}
      <button type="submit" class={look}>{children}</button>
    </form>
  );
}

/** A button that does something only after it was asked whether that is meant. */
export function Confirm({ id, action, values, label, question, sure, look = "danger" }: {
  id: string;
  action: string;
  values: Values;
  label: string;
  /** Names that others have chosen are each in a `bdi`, so that a mark in one of them cannot turn the words around it. */
  question: Child;
  /** What the button says that does it. */
  sure: Child;
  look?: "strong" | "danger";
}): JSX.Element {
  return (
    <details class="confirm" id={id}>
      <summary>{label}</summary>
      <div>
        <p>{question}</p>
        <Act action={action} values={values} look={look}>{sure}</Act>
      </div>
    </details>
  );
}
