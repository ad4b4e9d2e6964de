"""What a recipe learns is what the published trainers learn, the same in every process, and `transformers` reads it."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from tokenizers.implementations import BertWordPieceTokenizer

from data_pipeline.tokenize.encoder import train_encoder
from data_pipeline.tokenize.recipes import Recipe
from data_pipeline.tokenize.recipes.byte_bpe import END, ByteBPE
from data_pipeline.tokenize.recipes.unigram import Unigram
from data_pipeline.tokenize.recipes.wordpiece import WordPiece
from orchestrator.errors import DataError

ROOT = Path(__file__).parents[3]
SCRIPTS = {
    "latin": "aábcçdeéfghiíjklmnñoópqrsßtuúvwxyz", "greek": "αβγδεζηθικλμνξοπρστυφχψω", "cyrillic": "абвгдежзиклмнопрстуфхцчшщьюя",
    "arabic": "ابتثجحخدذرزسشصضطظعغفقكلمنهوي", "devanagari": "कखगघचछजझटठडढतथदधनपफबभमयरलवशषसहािीुूेो", "han": "的一是不了人我在有他这中大来上国",
}  # fmt: skip


def corpus(seed: int, size: int = 120) -> list[str]:
    """Texts of invented words in six scripts, some words frequent and most rare, with digits, code, ends of lines and tabs."""
    chance = random.Random(seed)
    lexicon = {
        name: ["".join(random.Random(f"{name} {word}").choices(letters, k=2 + word % 7)) for word in range(300)]
        for name, letters in SCRIPTS.items()
    }
    texts = []
    for _ in range(size):
        words = lexicon[chance.choice(sorted(lexicon))]
        ranks = [min(int(chance.paretovariate(0.7)), 299) for _ in range(80)]
        parts = [words[rank].capitalize() if chance.random() < 0.2 else words[rank] for rank in ranks]
        parts += ["\n", "\t", "  ", "1984", "x_1", "f(x)", "don't", "ﬁn", "½"]
        chance.shuffle(parts)
        texts.append(" ".join(parts).replace(" \n ", "\n"))
    return texts


TEXTS = corpus(1)
OTHERS = [*corpus(2, 40), "", " ", "  two  spaces before", "tail \n", "😀 unseen ꙮ", "a\r\nb\x00c"]
LITERALS = f"{END} </s> <unk> <s> [SEP] [UNK] [PAD] <0x0A> <0x41>"
RECIPES: list[tuple[Recipe, int]] = [
    (ByteBPE(), 900), (ByteBPE(split="bloom"), 900), (WordPiece(), 900), (WordPiece(cased=True, alphabet=60), 900),
    (Unigram(), 900), (Unigram(normalize=True, byte_fallback=False), 600),
]  # fmt: skip
LOSSLESS = RECIPES[:2] + RECIPES[4:5]


def named(value: object) -> str:
    return " ".join(f"{part}" for part in value.model_dump().values()) if isinstance(value, Recipe) else ""


def test_byte_bpe_is_the_librarys_trainer_with_gpt2s_settings() -> None:
    theirs = Tokenizer(models.BPE())
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    theirs.train_from_iterator(
        TEXTS, trainers.BpeTrainer(vocab_size=900, special_tokens=[END], initial_alphabet=alphabet, show_progress=False)
    )
    ours = train_encoder(ByteBPE(), TEXTS, 900)
    assert ours.tokenizer.get_vocab() == theirs.get_vocab()
    assert [ids[:-1].tolist() for ids in ours.encode(OTHERS)] == [one.ids for one in theirs.encode_batch(OTHERS)]


def test_bloom_is_its_recipe() -> None:
    """The pre-tokenizer of BLOOM's tokenizer.json; with its own special tokens the trainer learns the same merges."""
    theirs = Tokenizer(models.BPE())
    theirs.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r" ?[^(\s|[.,!?…。，、।۔،])]+"), behavior="isolated", invert=False),
        pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=False),
    ])  # fmt: skip
    theirs.decoder = decoders.ByteLevel()
    special = ["<unk>", "<s>", "</s>", "<pad>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    theirs.train_from_iterator(
        TEXTS, trainers.BpeTrainer(vocab_size=903, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    )
    ours = train_encoder(ByteBPE(split="bloom"), TEXTS, 900)
    assert set(ours.tokenizer.get_vocab()) - {END} == set(theirs.get_vocab()) - set(special)
    moved = [[id - 3 for id in one.ids] for one in theirs.encode_batch(OTHERS)]
    assert [ids[:-1].tolist() for ids in ours.encode(OTHERS)] == moved
    assert ours.tokenizer.normalizer is None


def test_blooms_own_end_could_be_merged_out_of_text_and_ours_cannot() -> None:
    """The expression leaves `</s>` whole; where a corpus strikes much through, the trainer merges it into the special token."""
    struck = [f"a <s>b</s> c {END} {number}" for number in range(50)] * 4
    encoder = train_encoder(ByteBPE(split="bloom"), struck, 330)
    assert all((ids == encoder.end_id).sum() == 1 for ids in encoder.encode(struck))
    theirs = Tokenizer(models.BPE())
    theirs.pre_tokenizer = encoder.tokenizer.pre_tokenizer
    theirs.train_from_iterator(struck, trainers.BpeTrainer(vocab_size=330, special_tokens=["</s>"], show_progress=False))
    theirs.encode_special_tokens = True
    assert theirs.token_to_id("</s>") in theirs.encode("x</s>").ids


def test_wordpiece_knows_what_the_librarys_bert_learns() -> None:
    """As a set: theirs numbers pieces anew in every process. No two pairs here are equally frequent, so no tie decides."""
    texts = [" ".join([word] * 3**power) for power, word in enumerate(["token", "toke", "tok", "to", "Único", "Unic", "Uni", "un"])]
    theirs = BertWordPieceTokenizer()
    theirs.train_from_iterator(texts, vocab_size=300, min_frequency=2, show_progress=False)
    ours = train_encoder(WordPiece(), texts, 300)
    assert set(ours.tokenizer.get_vocab()) == set(theirs.get_vocab())
    assert ours.tokenizer.id_to_token(ours.end_id) == "[SEP]"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("cased", [False, True])
def test_wordpiece_encodes_as_transformers_bert_does_with_its_vocabulary(cased: bool) -> None:
    transformers = pytest.importorskip("transformers")
    ours = train_encoder(WordPiece(cased=cased), TEXTS, 900)
    theirs = transformers.BertTokenizer(vocab=ours.tokenizer.get_vocab(), do_lower_case=not cased)
    assert [ids[:-1].tolist() for ids in ours.encode(OTHERS)] == theirs(OTHERS, add_special_tokens=False)["input_ids"]
    assert "do not come back" in WordPiece(cased=cased).notes()[0]


def test_a_vocabulary_without_room_for_the_characters_is_told() -> None:
    with pytest.raises(DataError, match=r"a vocabulary of 257 does not hold the .* characters.*lower `alphabet`"):
        WordPiece().learn([chr(0x4E00 + number) for number in range(400)], 257)


@pytest.mark.parametrize("recipe", [Unigram(), Unigram(normalize=True, byte_fallback=False), Unigram(normalize=True)], ids=named)
def test_unigram_cuts_as_likely_as_sentencepiece(recipe: Unigram, monkeypatch: pytest.MonkeyPatch) -> None:
    """SentencePiece's own processor is the judge: the same ids, but where two ways to cut are equally likely."""
    sentencepiece = pytest.importorskip("sentencepiece")
    kept: list[bytes] = []
    convert = Unigram.converted
    monkeypatch.setattr(Unigram, "converted", lambda self, model: (kept.append(model), convert(self, model))[1])
    ours = train_encoder(recipe, TEXTS, 600)
    theirs = sentencepiece.SentencePieceProcessor(model_proto=kept[0])
    assert [ours.tokenizer.id_to_token(id) for id in range(ours.vocab_size)] == [theirs.id_to_piece(id) for id in range(len(theirs))]
    same = 0
    for text, ids in zip(OTHERS, ours.encode(OTHERS), strict=True):
        expected = theirs.encode(text)
        same += ids[:-1].tolist() == expected
        likelihoods = [sum(map(theirs.get_score, cut)) for cut in (ids[:-1].tolist(), expected)]
        assert likelihoods[0] == pytest.approx(likelihoods[1], rel=1e-6)
    assert same >= 0.9 * len(OTHERS)


def test_a_vocabulary_that_cannot_be_learnt_is_told() -> None:
    with pytest.raises(DataError, match="SentencePiece learns no vocabulary of 300 from 0 texts"):
        Unigram().learn([], 300)


@pytest.mark.parametrize(("recipe", "size"), RECIPES, ids=named)
def test_special_tokens_in_a_text_stay_text(recipe: Recipe, size: int) -> None:
    encoder = train_encoder(recipe, TEXTS, size)
    (ids,) = encoder.encode([LITERALS])
    assert (ids == encoder.end_id).sum() == 1
    assert ids[-1] == encoder.end_id


@pytest.mark.parametrize(("recipe", "size"), LOSSLESS, ids=named)
def test_texts_come_back(recipe: Recipe, size: int) -> None:
    encoder = train_encoder(recipe, TEXTS, size)
    texts = [*OTHERS, LITERALS]
    assert [encoder.decode(ids[:-1].tolist()) for ids in encoder.encode(texts)] == texts


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("recipe", "size"), RECIPES, ids=named)
def test_transformers_loads_the_file_and_gives_the_same_ids(tmp_path: Path, recipe: Recipe, size: int) -> None:
    transformers = pytest.importorskip("transformers")
    encoder = train_encoder(recipe, TEXTS, size)
    (tmp_path / "tokenizer.json").write_text(encoder.to_json())
    theirs = transformers.PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"))
    assert [ids[:-1].tolist() for ids in encoder.encode(OTHERS)] == theirs(OTHERS, add_special_tokens=False)["input_ids"]


