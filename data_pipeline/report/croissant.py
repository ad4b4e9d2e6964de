"""The data card for machines: Croissant (mlcommons.org/croissant) 1.1 as JSON-LD, beside the page.

A folder of shards does not say what it is. The card names each file with its checksum, the columns of the table of
documents, licences and languages, the sources that it was derived from and what was done to them, in a format that data
catalogues read.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from data_pipeline.prepared import Prepared
from data_pipeline.report.facts import Facts, SourceFacts
from data_pipeline.report.groups import Group, stages

_CONTEXT = {
    "@language": "en", "@vocab": "https://schema.org/", "arrayShape": "cr:arrayShape", "citeAs": "cr:citeAs", "column": "cr:column",
    "conformsTo": "dct:conformsTo", "containedIn": "cr:containedIn", "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"}, "dataType": {"@id": "cr:dataType", "@type": "@vocab"}, "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"}, "equivalentProperty": "cr:equivalentProperty", "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract", "field": "cr:field", "fileObject": "cr:fileObject", "fileProperty": "cr:fileProperty", "fileSet": "cr:fileSet",
    "format": "cr:format", "includes": "cr:includes", "isArray": "cr:isArray", "isLiveDataset": "cr:isLiveDataset", "jsonPath": "cr:jsonPath",
    "key": "cr:key", "md5": "cr:md5", "name": {"@container": "@language"}, "parentField": "cr:parentField", "path": "cr:path",
    "prov": "http://www.w3.org/ns/prov#", "rai": "http://mlcommons.org/croissant/RAI/", "recordSet": "cr:recordSet", "references": "cr:references",
    "regex": "cr:regex", "repeated": "cr:repeated", "replace": "cr:replace", "samplingRate": "cr:samplingRate", "sc": "https://schema.org/",
    "separator": "cr:separator", "source": "cr:source", "subField": "cr:subField", "transform": "cr:transform",
}  # fmt: skip
"""As the specification gives it, with `prov` for provenance and `rai` for what was done to the data."""

_FORMATS = {
    ".parquet": "application/x-parquet", ".json": "application/json", ".jsonl": "application/jsonlines", ".html": "text/html",
}  # fmt: skip
_OTHER = "application/octet-stream"

_COLUMNS = {
    "id": "The document's id, unique in its source",
    "source": "The mixture's source that it comes from",
    "path": "Where it stands in the source",
    "licence": "Its licence, as the source says it",
    "language": "Its language; that of programming for code",
    "changed_by": "The steps that changed its text",
    "hash": "128 bits of a hash of its text, hexadecimal",
    "tokens": "Its tokens in the shard, its end included",
    "start": "The first of them, counted from the begin of the shard",
    "meta": "What else the source says of it, JSON",
}


def croissant(prepared: Prepared, facts: Facts, beside: Path) -> dict[str, Any]:
    """The card as JSON; addresses of files are relative to the folder `beside`, where it will lie."""
    written = datetime.fromtimestamp((prepared.folder / "prepared.json").stat().st_mtime, UTC)
    base = Path(os.path.relpath(prepared.folder.resolve(), beside.resolve())).as_posix()
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": facts.mixture,
        "description": _description(facts),
        "version": f"1.0.0+{facts.fingerprint[:12]}",
        "datePublished": written.date().isoformat(),
        "identifier": facts.fingerprint,
        "citeAs": f"{facts.mixture}, prepared data {facts.fingerprint}",
        **_some("license", _distinct(source.licence for source in facts.sources)),
        **_some("inLanguage", _distinct(source.language for source in facts.sources if source.content != "code")),
        **_some("keywords", _distinct(source.language for source in facts.sources if source.content == "code")),
        **_some("rai:dataPreprocessingProtocol", _protocol(facts)),
        **_some("rai:personalSensitiveInformation", _personal(facts)),
        "prov:wasDerivedFrom": [_entity(source) for source in facts.sources],
        "distribution": _files(prepared, base),
        **_some("recordSet", _records(prepared)),
    }


def _description(facts: Facts) -> str:
    everything = Group(name="all", sources=facts.sources)
    documents = everything.sum(lambda source: source.kept.documents)
    train, held = everything.sum(lambda source: source.train.tokens), everything.sum(lambda source: source.validation.tokens)
    told = [f"{documents:,} documents" if documents is not None else "", f"{train:,} training tokens" if train is not None else ""]
    told.append(f"{held:,} tokens held out" if held is not None else "")
    return f"Token shards of the mixture {facts.mixture}, {len(facts.sources)} sources: {', '.join(filter(None, told))}. Shards are in Megatron-LM's format."


def _entity(source: SourceFacts) -> dict[str, Any]:
    """One source: what the shards hold of it, under which licence."""
    said = {"license": source.licence, "inLanguage": source.language, "encodingFormat": source.kind}
    size = f"{source.kept.documents:,} of {source.read.documents:,} documents" if source.read.documents is not None and source.kept.documents is not None else None
    found = {key: value for key, value in {**said, "description": size}.items() if value is not None}
    return {"@type": ["sc:CreativeWork", "prov:Entity"], "@id": f"source/{source.name}", "name": source.name, **found}


def _protocol(facts: Facts) -> list[str]:
    """One sentence for each step, in order."""
    told = []
    for stage in stages(facts.sources, 0):
        lost = ", ".join(f"{sum(stage.lost[reason].values()):,} {reason}" for reason in stage.reasons)
        told.append(f"{stage.name}: kept {stage.kept:,} of {stage.read:,} documents, changed {stage.changed:,}" + (f"; dropped {lost}" if lost else ""))
    copies = sum(source.exact_copies for source in facts.sources)
    return told + ([f"exact copies: {copies:,} documents dropped"] if copies else [])


def _personal(facts: Facts) -> list[str]:
    found = Group(name="all", sources=facts.sources).personal_data
    return [f"{kind}: {number:,} replaced by tags" for kind, number in (found or {}).items()]


def _files(prepared: Prepared, base: str) -> list[dict[str, Any]]:
    """A FileObject for each file, and the tables of documents as one FileSet."""
    files = [
        {
            "@type": "cr:FileObject", "@id": name, "name": Path(name).name, "contentUrl": name if base == "." else f"{base}/{name}",
            "contentSize": f"{size} B", "encodingFormat": _FORMATS.get(Path(name).suffix, _OTHER), "sha256": checksum,
        }
        for name, (size, checksum) in sorted(prepared.files.items())
    ]  # fmt: skip
    if not _tables(prepared):
        return files
    prefix = "" if base == "." else f"{base}/"
    tables = {"@type": "cr:FileSet", "@id": "tables", "name": "tables", "encodingFormat": _FORMATS[".parquet"], "includes": f"{prefix}shards/*/*.parquet"}
    return [*files, {**tables, "description": "One row a document, in the order of the shard beside it."}]


def _records(prepared: Prepared) -> list[dict[str, Any]]:
    """The columns of the tables, as the first of them has them; none where there are no tables."""
    tables = _tables(prepared)
    if not tables:
        return []
    import pyarrow.parquet

    schema = pyarrow.parquet.read_schema(prepared.folder / tables[0])
    fields = [_field(column) for column in schema]
    told = "Every document in the shards: where it comes from, what was done to it, and where its tokens are."
    return [{"@type": "cr:RecordSet", "@id": "documents", "name": "documents", "description": told, "field": fields}]


def _field(column: Any) -> dict[str, Any]:
    import pyarrow.types as types

    many = types.is_list(column.type) or types.is_large_list(column.type)
    each = column.type.value_type if many else column.type
    kind = "sc:Integer" if types.is_integer(each) else "sc:Float" if types.is_floating(each) else "sc:Boolean" if types.is_boolean(each) else "sc:Text"
    described = {"description": _COLUMNS[column.name]} if column.name in _COLUMNS else {}
    shape = {"isArray": True, "arrayShape": "-1"} if many else {}
    return {
        "@type": "cr:Field", "@id": f"documents/{column.name}", "name": column.name, **described, "dataType": kind, **shape,
        "source": {"fileSet": {"@id": "tables"}, "extract": {"column": column.name}},
    }  # fmt: skip


def _tables(prepared: Prepared) -> list[str]:
    return [name for name in sorted(prepared.files) if name.endswith(".parquet")]


def _distinct(values: Iterable[str | None]) -> list[str]:
    return sorted({value for value in values if value})


def _some(key: str, values: list[Any]) -> dict[str, Any]:
    return {key: values} if values else {}
