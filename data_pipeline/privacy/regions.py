"""Where a language is mostly written from: a telephone number without a country code is read as one of these regions.

A language that is not here is taken for one of programs.
"""

from __future__ import annotations

REGIONS: dict[str, tuple[str, ...]] = {
    "af": ("ZA",), "ak": ("GH",), "am": ("ET",), "ar": ("EG", "SA", "AE"), "as": ("IN",), "az": ("AZ",),
    "be": ("BY",), "bg": ("BG",), "bm": ("ML",), "bn": ("BD", "IN"), "bo": ("CN",), "bs": ("BA",),
    "ca": ("ES",), "cs": ("CZ",), "cy": ("GB",), "da": ("DK",), "de": ("DE", "AT", "CH"), "dz": ("BT",),
    "el": ("GR",), "en": ("US", "GB", "IN"), "eo": (), "es": ("ES", "MX", "AR"), "et": ("EE",),
    "eu": ("ES",), "fa": ("IR",), "fi": ("FI",), "fo": ("FO",), "fon": ("BJ",), "fr": ("FR", "BE", "CH"),
    "fy": ("NL",), "ga": ("IE",), "gd": ("GB",), "gl": ("ES",), "gu": ("IN",), "ha": ("NG",), "he": ("IL",),
    "hi": ("IN",), "hr": ("HR",), "ht": ("HT",), "hu": ("HU",), "hy": ("AM",), "id": ("ID",), "ig": ("NG",),
    "is": ("IS",), "it": ("IT",), "ja": ("JP",), "jv": ("ID",), "ka": ("GE",), "ki": ("KE",), "kk": ("KZ",),
    "km": ("KH",), "kn": ("IN",), "ko": ("KR",), "ku": ("IQ",), "ky": ("KG",), "la": (), "lb": ("LU",),
    "lg": ("UG",), "ln": ("CD",), "lo": ("LA",), "lt": ("LT",), "lv": ("LV",), "mg": ("MG",), "mk": ("MK",),
    "ml": ("IN",), "mn": ("MN",), "mr": ("IN",), "ms": ("MY",), "mt": ("MT",), "my": ("MM",), "nb": ("NO",),
    "ne": ("NP",), "nl": ("NL", "BE"), "nn": ("NO",), "no": ("NO",), "nso": ("ZA",), "ny": ("MW",),
    "oc": ("FR",), "om": ("ET",), "or": ("IN",), "pa": ("IN",), "pl": ("PL",), "ps": ("AF",),
    "pt": ("BR", "PT"), "rn": ("BI",), "ro": ("RO",), "ru": ("RU",), "rw": ("RW",), "si": ("LK",),
    "sk": ("SK",), "sl": ("SI",), "sn": ("ZW",), "so": ("SO",), "sq": ("AL",), "sr": ("RS",),
    "st": ("LS", "ZA"), "su": ("ID",), "sv": ("SE",), "sw": ("KE", "TZ"), "ta": ("IN",), "te": ("IN",),
    "tg": ("TJ",), "th": ("TH",), "tk": ("TM",), "tl": ("PH",), "tn": ("BW", "ZA"), "tr": ("TR",),
    "ts": ("ZA",), "tt": ("RU",), "tum": ("MW",), "tw": ("GH",), "ug": ("CN",), "uk": ("UA",),
    "ur": ("PK",), "uz": ("UZ",), "vi": ("VN",), "wa": ("BE",), "wo": ("SN",), "xh": ("ZA",), "yo": ("NG",),
    "zh": ("CN", "TW", "HK"), "zhs": ("CN",), "zht": ("TW", "HK"), "zu": ("ZA",),
}  # fmt: skip
"""The largest countries in which the language is official. Others are found by their `+` and country code."""
