"""docs/protocol.md against the library's tables and the vectors of schemas/wire.

    protocol.py TOP              checks
    protocol.py TOP fill FILE    writes the bytes of FILE's frames anew, from their fields
    protocol.py TOP tell FILE    writes the fields of FILE's records anew, from their bytes

The codec here knows nothing but the page: it reads its tables, so that a vector which it makes, and which the library reads,
shows that a client can be written from the page."""

import json
import pathlib
import re
import struct
import sys

INTEGERS = {"u8": "<B", "u16": "<H", "u32": "<I", "u64": "<Q", "i32": "<i"}


class Bad(Exception):
    pass


def expect(holds, what):
    if not holds:
        raise Bad(what)


def rows(text, columns):
    """The rows of the tables in text, without their heads: lists of cells."""
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")]
    return [cells for cells in found if len(cells) == columns and cells[0] not in ("at", "number", "code", "type", "state")]


def section(page, title):
    return re.search(r"^## %s$(.*?)(?=^## |\Z)" % title, page, re.M | re.S).group(1)


class Page:
    def __init__(self, text):
        self.kinds = {}
        for number, name, by, body, _ in rows(section(text, "Kinds"), 5):
            self.kinds[name.strip("`")] = (int(number), by, body.strip("`"))
        self.bodies = {}
        self.of = {}
        for part in re.split(r"^### ", section(text, "Bodies"), flags=re.M)[1:]:
            title, rest = part.split("\n", 1)
            body, of = title.split(": ")
            self.of[body] = re.findall(r"`(\w+)`", of)
            self.bodies[body] = [(at, type_.strip("`"), field.strip("`")) for at, type_, field, _ in rows(rest, 4)]
        asks = section(text, "Asks")
        self.operations = rows(asks, 5)
        self.records = {}
        for part in re.split(r"^#### ", asks, flags=re.M)[1:]:
            name, rest = part.split("\n", 1)
            self.records[name.strip("`")] = [(type_.strip("`"), field.strip("`")) for type_, field in rows(rest, 2)]
        magic = re.search(r"`magic` \| (0x\w+)", text)
        self.magic = int(magic.group(1), 16)
        self.instance_bit = int(re.search(r"`instance` \| .*: bit (\d+) is set", text).group(1))


def encode_text(value):
    if not value:
        return b"\0"
    data = value.encode("utf-8", "surrogateescape")
    return bytes([len(data)]) + data + b"\0"


def encode_field(page, type_, value):
    base = type_.split()[0]
    if base in INTEGERS:
        return struct.pack(INTEGERS[base], int(value))
    if base in ("bytes", "rest"):
        return bytes.fromhex(value)
    if base == "schema,":
        return bytes.fromhex(value or "")
    if base in ("text", "name"):
        return encode_text(value)
    if base == "names":
        return bytes([len(value)]) + b"".join(map(encode_text, value))
    if base == "schemas":
        return bytes([len(value)]) + b"".join(map(bytes.fromhex, value))
    raise Bad("the page has a type " + type_)


def encode(page, kind, fields):
    number, _, body = page.kinds[kind]
    flags, data = 0, b""
    for _, type_, field in page.bodies[body]:
        bit = re.search(r"flag (\d+)", type_)
        if bit and fields[field]:
            flags |= int(bit.group(1))
        if not type_.startswith("flag"):
            data += encode_field(page, type_, page.magic if field == "magic" else fields[field])
    return struct.pack("<IBBH", len(data), number, flags, 0) + data


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 8

    def take(self, count):
        expect(self.at + count <= len(self.data), "a field runs over the end")
        self.at += count
        return self.data[self.at - count:self.at]

    def integer(self, base):
        return struct.unpack(INTEGERS[base], self.take(struct.calcsize(INTEGERS[base])))[0]

    def text(self, wanted):
        count = self.integer("u8")
        if count == 0:
            expect(not wanted, "a name is not given")
            return None
        data = self.take(count + 1)
        expect(data.index(0) == count if 0 in data else False, "a text has no zero at its end only")
        return data[:-1].decode("utf-8", "surrogateescape")

    def field(self, type_):
        base, _, range_ = type_.partition(" ")
        if base in INTEGERS:
            value = self.integer(base)
            if range_:
                least, most = map(int, range_.split(".."))
                expect(least <= value <= most, "a value is outside its range")
            return str(value) if base == "u64" else value
        if base == "bytes":
            return self.take(int(range_)).hex()
        if base == "schema,":
            return self.take(32).hex()
        if base == "rest":
            return self.take(len(self.data) - self.at).hex()
        if base in ("text", "name"):
            return self.text(base == "name")
        count = self.integer("u8")
        expect(count <= int(range_.split("..")[1]), "too many")
        return [self.text(True) if base == "names" else self.take(32).hex() for _ in range(count)]