def test_digits_and_white_space_are_preserved_by_bloom() -> None:
    encoder = train_encoder(ByteBPE(split="bloom"), ["1984  \t x = 10"] * 9, 300)
    assert encoder.decode(encoder.encode(["1984  \t x"])[0][:-1].tolist()) == "1984  \t x"


LEARN = """
import hashlib, sys
from tests.data_pipeline.tokenize.test_recipes import RECIPES, TEXTS, train_encoder
for recipe, size in RECIPES:
    print(hashlib.sha256(train_encoder(recipe, TEXTS, size).to_json().encode()).hexdigest())
"""


def test_every_process_learns_the_same_whatever_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library's own WordPiece and Unigram trainers do not: their hash tables are seeded anew in each process."""
    here = [hashlib.sha256(train_encoder(recipe, TEXTS, size).to_json().encode()).hexdigest() for recipe, size in RECIPES]
    for threads in ("1", "3"):
        monkeypatch.setenv("RAYON_NUM_THREADS", threads)
        told = subprocess.run([sys.executable, "-c", LEARN], cwd=ROOT, capture_output=True, text=True, check=True, timeout=300)
        assert told.stdout.split() == here


@pytest.mark.parametrize(("recipe", "size"), RECIPES[:4], ids=named)
def test_byte_bpe_and_wordpiece_do_not_depend_on_the_order_of_texts(recipe: Recipe, size: int) -> None:
    shuffled = list(TEXTS)
    random.Random(3).shuffle(shuffled)
    assert train_encoder(recipe, shuffled, size).to_json() == train_encoder(recipe, TEXTS, size).to_json()


def test_an_added_token_that_is_not_special_is_still_found() -> None:
    encoder = train_encoder(ByteBPE(), TEXTS, 400)
    encoder.tokenizer.add_tokens([AddedToken("[[tool]]", special=False)])
    (ids,) = encoder.encode(["a[[tool]]b"])
    assert encoder.tokenizer.token_to_id("[[tool]]") in ids
    assert all(one != other for one, other in pairwise(sorted(encoder.tokenizer.get_vocab().values())))
