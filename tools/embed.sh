#!/bin/sh
# embed.sh FILE.schema.json...: prints the C table of src/schema/builtin.h: each file under the URI that its "$id" says.
set -eu
echo '#include "schema/builtin.h"'
echo
echo 'const struct builtin_schema weft__builtin_schemas[] = {'
for file; do
    uri=$(sed -n 's/^  "$id": "\(.*\)",$/\1/p' "$file")
    [ "$uri" = "urn:weft:schema:$(basename "$file" .schema.json)" ] || { echo "$file: its \$id is $uri" >&2; exit 1; }
    echo "    {\"$uri\","
    sed -e 's/[\\"?]/\\&/g' -e 's/.*/     "&\\n"/' "$file"
    echo "     , $(wc -c <"$file")},"
done
echo '    {0}};'
