/** How far the map may be trusted: one figure by the title, the rest behind it. */

import { byId, element, formatCount, formatPercent } from "./dom";
import type { Interval, MapInfo } from "./payload";

export function startTrust(map: MapInfo, hatch: (on: boolean) => void): void {
  const button = byId<HTMLButtonElement>("trust");
  const popover = byId("trust-more");
  const ten = map.quality.recall["10"];
  byId("trust-count").textContent = `${formatCount(map.documents)} articles`;
  button.replaceChildren(
    element("span", { text: ten ? formatPercent(ten.mean) : "about" }),
    element("span", { class: "roomy", text: ten ? " of neighbours" : "" }),
    element("span", { text: ten ? " kept" : " this map" }),
  );
  button.title = ten ? sentence(ten) : "";
  fill(byId("trust-table"), map);
  const toggle = (open: boolean): void => {
    popover.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
  };
  button.addEventListener("click", () => toggle(Boolean(popover.hidden)));
  document.addEventListener("pointerdown", (event) => {
    const target = event.target as Node;
    if (!popover.contains(target) && target !== button) toggle(false);
  });
  popover.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    toggle(false);
    button.focus();
  });
  const box = byId<HTMLInputElement>("trust-hatch");
  box.addEventListener("change", () => hatch(box.checked));
}

const range = (value: Interval): string =>
  `${(value.low * 100).toFixed(1)}–${(value.high * 100).toFixed(1)} %`;

const sentence = (ten: Interval): string =>
  `The map keeps ${formatPercent(ten.mean)} of each article’s 10 nearest neighbours (95 % interval ${range(ten)}).`;

function fill(table: HTMLElement, map: MapInfo): void {
  for (const [k, value] of Object.entries(map.quality.recall)) {
    table.append(row(`nearest ${k}`, formatPercent(value.mean), range(value)));
  }
  const overlap = map.quality.question_overlap;
  if (overlap !== null) table.append(row("questions’ nearest 5", formatPercent(overlap), ""));
  byId("trust-model").textContent =
    `Articles lie near each other when the model ${map.model} finds their texts alike. ` +
    `A flat map can keep only part of that: the figures say how much.`;
}

const row = (...cells: [string, string, string]): HTMLTableRowElement =>
  element("tr", {}, [
    element("th", { text: cells[0], attributes: { scope: "row" } }),
    element("td", { text: cells[1] }),
    element("td", { text: cells[2] }),
  ]);
