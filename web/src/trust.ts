/** How far the map may be trusted: one figure by the title, the rest behind it. */

import { byId, element, formatCount, formatPercent } from "./dom";
import type { Interval, MapInfo, Quality } from "./payload";

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
    if (!popover.contains(target) && !button.contains(target)) toggle(false);
  });
  const escape = (event: KeyboardEvent): void => {
    if (event.key !== "Escape" || popover.hidden) return;
    event.preventDefault();
    toggle(false);
    button.focus();
  };
  for (const part of [button, popover]) part.addEventListener("keydown", escape);
  const box = byId<HTMLInputElement>("trust-hatch");
  box.addEventListener("change", () => hatch(box.checked));
}

type Row = [what: string, figure: string, range: string];

const exact = (value: Interval): boolean => value.low === value.high;

/** The interval in percent; what was measured on all articles has none. */
const range = (value: Interval): string =>
  exact(value) ? "" : `${(value.low * 100).toFixed(1)}–${(value.high * 100).toFixed(1)} %`;

const sentence = (ten: Interval): string =>
  `The map keeps ${formatPercent(ten.mean)} of each article’s 10 nearest neighbours` +
  (exact(ten) ? "." : ` (95 % interval ${range(ten)}).`);

/** What the figures say, in plain words; those that a map of an earlier version lacks are left out. */
export function figures(quality: Quality): Row[] {
  const shares: [string, Interval | null | undefined][] = [
    ["near here, near in meaning", quality.trustworthiness],
    ["near in meaning, near here", quality.continuity],
    ["nearer of two is nearer here", quality.random_triplets],
  ];
  const rows = Object.entries(quality.recall).map(([k, value]): Row => shareRow(`nearest ${k}`, value));
  const overlap = quality.question_overlap;
  if (overlap !== null) rows.push(["questions’ nearest 5", formatPercent(overlap), ""]);
  for (const [what, value] of shares) if (value) rows.push(shareRow(what, value));
  const far = quality.distance_rank_correlation;
  if (far) rows.push(["order of all distances", far.mean.toFixed(2), "1 is true"]);
  return rows;
}

const shareRow = (what: string, value: Interval): Row => [what, formatPercent(value.mean), range(value)];

/** On how many articles the shares were measured; null where an earlier version did not note it. */
export function howMeasured({ quality, documents }: Pick<MapInfo, "quality" | "documents">): string | null {
  const measured = quality.measured ?? null;
  if (measured === null) return null;
  return measured < documents
    ? `Measured on ${formatCount(measured)} articles against all ${formatCount(documents)}, with 95 % intervals.`
    : "Measured on all articles.";
}

function fill(table: HTMLElement, map: MapInfo): void {
  table.append(...figures(map.quality).map((cells) => row(...cells)));
  const how = howMeasured(map);
  if (how !== null) byId("trust-how").textContent = how;
  byId("trust-model").textContent =
    `Articles lie near each other when the model ${map.model} finds their texts alike. ` +
    `A flat map can keep only part of that: the figures say how much.`;
}

const row = (...cells: Row): HTMLTableRowElement =>
  element("tr", {}, [
    element("th", { text: cells[0], attributes: { scope: "row" } }),
    element("td", { text: cells[1] }),
    element("td", { text: cells[2] }),
  ]);
