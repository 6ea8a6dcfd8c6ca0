"""Languages as people write them: by code, with a region, or by their English name."""

from __future__ import annotations

import re

# Code of ISO 639-1, those of ISO 639-2, English names.
_TABLE = """
af afr afrikaans; ar ara arabic; be bel belarusian; bg bul bulgarian; bn ben bengali bangla; bs bos bosnian;
ca cat catalan; cs ces cze czech; cy cym wel welsh; da dan danish; de deu ger german; el ell gre greek; en eng english;
es spa spanish castilian; et est estonian; eu eus baq basque; fa fas per persian farsi; fi fin finnish;
fr fra fre french; ga gle irish; gl glg galician; gu guj gujarati; he heb hebrew; hi hin hindi; hr hrv croatian;
hu hun hungarian; hy hye arm armenian; id ind indonesian; is isl ice icelandic; it ita italian; ja jpn japanese;
ka kat geo georgian; kk kaz kazakh; kn kan kannada; ko kor korean; la lat latin; lt lit lithuanian; lv lav latvian;
mk mkd mac macedonian; ml mal malayalam; mr mar marathi; ms msa may malay; ne nep nepali; nl nld dut dutch flemish;
no nor nb nob norwegian; pa pan punjabi; pl pol polish; pt por portuguese; ro ron rum romanian; ru rus russian;
sk slk slo slovak; sl slv slovenian slovene; sq sqi alb albanian; sr srp serbian; sv swe swedish; sw swa swahili;
ta tam tamil; te tel telugu; th tha thai; tl tgl tagalog filipino; tr tur turkish; uk ukr ukrainian; ur urd urdu;
vi vie vietnamese; zh zho chi cmn chinese mandarin
"""
_CODES = {form: forms.split()[0] for forms in _TABLE.split(";") for form in forms.split()}
_REGION = re.compile(r"[\s_(-]")


def language_code(text: str) -> str:
    """Return the code of ISO 639-1 of a language: `en` for en-US, en_GB, eng and English.

    What is not known stays, in lower case.
    """
    written = text.strip().lower()
    language = _REGION.split(written, maxsplit=1)[0]
    return _CODES.get(language, language if len(language) in (2, 3) else written)
