"""schema_check.py SCHEMA DOCUMENT...: each document matches the schema, and no document that differs from one does.

For every document that is valid: each member of each object is left out in turn, one that nobody knows is put in, and each
word of an enum, each number and each list becomes what it must not be. The schema must refuse all of these. Prints how many
it refused; the exit status is 1 where it took one, or where a document does not match."""
import copy
import json
import sys

import jsonschema


def places(value, path=()):
    """Every place in the document: its path and what stands there."""
    yield path, value
    if isinstance(value, dict):
        for name, member in value.items():
            yield from places(member, path + (name,))
    elif isinstance(value, list):
        for index, element in enumerate(value[:2]):  # the others are alike
            yield from places(element, path + (index,))


def at(document, path):
    for step in path:
        document = document[step]
    return document


def mutations(document, enums):
    """Documents that are wrong in one place, with what is wrong."""
    for path, value in places(document):
        def changed(new=None, drop=None, add=None):
            other = copy.deepcopy(document)
            if drop is not None:
                del at(other, path)[drop]
            elif add is not None:
                at(other, path)[add] = 1
            elif path:
                at(other, path[:-1])[path[-1]] = new
            else:
                other = new
            return other

        if isinstance(value, dict):
            for name in value:
                yield f"{path} without {name}", changed(drop=name)
            yield f"{path} with a stranger", changed(add="stranger")
            yield f"{path} a list", changed(new=[])
        elif isinstance(value, list):
            yield f"{path} a number", changed(new=1)
            yield f"{path} with a bool in it", changed(new=value + [True])
        elif isinstance(value, bool):
            yield f"{path} a number", changed(new=1)
        elif isinstance(value, int):
            yield f"{path} a half", changed(new=0.5)
            yield f"{path} a text", changed(new=str(value))
        elif isinstance(value, str):
            yield f"{path} a number", changed(new=1)
            if value in enums and path[-1] in ("state", "standing", "rule", "policy", "link", "kind", "admission",
                                               "channel_state", "queue_full", "on_crash", "no_worker", "slow"):
                yield f"{path} another word", changed(new=value + "x")


def words(schema):
    """Every word that some enum allows."""
    if isinstance(schema, dict):
        yield from (word for word in schema.get("enum", ()) if word)
        for member in schema.values():
            yield from words(member)
    elif isinstance(schema, list):
        for element in schema:
            yield from words(element)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    refused, wrong = 0, 0
    for name in sys.argv[2:]:
        with open(name, encoding="utf-8") as file:
            document = json.load(file)
        for error in validator.iter_errors(document):
            print(f"{name} does not match: {list(error.absolute_path)}: {error.message}")
            wrong += 1
        for what, other in mutations(document, set(words(schema))):
            if validator.is_valid(other):
                print(f"{name}: the schema takes {what}")
                wrong += 1
            refused += 1
    print(f"{refused} mutations refused")
    return 1 if wrong or not refused else 0


sys.exit(main())
