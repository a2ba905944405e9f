"""schema_check.py SCHEMA DOCUMENT...: each document matches the schema, and no document that differs from one does.

For every document that is valid: each member of each object is left out in turn, one that nobody knows is put in, and each
word of an enum, each number and each list becomes what it must not be. The schema must refuse all of these, each of them by
the part of it that describes the place. Prints how many it refused; the exit status is 1 where it took one, or where a
document does not match."""
import json
import sys

import jsonschema


def follow(root, schema):
    """What a reference stands for; of alternatives the one that describes an object."""
    if "$ref" in schema:
        return follow(root, root["$defs"][schema["$ref"].rsplit("/", 1)[1]])
    for choice in schema.get("oneOf", ()):
        if choice.get("type") == "object":
            return choice
    return schema


def places(root, schema, value, path=()):
    """Every place in the document: its path, what stands there, and the part of the schema that describes it."""
    schema = follow(root, schema)
    yield path, value, schema
    if isinstance(value, dict):
        for name, member in value.items():
            yield from places(root, schema["properties"][name], member, path + (name,))
    elif isinstance(value, list):
        for index, element in enumerate(value[:3]):  # the others are alike
            yield from places(root, schema["items"], element, path + (index,))


def mutations(value, schema):
    """What must not stand there, and why."""
    if isinstance(value, dict):
        for name in value:
            yield f"without {name}", {other: member for other, member in value.items() if other != name}
        yield "with a stranger", {**value, "stranger": 1}
        yield "as a list", []
    elif isinstance(value, list):
        yield "as a number", 1
        yield "with a bool in it", value + [True]
    elif isinstance(value, bool):
        yield "as a number", 1
    elif isinstance(value, int):
        yield "as a half", 0.5
        yield "as a text", str(value)
        if "minimum" in schema:
            yield "below it", -1
    elif isinstance(value, str):
        yield "as a number", 1
        if "enum" in schema:
            yield "as another word", value + "x"


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        root = json.load(file)
    jsonschema.Draft202012Validator.check_schema(root)
    del root["$id"]  # its references lead into itself, which jsonschema of Debian 12 cannot follow from a urn
    refused, wrong = 0, 0
    for name in sys.argv[2:]:
        with open(name, encoding="utf-8") as file:
            document = json.load(file)
        errors = list(jsonschema.Draft202012Validator(root).iter_errors(document))
        for error in errors:
            print(f"{name} does not match: {list(error.absolute_path)}: {error.message}")
        wrong += len(errors)
        for path, value, schema in places(root, root, document) if not errors else ():
            validator = jsonschema.Draft202012Validator({**schema, "$defs": root["$defs"]})
            for what, other in mutations(value, schema):
                if validator.is_valid(other):
                    print(f"{name}: the schema takes {path} {what}")
                    wrong += 1
                refused += 1
    print(f"{refused} mutations refused")
    return 1 if wrong or not refused else 0


sys.exit(main())
