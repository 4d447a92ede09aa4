"""Pickles written by hand, opcode by opcode, that try to run code, to write, to connect, or to take all memory."""

import pickle
from collections.abc import Callable

__all__ = ["PICKLES"]

Make = Callable[[str], bytes]


def whole(body: bytes, protocol: int = 4) -> bytes:
    return b"\x80" + bytes([protocol]) + body + b"."


def value(plain: object) -> bytes:
    return pickle.dumps(plain, 3)[2:-1]


def name(module: str, attribute: str) -> bytes:
    return value(module) + value(attribute) + b"\x93"


def several(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"


def call(function: bytes, *arguments: bytes) -> bytes:
    return function + several(*arguments) + b"R"


def build(made: bytes, state: bytes) -> bytes:
    return made + state + b"b"


# What each would do where it was called, MARK being a file that must not come to be.
CALLS: dict[str, tuple[str, str, Callable[[str], list[object]]]] = {
    f"{module}.{function}": (module, function, arguments)
    for module, function, arguments in (
        ("os", "system", lambda mark: [f"touch {mark}"]),
        ("posix", "system", lambda mark: [f"touch {mark}"]),
        ("nt", "system", lambda mark: [f"touch {mark}"]),
        ("os", "popen", lambda mark: [f"touch {mark}"]),
        ("os", "mkdir", lambda mark: [mark]),
        ("os", "mknod", lambda mark: [mark]),
        ("os", "execvp", lambda mark: ["touch", ["touch", mark]]),
        ("os", "spawnlp", lambda mark: [0, "touch", "touch", mark]),
        ("os", "putenv", lambda _: ["LD_PRELOAD", "/tmp/x.so"]),
        ("os", "kill", lambda _: [0, 9]),
        ("subprocess", "run", lambda mark: [["touch", mark]]),
        ("subprocess", "Popen", lambda mark: [["touch", mark]]),
        ("subprocess", "check_output", lambda mark: [["touch", mark]]),
        ("subprocess", "getoutput", lambda mark: [f"touch {mark}"]),
        ("pty", "spawn", lambda mark: [["touch", mark]]),
        ("builtins", "eval", lambda mark: [f"open({mark!r}, 'w')"]),
        ("builtins", "exec", lambda mark: [f"open({mark!r}, 'w')"]),
        ("__builtin__", "eval", lambda mark: [f"open({mark!r}, 'w')"]),
        ("builtins", "open", lambda mark: [mark, "w"]),
        ("io", "open", lambda mark: [mark, "w"]),
        ("_io", "FileIO", lambda mark: [mark, "w"]),
        ("codecs", "open", lambda mark: [mark, "w"]),
        ("builtins", "__import__", lambda _: ["antigravity"]),
        ("builtins", "getattr", lambda _: ["", "format"]),
        ("builtins", "compile", lambda _: ["0", "x", "eval"]),
        ("builtins", "input", lambda _: []),
        ("builtins", "breakpoint", lambda _: []),
        ("importlib", "import_module", lambda _: ["antigravity"]),
        ("pathlib", "Path", lambda mark: [mark]),
        ("pathlib", "PosixPath", lambda mark: [mark]),
        ("shutil", "copyfile", lambda mark: ["/etc/hostname", mark]),
        ("shutil", "rmtree", lambda mark: [mark]),
        ("tempfile", "mkdtemp", lambda _: []),
        ("socket", "create_connection", lambda _: [("127.0.0.1", 9)]),
        ("urllib.request", "urlopen", lambda _: ["http://127.0.0.1:9/"]),
        ("webbrowser", "open", lambda _: ["http://127.0.0.1:9/"]),
        ("logging", "FileHandler", lambda mark: [mark]),
        ("runpy", "run_path", lambda mark: [mark]),
        ("timeit", "timeit", lambda mark: [f"open({mark!r}, 'w')"]),
        ("cProfile", "run", lambda mark: [f"open({mark!r}, 'w')"]),
        ("code", "interact", lambda _: []),
        ("ctypes", "CDLL", lambda _: ["libc.so.6"]),
        ("marshal", "loads", lambda _: [b"c"]),
        ("pickle", "loads", lambda _: [b"N."]),
        ("types", "FunctionType", lambda _: []),
        ("operator", "attrgetter", lambda _: ["system"]),
        ("functools", "partial", lambda _: []),
        ("copyreg", "_reconstructor", lambda _: []),
        ("copyreg", "add_extension", lambda _: ["os", "system", 1]),
        ("collections", "OrderedDict", lambda _: []),
        ("time", "sleep", lambda _: [3600]),
        ("sys", "exit", lambda _: [0]),
        ("_thread", "interrupt_main", lambda _: []),
        ("numpy", "load", lambda mark: [mark]),
        ("numpy", "save", lambda mark: [mark, [1]]),
        ("numpy", "fromfile", lambda mark: [mark]),
        ("numpy", "memmap", lambda mark: [mark, "u1", "w+", 0, 8]),
        ("numpy", "ndarray.tofile", lambda mark: [mark]),
        ("numpy", "ndarray.dump", lambda mark: [mark]),
        ("numpy.testing._private.utils", "runstring", lambda mark: [f"open({mark!r}, 'w')", {}]),
        ("numpy", "ones", lambda _: [1 << 40]),
        ("pandas", "read_pickle", lambda mark: [mark]),
        ("torch.storage", "_load_from_bytes", lambda _: [b"N."]),
        ("joblib", "load", lambda mark: [mark]),
        ("_codecs", "lookup", lambda _: ["zip"]),
        ("knowscape.files", "write_json", lambda mark: [mark, 1]),
        ("\x1b[31mos", "sys\x1b[2Jtem", lambda mark: [mark]),
        ("\u202eso", "metsys", lambda mark: [mark]),
    )
}


def _called(module: str, function: str, arguments: Callable[[str], list[object]]) -> Make:
    return lambda mark: whole(call(name(module, function), *map(value, arguments(mark))))


def _touch(mark: str) -> bytes:
    return value(f"touch {mark}")


# The ways in which a pickle can name and call.
FORMS: dict[str, Make] = {
    "global": lambda mark: b"cos\nsystem\n(" + _touch(mark) + b"tR.",
    "inst": lambda mark: b"(" + _touch(mark) + b"ios\nsystem\n.",
    "obj": lambda mark: b"(cos\nsystem\n" + _touch(mark) + b"o.",
    "newobj": lambda mark: whole(name("subprocess", "Popen") + several(_touch(mark)) + b"\x81"),
    "newobj-ex": lambda mark: whole(name("subprocess", "Popen") + several(_touch(mark)) + b"}\x92"),
    "memoised-name": lambda mark: whole(name("os", "system") + b"q\x01" + b"0h\x01" + several(_touch(mark)) + b"R"),
    "in-a-list": lambda mark: whole(b"]" + call(name("os", "system"), _touch(mark)) + b"a"),
    "as-a-key": lambda mark: whole(b"}" + call(name("os", "system"), _touch(mark)) + b"Ns"),
    "after-harmless-rows": lambda mark: whole(
        b"](" + value({"text": "fine"}) + call(name("os", "system"), _touch(mark)) + b"e"
    ),
    "extension-code": lambda _: whole(b"\x82\x01" + several() + b"R"),
    "extension-code-4": lambda _: whole(b"\x84\x01\x00\x00\x7f" + several() + b"R"),
    "persistent-id": lambda mark: b"Pcos\n.",
    "binary-persistent-id": lambda mark: whole(_touch(mark) + b"Q"),
    "next-buffer": lambda _: whole(b"\x97", 5),
    "dotted": lambda mark: whole(call(name("numpy", "__loader__.get_data"), value(mark))),
    "dotted-through-set": lambda _: whole(name("builtins", "set.__subclasses__") + b")R"),
    "second-pickle-behind": lambda mark: whole(value(["fine"])) + whole(call(name("os", "system"), _touch(mark))),
    "name-of-an-allowed-module": lambda _: whole(name("numpy._core.multiarray", "sys.modules")),
    "build-on-a-function": lambda _: whole(build(name("numpy", "dtype"), several(b"N", value({"__defaults__": (1,)})))),
    "build-on-a-type": lambda _: whole(build(name("builtins", "set"), several(b"N", value({"__reduce__": 1})))),
    "setitem-on-a-type": lambda _: whole(name("builtins", "set") + value(1) + value(2) + b"s"),
    "append-to-a-function": lambda _: whole(name("numpy", "dtype") + value(1) + b"a"),
}  # fmt: skip

FROM_BUFFER = name("numpy._core.numeric", "_frombuffer")
ARRAY = call(name("numpy._core.multiarray", "_reconstruct"), name("numpy", "ndarray"), value((0,)), value(b"b"))


def kind(code: object, *state: object) -> bytes:
    made = call(name("numpy", "dtype"), value(code), b"\x89", b"\x88")
    return build(made, value(state or (3, "|", None, None, None, -1, -1, 0)))


def array(shape: object, of: bytes, data: object) -> bytes:
    return build(ARRAY, several(value(1), value(shape), of, b"\x89", value(data)))


NUMPY: dict[str, bytes] = {
    "pointers-as-objects": array((1,), kind("O8"), b"\x41" * 8),
    "object-type-without-its-flags": array((1,), kind("O8", 3, "|", None, None, None, -1, -1, 0), b"\x41" * 8),
    "fields-of-objects-in-raw-bytes": array((1,), kind("V8", 3, "|", None, ("a",), {"a": ("O", 0)}, 8, 8, 0), b"A" * 8),
    "frombuffer-of-objects": call(FROM_BUFFER, value(b"A" * 8), kind("O8"), value((1,)), value("C")),
    "scalar-of-object": call(name("numpy._core.multiarray", "scalar"), kind("O8"), value(b"A" * 8)),
    "scalar-too-short": call(name("numpy._core.multiarray", "scalar"), kind("U500"), value(b"A")),
    "huge-shape": array((1 << 40,), kind("u1"), b"x"),
    "shape-that-overflows": array((1 << 33, 1 << 33), kind("u1"), b"x"),
    "negative-shape": array((-1,), kind("u1"), b"x"),
    "two-negatives": array((-4, -4), kind("u1"), b"x" * 16),
    "shape-of-strings": array(("1",), kind("u1"), b"x"),
    "shape-of-truths": array((True, 5), kind("u1"), b"x" * 5),
    "many-axes": array((1,) * 64, kind("u1"), b"x"),
    "items-without-size": array((1 << 60,), kind("U0"), b""),
    "bytes-without-size": array((1 << 60,), kind("S0"), b""),
    "characters-that-are-none": array((1,), kind("U1"), b"\xff\xff\xff\x7f"),
    "huge-items": array((1,), kind("U999999999"), b"x"),
    "type-by-string": array((1,), kind("i4,O,(1000000,1000000)f8"), b"x"),
    "type-by-dict": array((1,), kind({"names": ["a"], "formats": ["O"]}), b"x"),
    "type-that-is-none": build(ARRAY, value((1, (1,), "O", False, b"A" * 8))),
    "array-of-itself": ARRAY + b"q\x05" + several(value(1), value((1,)), kind("O8"), b"\x89", b"]h\x05a") + b"b",
    "more-objects-than-given": array((1000,), kind("O8"), ["a"]),
    "fewer-objects-than-given": array((1,), kind("O8"), ["a"] * 1000),
    "subtype": call(name("numpy._core.multiarray", "_reconstruct"), name("builtins", "set"), value((0,)), value(b"b")),
    "ndarray-called": call(name("numpy", "ndarray"), value((1 << 40,)), value("O")),
    "ndarray-of-a-buffer": call(name("numpy", "ndarray"), value((9,)), value("O"), value(b"A" * 72)),
    "strides-of-nothing": call(name("numpy", "ndarray"), *map(value, ((1 << 40,), "u1", b"x", 0, (0,)))),
    "unit-of-time": array((1,), kind("M8", 4, "<", None, None, None, -1, -1, 0, ({}, ("x]O", 1, 1, 1))), b"A" * 8),
    "order-that-is-none": array((1,), kind("i8", 3, "O", None, None, None, -1, -1, 0), b"A" * 8),
}  # fmt: skip


def _laughs(levels: int, inner: bytes) -> bytes:
    """Lists of ten references to the list below: 10 ** levels strings in a few hundred bytes."""
    body = inner + b"q\x00"
    for level in range(levels):
        get = b"h" + bytes([level])
        body += b"0](" + get * 10 + b"eq" + bytes([level + 1])
    return whole(body)


BOMBS: dict[str, Callable[[], bytes]] = {
    "bytearray-of-a-terabyte": lambda: whole(call(name("builtins", "bytearray"), value(1 << 40))),
    "bytes-that-are-not-there": lambda: whole(b"\x8e" + (1 << 60).to_bytes(8, "little") + b"x"),
    "text-that-is-not-there": lambda: whole(b"\x8d" + (1 << 60).to_bytes(8, "little") + b"x"),
    "frame-without-end": lambda: b"\x80\x04\x95" + (1 << 62).to_bytes(8, "little") + b"N.",
    "memo-far-away": lambda: whole(value("x") + b"r\xff\xff\xff\x7f"),
    "memo-negative": lambda: whole(b"Np-5\n"),
    "memo-that-is-not-there": lambda: whole(b"h\x07"),
    "number-of-a-million-digits": lambda: b"I" + b"9" * 1_000_000 + b"\n.",
    "long-number": lambda: whole(b"]\x8b" + (1_000_000).to_bytes(4, "little") + b"\x7f" * 1_000_000 + b"a"),
    "long-of-negative-length": lambda: whole(b"\x8b\xff\xff\xff\xff"),
    "laughs-of-lists": lambda: _laughs(30, value(["text"])),
    "laughs-of-a-long-text": lambda: whole(value("x" * 1_000_000) + b"q\x000](" + b"h\x00" * 100_000 + b"e"),
    "laughs-in-a-record": lambda: _laughs(12, value("text"))[:-1] + b"q\xc80}" + value("text") + b"h\xc8s.",
    "lists-in-lists": lambda: whole(b"]" * 200_000 + b"a" * 199_999),
    "tuples-in-tuples": lambda: whole(b")" + b"\x85" * 1_000_000),
    "tuple-as-key-so-deep-that-its-hash-overflows": lambda: whole(b"})" + b"\x85" * 1_000_000 + b"Ns"),
    "list-of-itself": lambda: whole(b"]q\x00h\x00a"),
    "record-of-itself": lambda: whole(b"}q\x00" + value("text") + b"h\x00s"),
    "set-of-lists": lambda: whole(b"\x8f(]\x90"),
    "marks-only": lambda: whole(b"(" * 1_000_000),
    "pop-of-nothing": lambda: whole(b"0"),
    "duplicates": lambda: whole(b"N" + b"2" * 5_000_000),
    "protocol-200": lambda: b"\x80\xc8N.",
    "no-stop": lambda: b"\x80\x04N",
    "empty": lambda: b"",
    "noise": lambda: bytes((n * 7919) % 251 for n in range(5000)),
    "float-that-is-none": lambda: b"Fnot a number\n.",
    "escapes-as-a-string": lambda: b"S'\\x1b[2J\\x00'\n.",
    "string-without-quotes": lambda: b"Sos.system\n.",
    "surrogates": lambda: whole(b"X\x03\x00\x00\x00\xed\xa0\x80"),
}

PICKLES: dict[str, Make] = (
    {f"call-{what}".encode("unicode_escape").decode(): _called(*parts) for what, parts in CALLS.items()}
    | {f"form-{what}": make for what, make in FORMS.items()}
    | {f"numpy-{what}": (lambda _, body=body: whole(body)) for what, body in NUMPY.items()}  # type: ignore[misc]
    | {f"bomb-{what}": (lambda _, make=make: make()) for what, make in BOMBS.items()}  # type: ignore[misc]
)
