/** How far the map may be trusted: one figure by the title, the rest behind it. */

import { byId, element } from "./dom";
import type { Interval, MapInfo, Quality } from "./payload";
import { formatDigits, formatPercent, formatPercents, say } from "./words";

export function startTrust(map: MapInfo, hatch: (on: boolean) => void): void {
  const button = byId<HTMLButtonElement>("trust");
  const popover = byId("trust-more");
  const ten = map.quality.recall["10"];
  byId("trust-count").textContent = say("page.articles", { count: map.documents });
  const share = ten && formatPercent(ten.mean);
  button.replaceChildren(
    element("span", { class: "roomy", text: share ? say("trust.kept-roomy", { share }) : say("trust.about") }),
    element("span", { class: "brief", text: share ? say("trust.kept", { share }) : say("trust.about") }),
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
  exact(value) ? "" : formatPercents(value.low, value.high, 1);

const sentence = (ten: Interval): string =>
  say(exact(ten) ? "trust.ten" : "trust.ten-interval", { share: formatPercent(ten.mean), count: 10, range: range(ten) });

/** What the figures say, in plain words; those that a map of an earlier version lacks are left out. */
export function figures(quality: Quality): Row[] {
  const shares: [string, Interval | null | undefined][] = [
    [say("trust.near-here"), quality.trustworthiness],
    [say("trust.near-meaning"), quality.continuity],
    [say("trust.nearer"), quality.random_triplets],
  ];
  const rows = Object.entries(quality.recall).map(([k, value]): Row => shareRow(say("trust.nearest", { count: Number(k) }), value));
  const overlap = quality.question_overlap;
  if (overlap !== null) rows.push([say("trust.questions", { count: 5 }), formatPercent(overlap), ""]);
  for (const [what, value] of shares) if (value) rows.push(shareRow(what, value));
  const far = quality.distance_rank_correlation;
  if (far) rows.push([say("trust.order"), formatDigits(far.mean, 2), say("trust.order-true")]);
  return rows;
}

const shareRow = (what: string, value: Interval): Row => [what, formatPercent(value.mean), range(value)];

/** On how many articles the shares were measured; null where an earlier version did not note it. */
export function howMeasured({ quality, documents }: Pick<MapInfo, "quality" | "documents">): string | null {
  const measured = quality.measured ?? null;
  if (measured === null) return null;
  return measured < documents
    ? say("trust.measured-some", { measured, all: documents })
    : say("trust.measured-all");
}

function fill(table: HTMLElement, map: MapInfo): void {
  table.append(...figures(map.quality).map((cells) => row(...cells)));
  const how = howMeasured(map);
  if (how !== null) byId("trust-how").textContent = how;
  byId("trust-model").textContent = say("trust.model", { model: map.model });
}

const row = (...cells: Row): HTMLTableRowElement =>
  element("tr", {}, [
    element("th", { text: cells[0], attributes: { scope: "row" } }),
    element("td", { text: cells[1] }),
    element("td", { text: cells[2] }),
  ]);
