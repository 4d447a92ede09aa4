"""The labels of an atlas's map as a person reads them: a table, whether they are true, some articles at random."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from knowscape.atlas import Atlas
from knowscape.errors import UsageError
from knowscape.maps.knowledge_map import KnowledgeMap
from knowscape.maps.labels import spot_check, untrue_labels
from knowscape.maps.language_model import Asked, Namer, NamingError
from knowscape.maps.regions import Region, Regions
from knowscape.progress import SILENT, Progress

__all__ = ["Renamed", "list_labels", "name_labels", "spots", "verify_labels"]

# So many titles of a region are sent, and after so many failures in a row no more are tried.
_TITLES, _PATIENCE = 20, 5


def list_labels(atlas: Atlas, *, level: int | None = None, model: str | None = None) -> list[dict[str, Any]]:
    """Return every label, or those of one level from 1, the coarsest: support, purity, place and exemplars' titles."""
    made, titles = atlas.map(model), atlas.documents(model).titles
    levels = made.regions.levels
    if level is not None and not 1 <= level <= len(levels):
        raise UsageError(f"There is no level {level}. Accepted: 1, the coarsest, to {len(levels)}.")
    chosen = range(len(levels)) if level is None else [level - 1]
    return [
        {
            "level": number + 1,
            "label": region.label,
            "within": levels[number - 1][region.parent].label if region.parent is not None else None,
            "support": region.support,
            "purity": region.purity,
            "place": region.place,
            **dict(zip("xyz", region.point, strict=False)),
            "exemplars": [titles[row] for row in region.exemplars],
        }
        for number in chosen
        for region in levels[number]
    ]


def verify_labels(atlas: Atlas, *, model: str | None = None) -> dict[str, Any]:
    """Return, for each level, how well its labels are supported, and a sentence for every label that is untrue."""
    made, graph = atlas.map(model), atlas.neighbours(model)
    if made.document_ids != atlas.documents(model).ids:
        raise UsageError(f"The map is older than the corpus. Make it anew with: knowscape map {atlas.path}")
    levels = [_summary(number, regions) for number, regions in enumerate(made.regions.levels, 1)]
    return {"levels": levels, "untrue": [f"The map {says}" for says in untrue_labels(made, graph)]}


def _summary(number: int, regions: Sequence[Region]) -> dict[str, Any]:
    places = [region.place for region in regions if region.place is not None]
    purity, support = [region.purity for region in regions], [region.support for region in regions]
    return {
        "level": number,
        "labels": len(regions),
        "support_least": min(support),
        "support_median": float(np.median(support)),
        "purity_mean": float(np.average(purity, weights=support)),
        "purity_least": min(purity),
        "place_mean": float(np.mean(places)) if places else None,
        "place_least": min(places) if places else None,
    }


def spots(atlas: Atlas, count: int, *, seed: int = 0, model: str | None = None) -> list[dict[str, Any]]:
    """Return random articles with their labels, coarse to fine, and how often their true neighbours have each label."""
    documents = atlas.documents(model)
    return [
        {
            "id": documents.ids[spot.row],
            "title": documents.titles[spot.row],
            "labels": list(spot.labels),
            "neighbours": [documents.titles[row] for row in spot.neighbours],
            "neighbours_labels": [dict(level) for level in spot.theirs],
        }
        for spot in spot_check(atlas.map(model), atlas.neighbours(model), count, seed=seed)
    ]


@dataclass(frozen=True, slots=True)
class Renamed:
    """How many labels got another name, how many kept their own because there was none, and the last reason."""

    named: int
    kept: int
    why: str


def name_labels(
    atlas: Atlas, namer: Namer, *, who: str, model: str | None = None, progress: Progress = SILENT
) -> Renamed:
    """Ask `namer` for the name of every region and store the map with them; `who` is noted as their author.

    Nothing is sent but titles of articles and names of regions.  A region keeps its own name where the namer fails or
    gives one that stands elsewhere in the level, above or below; after five failures in a row nobody is asked any more.
    """
    name, _ = atlas.model(model)
    made, titles = atlas.map(name), atlas.documents(name).titles
    naming = _Naming(made, titles, namer)
    with progress.stage("Names", total=sum(map(len, made.regions.levels))) as stage:
        levels = [tuple(naming.level(level, stage.advance)) for level in range(len(made.regions.levels))]
    if naming.named:
        about = {**made.about, "names": who}
        replace(made, regions=Regions(tuple(levels), made.regions.membership), about=about).save(atlas.folder.map(name))
    return Renamed(naming.named, naming.kept, naming.why)


class _Naming:
    """One pass over the levels, coarse to fine."""

    def __init__(self, made: KnowledgeMap, titles: Sequence[str], namer: Namer) -> None:
        self._made, self._titles, self._namer = made, titles, namer
        self._done: list[list[Region]] = []
        self.named, self.kept, self.why, self._in_a_row = 0, 0, "", 0

    def level(self, level: int, advance: Any) -> list[Region]:
        """Return a level's regions with their names."""
        regions = list(self._made.regions.levels[level])
        taken = {region.label for region in regions}
        for number, region in enumerate(regions):
            above = self._above(region, level)
            said = self._ask(Asked(tuple(self._some_titles(level, number)), above, region.label))
            if said is not None and said not in {*above, *taken - {region.label}, *self._below(level, number)}:
                taken = taken - {region.label} | {said}
                regions[number] = replace(region, label=said)
                self.named += 1
            else:
                self.kept += 1
                self.why = self.why if said is None else f"{said!r} is taken"
            advance()
        self._done.append(regions)
        return regions

    def _ask(self, region: Asked) -> str | None:
        if self._in_a_row >= _PATIENCE:
            return None
        try:
            said = self._namer.name(region)
        except NamingError as error:
            self._in_a_row += 1
            self.why = str(error)
            return None
        self._in_a_row = 0
        return said

    def _above(self, region: Region, level: int) -> tuple[str, ...]:
        names = []
        for depth in range(level - 1, -1, -1):
            region = self._done[depth][region.parent or 0]
            names.append(region.label)
        return tuple(names[::-1])

    def _below(self, level: int, number: int) -> set[str]:
        levels, membership = self._made.regions.levels, self._made.regions.membership
        inside = membership[membership[:, level] == number]
        deeper = range(level + 1, len(levels))
        return {levels[depth][one].label for depth in deeper for one in np.unique(inside[:, depth])}

    def _some_titles(self, level: int, number: int) -> Iterator[str]:
        """Yield the exemplars' titles, then others, evenly from the whole region, none twice."""
        region = self._made.regions.levels[level][number]
        members = np.flatnonzero(self._made.regions.membership[:, level] == number)
        others = members[np.unique(np.linspace(0, len(members) - 1, _TITLES).astype(int))].tolist()
        rows = dict.fromkeys([*region.exemplars, *others])
        yield from [self._titles[row] for row in rows][:_TITLES]
