"""In which language a text is written, as far as its words are to be reduced to stems."""

import re
from collections import Counter
from collections.abc import Sequence

__all__ = ["CJK", "LANGUAGES", "language_of", "languages_of"]

# By code: the name of the stemmer (Snowball, Porter 2001), and words that nearly every text of the language has.
LANGUAGES = {
    "ar": ("arabic", "في من على إلى أن هذا التي كان عن مع"),
    "da": ("danish", "og det er en til af på der ikke som den blev"),
    "de": ("german", "der die und das ist von mit dem nicht den ein eine wurde auf für im"),
    "el": ("greek", "και το να του η της με που την είναι από"),
    "en": ("english", "the of and to in is was for that with as by on are from which"),
    "es": ("spanish", "de la que el en los del las por con una para es fue como más"),
    "fi": ("finnish", "ja on oli että ei se hän ovat joka mutta kun myös"),
    "fr": ("french", "de la le les et des en est du une dans par pour qui que au"),
    "hu": ("hungarian", "és egy hogy nem volt az meg ez azt csak is vagy"),
    "it": ("italian", "di che il la per una del con non della sono nel gli dei è"),
    "nl": ("dutch", "de het van een en dat op te zijn met voor niet aan werd"),
    "no": ("norwegian", "og det er en til av på som ikke den ble han fra etter"),
    "pt": ("portuguese", "de que em um para com não uma os no se na por mais as dos"),
    "ro": ("romanian", "și în de la cu pe este din care pentru un fost sau mai"),
    "ru": ("russian", "и в не на что он с как это по из был для но от"),
    "sv": ("swedish", "och det att i en som på är av för med den till inte"),
    "tr": ("turkish", "ve bir bu için ile olarak da de çok daha olan gibi"),
}
# Chinese, Japanese and Korean have no stems here; they are found by pairs of characters.
CJK = "cjk"
_OF_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_WORD = re.compile(r"[^\W\d_]+")
_READ = 2000
_LEAST_HITS = 2
# Of a corpus: so many texts are looked at, and a language counts that so large a share of them has.
_SAMPLE, _LEAST_SHARE = 2000, 0.03
_OWNERS: dict[str, list[str]] = {}
for _code, (_, _said) in LANGUAGES.items():
    for _one in _said.split():
        _OWNERS.setdefault(_one, []).append(_code)


def language_of(text: str, among: Sequence[str] = (*LANGUAGES, CJK)) -> str | None:
    """Return the language, one of `among`, whose frequent words a text has most of; None where it shows none."""
    start = text[:_READ]
    if CJK in among and len(_OF_CJK.findall(start)) * 4 > len(start.replace(" ", "")):
        return CJK
    votes = Counter[str]()
    for word in _WORD.findall(start.lower()):
        votes.update(_OWNERS.get(word, ()))
    found = [(count, code) for code, count in votes.items() if code in among and count >= _LEAST_HITS]
    return max(found)[1] if found else None


def languages_of(texts: Sequence[str]) -> list[str]:
    """Return the languages of a corpus, the most frequent first; en where none shows."""
    step = max(1, len(texts) // _SAMPLE)
    counts = Counter(filter(None, (language_of(text) for text in texts[::step])))
    total = sum(counts.values())
    return [code for code, count in counts.most_common() if count >= _LEAST_SHARE * total] or ["en"]
