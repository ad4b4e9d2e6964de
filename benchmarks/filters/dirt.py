"""Documents with dirt of one kind each, planted into clean ones; made without a look at any word list of the filters.

spam                keywords of the language in a row without function words, or an advertisement with prices and addresses
wrong language      a page of another language under this label
boilerplate         titles, menus and footers: lines of the corpus that do not end like a sentence, few of them long
code in text        a page of which three fifths and more are a file of source code, or all of it
repeated n-grams    a page with one phrase forty times in it, or one paragraph six times
symbols             a page that is mostly rows of signs
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace

from benchmarks.filters.clean import language_of
from data_pipeline.documents import Document
from data_pipeline.measures.languages import identifies
from data_pipeline.measures.scripts import WITHOUT_SPACES

CLASSES = ("spam", "wrong language", "boilerplate", "code in text", "repeated n-grams", "symbols")
_PRODUCTS = ("Omega-3", "iPhone 15", "Ray-Ban", "VPN Plus", "Slim XL", "Lotto24", "Casino Royal", "Crypto Pro", "Nike Air", "Viagron")
_ADS = {
    "en": ("Get {p} today for only ${n}!", "Save {n}% on {p} NOW", "Don't miss it! Order at www.{d}", "Free delivery on every {p}!", "Sign up and win {n} dollars! http://{d}/win"),
    "de": ("Jetzt {p} für nur {n} € sichern!", "{n}% Rabatt auf {p} NUR HEUTE", "Gleich bestellen: www.{d}", "{p} ohne Versandkosten!", "Anmelden und {n} € gewinnen! http://{d}/win"),
    "fr": ("Achetez {p} pour seulement {n} € !", "{n}% de remise sur {p} AUJOURD'HUI", "Commandez sur www.{d} !", "{p} : livraison gratuite !", "Inscrivez-vous et gagnez {n} € ! http://{d}/win"),
    "es": ("¡Compra {p} por solo {n} €!", "{n}% de descuento en {p} SOLO HOY", "¡Pídelo ya en www.{d}!", "¡{p} con envío gratis!", "¡Regístrate y gana {n} €! http://{d}/win"),
    "pt": ("Compre {p} por apenas R$ {n}!", "{n}% de desconto em {p} SOMENTE HOJE", "Peça já em www.{d}!", "{p} com frete grátis!", "Cadastre-se e ganhe R$ {n}! http://{d}/win"),
    "it": ("Acquista {p} a soli {n} €!", "{n}% di sconto su {p} SOLO OGGI", "Ordina subito su www.{d}!", "{p} con spedizione gratuita!", "Iscriviti e vinci {n} €! http://{d}/win"),
    "pl": ("Kup {p} za jedyne {n} zł!", "{n}% rabatu na {p} TYLKO DZIŚ", "Zamów teraz na www.{d}!", "{p} z darmową dostawą!", "Zapisz się i wygraj {n} €! http://{d}/win"),
    "ru": ("Купите {p} всего за {n} ₽!", "Скидка {n}% на {p} ТОЛЬКО СЕГОДНЯ", "Закажите на www.{d}!", "{p} с бесплатной доставкой!", "Зарегистрируйтесь и выиграйте {n} $! http://{d}/win"),
    "tr": ("{p} şimdi sadece {n} ₺!", "{p} için %{n} indirim BUGÜN", "Hemen sipariş ver: www.{d}!", "{p} ücretsiz kargo!", "Üye ol, {n} ₺ kazan! http://{d}/win"),
    "id": ("Beli {p} hanya Rp {n}!", "Diskon {n}% untuk {p} HARI INI", "Pesan sekarang di www.{d}!", "{p} gratis ongkir!", "Daftar dan menangkan $ {n}! http://{d}/win"),
    "vi": ("Mua {p} chỉ với {n} ₫!", "Giảm {n}% cho {p} HÔM NAY", "Đặt hàng tại www.{d}!", "{p} miễn phí vận chuyển!", "Đăng ký và nhận $ {n}! http://{d}/win"),
    "zh": ("现在购买{p}只需{n}元！", "{p}今日{n}%折扣！", "立即订购www.{d}！", "{p}全国包邮！", "注册即可赢取${n}！http://{d}/win"),
}  # fmt: skip
_SIGNS = frozenset("()[]{}=;<>$&|_#\\\"`@^~+*")
_FOOTERS = ("© {n} {p}", "{p} | {n} | RSS", "« {n} »", "1 2 3 4 5 ... {n}", "+ {p}", "{p} ({n})", "{n} / {n}")


class Soil:
    """What dirt is made of: the clean documents by language, their words and titles, and files of source code."""

    def __init__(self, good: list[Document], code: list[Document], chance: random.Random) -> None:
        self._chance = chance
        self._code = code
        self._by_language: defaultdict[str, list[Document]] = defaultdict(list)
        for entry in good:
            self._by_language[language_of(entry)].append(entry)
        self._keywords = {language: _keywords(language, group) for language, group in self._by_language.items()}
        self._titles = {language: _titles(group) for language, group in self._by_language.items()}

    def planted(self, number: int, entry: Document) -> Iterator[tuple[str, Document]]:
        """(class, document) of each class that can be made of this document."""
        made = {
            "spam": self._spam(number, language_of(entry)),
            "wrong language": self._foreign(language_of(entry)),
            "boilerplate": self._boilerplate(language_of(entry)),
            "code in text": self._with_code(number, entry.text),
            "repeated n-grams": self._repeated(number, entry.text),
            "symbols": self._symbols(entry.text),
        }
        for name, text in made.items():
            if text:
                yield name, replace(entry, id=f"{name}:{entry.id}", text=text)

    def _spam(self, number: int, language: str) -> str:
        chance = self._chance
        if number % 2 and language in _ADS:
            lines = [chance.choice(_ADS[language]) for _ in range(chance.randint(15, 40))]
            return ("\n" if number % 4 == 1 else " ").join(map(self._filled, lines))
        keywords = self._keywords[language]
        if len(keywords) < 30:
            return ""
        chosen = chance.sample(keywords, chance.randint(30, min(90, len(keywords))))
        between = "" if language in WITHOUT_SPACES else chance.choice((" ", ", "))
        return between.join(chance.choice(chosen) for _ in range(chance.randint(150, 300)))

    def _filled(self, template: str) -> str:
        chance = self._chance
        domain = f"{chance.choice(('best', 'top', 'super', 'my'))}{chance.choice(('deal', 'shop', 'price', 'win'))}{chance.randint(1, 99)}.com"
        return template.format(p=chance.choice(_PRODUCTS), n=chance.choice((19, 29, 49, 50, 70, 99, 199, 500)), d=domain)

    def _foreign(self, language: str) -> str:
        if not identifies(language):
            return ""
        others = [name for name in sorted(self._by_language) if not _near(name, language)]
        if not others:
            return ""
        return self._chance.choice(self._by_language[self._chance.choice(others)]).text

    def _boilerplate(self, language: str) -> str:
        titles, chance = self._titles[language], self._chance
        if len(titles) < 20:
            return ""
        lines = [self._filled(chance.choice(_FOOTERS)) if chance.random() < 0.15 else chance.choice(titles) for _ in range(chance.randint(40, 90))]
        between = chance.choice(("\n", "\n", "\n\n", "\n* "))
        return between.join(lines)

    def _with_code(self, number: int, text: str) -> str:
        if not self._code:
            return ""
        code = self._chance.choice(self._code).text[:6000]
        share = len(code) * 2 // 3
        return code if number % 2 else f"{text[: share // 2]}\n\n{code}\n\n{text[share // 2 : share]}"

    def _repeated(self, number: int, text: str) -> str:
        prose = [line for line in text.split("\n") if len(line) >= 40 and line.endswith((".", "。", "।", "។"))] or [text]
        paragraph = self._chance.choice(prose)[:500]
        if number % 2:
            return "\n\n".join([paragraph] * 6)
        words = paragraph.split()
        phrase = " ".join(words[:7]) if len(words) > 10 else paragraph[:20]
        return f"{prose[0]} {f'{phrase} ' * 40}{prose[-1]}"

    def _symbols(self, text: str) -> str:
        chance = self._chance
        rows = ("".join(chance.choice("=-|+.:/_ ") for _ in range(chance.randint(20, 60))) for _ in range(40))
        return text[:300] + "\n" + "\n".join(rows)


def _near(one: str, other: str) -> bool:
    """Languages that an identifier, and many a reader, cannot tell apart by a page."""
    groups = ({"id", "ms"}, {"hr", "bs", "sr", "sl"}, {"nb", "nn", "no", "da"}, {"es", "gl", "pt", "ca", "an"}, {"be", "uk", "ru"}, {"cs", "sk"}, {"mk", "bg", "sr"}, {"mr", "hi"}, {"as", "bn"})  # fmt: skip
    return one == other or any({one, other} <= group for group in groups)


def _keywords(language: str, group: list[Document]) -> list[str]:
    """Words of five letters and more but for the 50 commonest; pairs of characters where no blanks stand between words."""
    text = " ".join(entry.text for entry in group)
    if language in WITHOUT_SPACES:
        found = Counter(a + b for a, b in zip(text[::2], text[1::2], strict=False) if a.isalpha() and b.isalpha() and not (a + b).isascii())
    else:
        found = Counter(word for word in text.lower().split() if word.isalpha() and len(word) >= 5)
    return [word for word, _ in found.most_common(2000)[50:]]


def _titles(group: list[Document]) -> list[str]:
    """Lines of at most 40 characters that do not end like a sentence."""
    found = (line.strip() for entry in group for line in entry.text.split("\n"))
    return sorted({line for line in found if 3 <= len(line) <= 40 and line[-1].isalnum() and not _SIGNS & set(line)})