def decode(page, data, by):
    """(kind, fields) of the one frame that data is."""
    expect(len(data) >= 8, "a header is eight bytes")
    size, number, flags, zero = struct.unpack("<IBBH", data[:8])
    found = [(name, row) for name, row in page.kinds.items() if row[0] == number]
    expect(found, "there is no such kind")
    name, (_, who, body) = found[0]
    expect(who in ("B", by), "it is not sent by that end")
    expect(zero == 0, "bytes 6 and 7 are zero")
    expect(size <= 65528, "it is over the maximum")
    expect(len(data) == 8 + size, "this is not one frame")
    reader, fields = Reader(data), {}
    for _, type_, field in page.bodies[body]:
        bit = re.search(r"flag (\d+)", type_)
        there = bool(bit and flags & int(bit.group(1)))
        if bit:
            flags &= ~int(bit.group(1))
        if type_.startswith("flag"):
            fields[field] = there
        elif bit and not there:
            fields[field] = None
        else:
            fields[field] = reader.field(type_)
    expect(flags == 0, "a flag that the kind has not")
    expect(fields.pop("magic", page.magic) == page.magic, "magic")
    expect(reader.at == len(data), "bytes are left over")
    return name, fields


class RecordReader(Reader):
    """Of what stands in asks and answers: the types of the page's section on them, besides the others."""

    def __init__(self, page, data):
        super().__init__(data)
        self.page, self.at = page, 0

    def string(self, wanted=False):
        count = self.integer("u16")
        expect(count or not wanted, "a string is not given")
        data = self.take(count)
        expect(count == 0 or data.index(0) == count - 1, "a string has no zero at its end only")
        return data[:-1].decode("utf-8", "surrogateescape") if count else None

    def value(self, type_):
        times = re.fullmatch(r"(u\d+) (\d+) times", type_)
        if times:
            return [self.field(times.group(1)) for _ in range(int(times.group(2)))]
        base, _, rest = type_.partition(" ")
        if base == "record":
            return self.record(rest)
        if base == "list":
            return [self.record(rest.split()[1]) for _ in range(self.integer("u32"))]
        if base == "string":
            return self.string()
        if base == "strings":
            return [self.string(True) for _ in range(self.integer("u32"))]
        if base == "blob":
            return self.take(self.integer("u32")).hex()
        if base == "id":
            return self.take(32).hex() if self.integer("u8") else None
        if base == "ids":
            return [self.take(32).hex() for _ in range(self.integer("u32"))]
        return self.field(type_)

    def record(self, name):
        return {field: self.value(type_) for type_, field in self.page.records[name]}


def decode_record(page, name, data):
    reader = RecordReader(page, data)
    fields = reader.record(name)
    expect(reader.at == len(data), "bytes are left over")
    return fields


def check_records(page, path, say):
    vectors = json.loads(path.read_text())
    for vector in vectors:
        try:
            told = decode_record(page, vector["record"], bytes.fromhex(vector["bytes"]))
            if told != vector["fields"]:
                say("%s: %s: by the page it is %s" % (path.name, vector["record"], told))
        except (Bad, KeyError) as problem:
            say("%s: %s: %s" % (path.name, vector["record"], problem))
    if {vector["record"] for vector in vectors} != set(page.records):
        say("%s: there are not vectors for each record" % path.name)
    for number, name, arguments, gives, _ in page.operations:
        for record in (arguments, gives):
            if record.strip("`") not in page.records:
                say("operation %s: there is no record %s" % (name, record))


def check_offsets(page, say):
    sizes = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "i32": 4, "bytes": 16}
    for body, fields in page.bodies.items():
        at = 8
        for told, type_, field in fields:
            base = type_.split()[0]
            due = 5 if base == "flag" else at
            if told != ("" if due is None else str(due)):
                say("body %s: %s stands at %s, not at %s" % (body, field, due, told))
            if base != "flag":
                at = at + sizes[base] if at is not None and base in sizes else None


