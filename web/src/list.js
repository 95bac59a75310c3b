/**
 * The table of keypoints and the text of an explanation. Only text nodes are made: nothing that a server says becomes markup.
 * @import {PersonJson, Reason} from "./types.d.ts"
 */

/** @param {string} name */
export function words(name) {
  return name.replaceAll("_", " ");
}

/** @template {keyof HTMLElementTagNameMap} T @param {T} tag @param {Record<string, string>} attributes @param {(Node | string)[]} inner @returns {HTMLElementTagNameMap[T]} */
export function element(tag, attributes = {}, ...inner) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...inner);
  return made;
}

/**
 * @param {HTMLTableSectionElement} body @param {PersonJson} person @param {(name: string) => boolean} shows
 * @param {{ why: ((name: string) => void) | null, mark: (name: string | null) => void }} does
 */
export function fill(body, person, shows, { why, mark }) {
  body.replaceChildren(
    ...Object.entries(person.keypoints).map(([name, told]) => {
      const meter = element("meter", { min: "0", max: "1", value: String(told.score), "aria-hidden": "true" });
      const row = element("tr", { "data-keypoint": name }, element("th", { scope: "row" }, words(name)));
      row.append(element("td", {}, meter, " ", told.score.toFixed(2)), element("td", {}), element("td", {}));
      row.dataset.place = place(told.x, told.y);
      row.dataset.near = row.dataset.place + (told.radius === undefined ? "" : ` ± ${told.radius.toFixed(0)}`);
      const button = element("button", { type: "button", "aria-label": `Why is ${words(name)} there?` }, "Why?");
      button.disabled = why === null;
      button.addEventListener("click", () => why?.(name));
      row.append(element("td", {}, button));
      for (const kind of ["mouseenter", "focusin"]) row.addEventListener(kind, () => mark(name));
      for (const kind of ["mouseleave", "focusout"]) row.addEventListener(kind, () => mark(null));
      return row;
    }),
  );
  refresh(body, shows);
}

/** After a slider has moved. @param {HTMLTableSectionElement} body @param {(name: string) => boolean} shows */
export function refresh(body, shows) {
  for (const row of body.rows) {
    const shown = shows(row.dataset.keypoint ?? "");
    row.classList.toggle("faint", !shown);
    row.cells[2].textContent = shown ? "yes" : "no";
    row.cells[3].textContent = row.dataset[shown ? "near" : "place"] ?? "";
  }
}

/** @param {number} x @param {number} y */
function place(x, y) {
  return `${x.toFixed(0)}, ${y.toFixed(0)}`;
}

/** @param {HTMLElement} into @param {Reason} reason */
export function tell(into, reason) {
  const line = (/** @type {string} */ word, /** @type {string} */ text) => element("li", {}, element("strong", {}, word), text);
  const checks = reason.checks.map(({ name, passed, value, bound }) => {
    const word = passed === null ? "not run" : passed ? "passed" : "FAILED";
    return line(`${word}: `, `${name}${value === null ? "" : ` ${value.toPrecision(3)}`}${bound ? ` (${bound})` : ""}`);
  });
  into.replaceChildren(
    element("h3", {}, `Why is ${words(reason.keypoint)} there?`),
    element("p", {}, reason.answer),
    element("p", { class: `verdict ${reason.verdict.toLowerCase().replaceAll(" ", "-")}` }, reason.verdict),
    element("p", {}, `Method: ${reason.method}.`),
    element("ul", {}, ...checks),
    element("p", {}, "It does not show:"),
    element("ul", {}, ...reason.limits.map((limit) => element("li", {}, limit))),
  );
}
