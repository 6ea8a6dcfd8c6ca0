"""Every model file that can be pulled: its publisher's address, its size and its sha256, all pinned.

Where a digest comes from: YAMNet's other build and the class map were hashed here; the rest are digests that several
public projects pin independently of each other for the very same revision, sizes included. A file that does not match
is never installed, so a wrong digest could only refuse the right file.
"""

from __future__ import annotations

from dataclasses import dataclass

HUB = "https://huggingface.co"


@dataclass(frozen=True)
class Build:
    """The bytes a file may have."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class HubFile:
    """Where a file lies on the publisher's model hub, at a fixed revision."""

    repository: str
    revision: str
    path: str

    def address(self, hub: str = HUB) -> str:
        """The URL of the file on the hub at `hub`."""
        return f"{hub.rstrip('/')}/{self.repository}/resolve/{self.revision}/{self.path}"


@dataclass(frozen=True)
class PackFile:
    """One file of a pack; `others` are further builds of the same model that are taken when they are offered."""

    name: str
    build: Build
    source: HubFile | str
    others: tuple[Build, ...] = ()

    @property
    def builds(self) -> tuple[Build, ...]:
        """All bytes it may have, the published ones first."""
        return (self.build, *self.others)


@dataclass(frozen=True)
class Pack:
    """Files that belong together, kept in a folder of the pack's name."""

    name: str
    what: str
    licence: str
    files: tuple[PackFile, ...]

    @property
    def size_bytes(self) -> int:
        """Bytes of the published files."""
        return sum(file.build.size_bytes for file in self.files)


_YAMNET = Pack(
    "yamnet",
    "names 521 everyday sounds (Google, AudioSet)",
    "Apache-2.0",
    (
        PackFile(
            "yamnet.tflite",
            Build(4_126_810, "4d8b4a53282dc83ef04e3e7dbc4fbc98082e34e44ed798e16c3a0cdd4c584faf"),
            "https://storage.googleapis.com/mediapipe-models/audio_classifier/yamnet/float32/1/yamnet.tflite",
            # An int8 build of the same network that also gives its spectrogram; the project's figures are its.
            (Build(4_078_224, "469be6a3421cbc52cf97e9f2f966cba984198e8e7af9854d68b3e3ebb1e04194"),),
        ),
        PackFile(
            "yamnet_class_map.csv",
            Build(14_096, "cdf24d193e196d9e95912a2667051ae203e92a2ba09449218ccb40ef787c6df2"),
            "https://raw.githubusercontent.com/tensorflow/models/dfffd623b6be8d1d9744b8e261fbac370d17c46d"
            "/research/audioset/yamnet/yamnet_class_map.csv",
        ),
    ),
)


def _clap(name: str, what: str, audio: PackFile, text: PackFile) -> Pack:
    tokenizer = _clap_file(
        "tokenizer.json", 2_108_774, "dc239041d98de27ffc3975473a1a23e3db4c937b23c138c38bbc66588bd247e5"
    )
    return Pack(name, what, "Apache-2.0", (audio, text, tokenizer))


def _clap_file(path: str, size_bytes: int, sha256: str) -> PackFile:
    source = HubFile("Xenova/clap-htsat-unfused", "c28f2883575e590e04d3146ff0713c2448d691ba", path)
    name = path.rpartition("/")[2].replace("_quantized", "")
    return PackFile(name, Build(size_bytes, sha256), source)


_CLAP_INT8 = _clap(
    "clap-int8",
    "sounds and words in one space (LAION CLAP, 8 bits)",
    _clap_file(
        "onnx/audio_model_quantized.onnx",
        34_301_667,
        "3fcff2c8824e7bcb83a983f2a49edab3b60cbcf4872ac70efee517355173bd1f",
    ),
    _clap_file(
        "onnx/text_model_quantized.onnx",
        126_603_263,
        "1a3df8b197e249816e08415fd040434c44762b2eea7eb7bf8a48a0f0bf3c14e5",
    ),
)
_CLAP_FP32 = _clap(
    "clap-fp32",
    "sounds and words in one space (LAION CLAP, full precision)",
    _clap_file(
        "onnx/audio_model.onnx", 117_528_416, "a1c2b43c44f71e0fa841a4b86700886c199bf87699ea45632c4d831bc6c88957"
    ),
    _clap_file("onnx/text_model.onnx", 501_513_769, "6df7c51f2d78e236a03f2b816e613d538c815639d13644fe7c2124f439da9648"),
)


def _whisper(size: str, revision: str, config: Build, model: Build) -> Pack:
    def file(name: str, build: Build) -> PackFile:
        return PackFile(name, build, HubFile(f"Systran/faster-whisper-{size}", revision, name))

    return Pack(
        f"whisper-{size}",
        f"recognises speech in about 100 languages (Whisper {size})",
        "MIT",
        (
            file("config.json", config),
            file("model.bin", model),
            file(
                "tokenizer.json", Build(2_203_239, "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab")
            ),
            file("vocabulary.txt", Build(459_861, "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913")),
        ),
    )


_WHISPERS = (
    _whisper(
        "tiny",
        "d90ca5fe260221311c53c58e660288d3deb8d356",
        Build(2_249, "a73a28cdfe1c43ccc7202fa333d1f89c202477271407ae9a7f19afa52039cac8"),
        Build(75_538_270, "dcb76c6586fc06cbdac6dd21f14cfd129cc4cdd9dce19bf4ffa62e59cbe6e6d1"),
    ),
    _whisper(
        "base",
        "ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66",
        Build(2_309, "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"),
        Build(145_217_532, "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"),
    ),
    _whisper(
        "small",
        "536b0662742c02347bc0e980a01041f333bce120",
        Build(2_370, "b55496ac7940a7ae47d2c01eab40edfd8701feec1229d9cce3b40014383fb828"),
        Build(483_546_902, "3e305921506d8872816023e4c273e75d2419fb89b24da97b4fe7bce14170d671"),
    ),
)

PACKS = {pack.name: pack for pack in (_YAMNET, _CLAP_INT8, _CLAP_FP32, *_WHISPERS)}
CLAP_PRECISIONS = ("int8", "fp32")
WHISPER_SIZES = tuple(pack.name.removeprefix("whisper-") for pack in _WHISPERS)
