"""Where the datasets officially lie: addresses, sizes and checksums of their archives, and on what terms they are given.

None of the datasets' own pages states a checksum. The SHA-256 below are those that the checksum lists of TensorFlow Datasets record for
these addresses; where that has none, there is none here, and what was fetched first is recorded and compared with later.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from glasspose.errors import UsageError

GB, MB = 10**9, 10**6


@dataclass(frozen=True, kw_only=True)
class Archive:
    """One file to fetch and unpack."""

    part: str
    """What `--only` calls it."""
    name: str
    address: str | None
    """None: there is no address that a program can fetch from; the dataset's page says how a person gets it."""
    about: int | None = None
    """Bytes, as the dataset's page or people who fetched it say; None: nobody that we know of. `size` is exact."""
    size: int | None = None
    sha256: str | None = None
    growth: float = 1.1
    """How many times as large its content is, at most: for the check of free space."""

    @property
    def largest(self) -> int:
        """No more bytes than these are fetched."""
        return self.size or 2 * (self.about or GB)

    @property
    def expected(self) -> int | None:
        """Bytes, for plans."""
        return self.size or self.about


@dataclass(frozen=True, kw_only=True)
class Origin:
    """A dataset's own page, its archives, and the terms in one sentence."""

    page: str
    terms: str
    archives: tuple[Archive, ...]
    note: str = ""
    """What one should know before."""


_COCO = "http://images.cocodataset.org/"
_MPII = "https://datasets.d2.mpi-inf.mpg.de/andriluka14cvpr/"
_LEEDS = "https://sam.johnson.io/research/"
_FLICKR = "We know of no licence; the photographs come from Flickr and belong to their photographers."
_LEEDS_NOTE = "People have reported since 2021 that this server does not answer."

ORIGINS: Mapping[str, Origin] = {
    "coco": Origin(
        page="https://cocodataset.org/#download",
        terms="Annotations: CC BY 4.0, COCO Consortium; the photographs are Flickr's, each under the licence that the annotation file names.",
        archives=(
            Archive(
                part="annotations",
                name="annotations_trainval2017.zip",
                address=f"{_COCO}annotations/annotations_trainval2017.zip",
                size=252_907_541,
                sha256="113a836d90195ee1f884e704da6304dfaaecff1f023f49b6ca93c4aaae470268",
                growth=4,
            ),
            Archive(
                part="val",
                name="val2017.zip",
                address=f"{_COCO}zips/val2017.zip",
                size=815_585_330,
                sha256="4f7e2ccb2866ec5041993c9cf2a952bbed69647b115d0f74da7ce8f4bef82f05",
            ),
            Archive(
                part="train",
                name="train2017.zip",
                address=f"{_COCO}zips/train2017.zip",
                size=19_336_861_798,
                sha256="69a8bb58ea5f8f99d24875f21416de2e9ded3178e903f1f7603e283b9e06d929",
            ),
        ),
    ),
    "mpii": Origin(
        page="http://human-pose.mpi-inf.mpg.de/#download",
        terms="Free for research; no commercial use, because the authors do not have the copyright of the pictures.",
        archives=(
            Archive(
                part="annotations", name="mpii_human_pose_v1_u12_2.zip", address=f"{_MPII}mpii_human_pose_v1_u12_2.zip", about=12_500_000, growth=10
            ),
            Archive(part="images", name="mpii_human_pose_v1.tar.gz", address=f"{_MPII}mpii_human_pose_v1.tar.gz", about=12_900_000_000),
        ),
    ),
    "lsp": Origin(
        page="https://sam.johnson.io/research/lsp.html",
        terms=_FLICKR,
        archives=(Archive(part="all", name="lsp_dataset.zip", address=f"{_LEEDS}lsp_dataset.zip", about=34 * MB, growth=2),),
        note=_LEEDS_NOTE,
    ),
    "lspet": Origin(
        page="https://sam.johnson.io/research/lspet.html",
        terms=_FLICKR,
        archives=(Archive(part="all", name="lspet_dataset.zip", address=f"{_LEEDS}lspet_dataset.zip", growth=2),),
        note=_LEEDS_NOTE,
    ),
    "flic": Origin(
        page="https://bensapp.github.io/flic-dataset.html",
        terms="We know of no licence; the pictures are frames of films.",
        archives=(
            Archive(
                part="all",
                name="FLIC.zip",
                address=None,
                size=300_257_553,
                sha256="778a4847f068592af40e959381c153838e4f68bb1d798e3824a9d88e5b881955",
                growth=2,
            ),
        ),
        note="It lies on Google Drive, which gives large files to browsers only.",
    ),
}


def wanted(dataset: str, only: tuple[str, ...] = (), sha256: str | None = None, mirror: str | None = None) -> list[Archive]:
    """The archives to fetch, those of some parts alone where `only` names them. UsageError where it names others, or a checksum fits several.

    `mirror` is the address of a folder that holds files of the same names; a stated `sha256` stands in for the recorded one.
    """
    archives = list(ORIGINS[dataset].archives)
    unknown = sorted(set(only) - {archive.part for archive in archives})
    if unknown:
        raise UsageError(f"{dataset} has no part {unknown[0]!r}", f"Its parts are {', '.join(archive.part for archive in archives)}")
    chosen = [archive for archive in archives if not only or archive.part in only]
    if mirror is not None:
        chosen = [replace(archive, address=f"{mirror.rstrip('/')}/{archive.name}") for archive in chosen]
    if sha256 is None:
        return chosen
    if len(chosen) != 1:
        raise UsageError(f"one --sha256 for {len(chosen)} archives", f"Choose one with --only: {', '.join(archive.part for archive in chosen)}")
    digest = sha256.lower()
    if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
        raise UsageError("--sha256 is not 64 hexadecimal digits", "`sha256sum FILE` prints it")
    return [replace(chosen[0], sha256=digest, size=None)]