def check_tables(page, top, say):
    """The page's kinds and bodies are those of frame.h and layout.h; its codes, those of error.h."""
    header = (top / "src/frame/frame.h").read_text()
    layout = (top / "src/frame/layout.h").read_text()
    kinds = {}
    for number, name, by, body in re.findall(r'X\(\w+, (\d+), "(\w+)", ([CNB]), (\w+)\)', header):
        kinds[name] = (int(number), by, body)
    if kinds != page.kinds:
        say("the kinds differ from FRAMES: %s" % sorted(set(kinds.items()) ^ set(page.kinds.items())))
    for name, (_, _, body) in kinds.items():
        if name not in page.of[body]:
            say("the body %s does not name %s" % (body, name))
    for body, fields in page.bodies.items():
        macro = re.search(r"#define BODY_%s\(X\)(.*?)(?=\n\n|\n#define)" % body, layout, re.S).group(1)
        wanted = re.findall(r"X\((\w+), ([\w.]+), \w+\)", macro)
        if [field for _, field in wanted] != [field for _, _, field in fields]:
            say("the body %s has the fields %s" % (body, wanted))
    codes = re.findall(r'X\((\w+), (\d+), *(?:\\\s*)?"', (top / "include/weft/error.h").read_text())
    text = (top / "docs/protocol.md").read_text()
    told = [cells[:2] for cells in rows(section(text, "Errors").split("All codes")[1], 3)]
    if [[number, "`%s`" % name] for name, number in codes] != told:
        say("the codes differ from WEFT_ERRORS")
    for number, name, _, _ in rows(section(text, "Errors").split("All codes")[0], 4):
        if (name.strip("`"), number) not in codes:
            say("the error frame's code %s is not %s" % (number, name))


def check_frames(page, path, vectors, say):
    kind = vectors["kind"]
    number, by, _ = page.kinds[kind]
    if (vectors["number"], vectors["by"]) != (number, by):
        say("%s: another number or sender" % path.name)
    for vector in vectors["frames"]:
        data = bytes.fromhex(vector["bytes"])
        where = "%s: %s" % (path.name, vector["what"])
        try:
            told = decode(page, data, "C" if by == "B" else by)
            if told != (kind, vector["fields"]):
                say("%s: by the page it is %s" % (where, told))
            if kind == "hello" and not int.from_bytes(bytes.fromhex(vector["fields"]["instance"])[:8], "little") >> page.instance_bit & 1:
                say("%s: bit %d of the instance is not set" % (where, page.instance_bit))
            if encode(page, kind, vector["fields"]) != data:
                say("%s: by the page its bytes are %s" % (where, encode(page, kind, vector["fields"]).hex()))
        except (Bad, KeyError) as problem:
            say("%s: %s" % (where, problem))


def check_bad(page, path, say):
    for vector in json.loads(path.read_text())["bad"]:
        try:
            told = decode(page, bytes.fromhex(vector["bytes"]), vector["by"])
            say("%s: %s: by the page it is %s" % (path.name, vector["what"], told))
        except Bad:
            pass


def check(page, top):
    failed = []

    def say(what):
        failed.append(what)
        print("protocol.py:", what)

    check_offsets(page, say)
    check_tables(page, top, say)
    wire = top / "schemas/wire"
    for kind in page.kinds:
        path = wire / (kind + ".json")
        if path.exists():
            check_frames(page, path, json.loads(path.read_text()), say)
        else:
            say("there are no vectors for " + kind)
    check_bad(page, wire / "bad.json", say)
    check_records(page, wire / "asks" / "records.json", say)
    return 1 if failed else 0


def fill(page, path):
    vectors = json.loads(path.read_text())
    for vector in vectors["frames"]:
        vector["bytes"] = encode(page, vectors["kind"], vector["fields"]).hex()
    path.write_text(json.dumps(vectors, indent=4, ensure_ascii=False) + "\n")


def tell(page, path):
    vectors = json.loads(path.read_text())
    for vector in vectors:
        vector["fields"] = decode_record(page, vector["record"], bytes.fromhex(vector["bytes"]))
    path.write_text(json.dumps(vectors, indent=4, ensure_ascii=False) + "\n")


def main():
    top = pathlib.Path(sys.argv[1])
    page = Page((top / "docs/protocol.md").read_text())
    if len(sys.argv) > 2:
        return {"fill": fill, "tell": tell}[sys.argv[2]](page, pathlib.Path(sys.argv[3]))
    return check(page, top)


sys.exit(main())
