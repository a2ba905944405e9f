#!/bin/sh
# man.sh DIRECTORY [TOOL DAEMON]: makes manual pages from the public headers, whose comments are the text: DIRECTORY/man3 has a page
# for each header, and for each call a page that leads there; DIRECTORY/man7/weft.7 the overview. With TOOL and
# DAEMON, a weft and a weftd that run here, DIRECTORY/man1/weft.1 and man8/weftd.8 from what they say of themselves.
#
# A header is its opening comment, then comments that begin a line, each with the declarations below it. Those come first on
# the page, in the order of the header. Lines that are indented in a comment stay as they are.
set -eu
out=$1
tool=${2:-}
daemon=${3:-}
include=$(dirname "$0")/../include/weft
version=$(sed -n 's/^#define WEFT_VERSION "\(.*\)"/\1/p' "$include/version.h")
rm -rf "$out"
mkdir -p "$out/man1" "$out/man3" "$out/man7" "$out/man8"

# What needs no paragraph of its own begins none.
tidy() { awk '/^\.PP$/ && last ~ /^\.(SH|PP)/ { next } { print; last = $0 }'; }

# What every page needs: text for roff, paragraphs of a comment, and what a header says first.
common='
    function roff(line) {
        gsub(/\\/, "\\e", line); gsub(/-/, "\\-", line); gsub(/…/, "...", line)
        return line ~ /^[.\047]/ ? "\\&" line : line
    }
    function flush_comment(    i, count, lines, still) {
        count = split(comment, lines, "\n")
        for (i = 1; i < count; i++) {
            if (lines[i] ~ /^  / && !still) { print ".PP\n.EX"; still = 1 }
            if (lines[i] !~ /^  / && still) { print ".EE"; still = 0; if (lines[i] != "") print ".PP" }
            if (lines[i] == "" && !still) { print ".PP"; continue }
            print roff(lines[i])
        }
        if (still) print ".EE"
        comment = ""
    }
    # A line of a comment that began a line: without its stars.
    function bare(line) {
        sub(/^\/\* ?/, "", line); sub(/^ \* ?/, "", line); sub(/ *\*\/$/, "", line)
        return line
    }'

page() { # page HEADER: a page of section 3
    name=weft_$(basename "$1" .h)
    [ "$name" != weft_weft ] || return 0
    calls=$(sed -n 's/^WEFT_API .*\(weft_[a-z_]*\)(.*/\1/p' "$1" | tr '\n' ' ')
    awk -v name="$name" -v version="$version" -v calls="$calls" "$common"'
        function flush_code() {
            sub(/\n+$/, "", code)
            if (code != "") print ".PP\n.EX\n" code "\n.EE"
            code = ""
        }
        function flush() { flush_code(); if (comment != "") print ".PP"; flush_comment() }
        function head(title,    list, count, i, names) {
            count = split(calls, list, " ")
            names = name
            for (i = 1; i <= count; i++) if (list[i] != name) names = names ", " list[i]
            print ".TH " name " 3 \"\" \"weft " version "\" \"weft\"\n.SH NAME\n" names " \\- " roff(title)
            print ".SH SYNOPSIS\n.EX\n#include <weft/weft.h>\n.EE"
        }
        NR == 1 { sub(/^\/\* weft\/[a-z]*\.h: /, ""); ended = sub(/ *\*\/$/, ""); sub(/\.$/, ""); head($0); opening = !ended
                  print opening ? ".SH DESCRIPTION" : ".SH INTERFACE"; next }
        opening { comment = comment bare($0) "\n"; if (/\*\/$/) { opening = 0; flush_comment(); print ".SH INTERFACE" } next }
        /^#ifdef __cplusplus/ { other = 1; next }
        other && /^#else/ { other = 0; skipped = 1; next }
        other && /^#endif/ { other = 0; next }
        other { next }
        skipped && /^#endif/ { skipped = 0; next }
        /^#(ifndef|endif|include|undef)/ || /^#define WEFT_[A-Z]*_H$/ { next }
        /^#define WEFT_[A-Z_]*_(VALUES|ENUM)/ { values = 1 }
        values { values = /\\$/; next }
        /^#define WEFT_[A-Z_]*OPTIONS/ { options = 1; sub(/ *\\$/, ""); code = code roff($0) "\n"; next }
        options { options = /\\$/; next }
        /^\/\*/ { flush(); comment = bare($0) "\n"; within = !/\*\/$/; next }
        within { comment = comment bare($0) "\n"; within = !/\*\/$/; next }
        { sub(/^WEFT_API /, ""); sub(/ *\\$/, "") }
        $0 != "" { code = code roff($0) "\n"; next }
        code != "" { flush() }
        END { flush(); print ".SH SEE ALSO\n.BR weft (7)" }
    ' "$1" | tidy >"$out/man3/$name.3"
    for call in $calls; do
        [ "$call" = "$name" ] || echo ".so man3/$name.3" >"$out/man3/$call.3"
    done
}

overview() {
    awk -v version="$version" "$common"'
        FILENAME ~ /weft\.h$/ && FNR == 1 {
            sub(/^\/\* weft\/weft\.h: /, ""); title = $0; sub(/\.$/, "", title)
            print ".TH weft 7 \"\" \"weft " version "\" \"weft\"\n.SH NAME\nweft \\- " roff(title) "\n.SH DESCRIPTION"
            opening = 1; next
        }
        opening { comment = comment bare($0) "\n"; if (/\*\/$/) { opening = 0; flush_comment()
                  print ".SH THE INTERFACE" } next }
        FILENAME !~ /weft\.h$/ && FNR == 1 {
            page = FILENAME; sub(/.*\//, "", page); sub(/\.h$/, "", page)
            sub(/^\/\* weft\/[a-z]*\.h: /, ""); sub(/ *\*\/$/, ""); sub(/\.$/, "")
            print ".TP\n.BR weft_" page " (3)\n" roff($0)
        }
    ' "$include/weft.h" $(sed -n 's|^#include <weft/\(.*\)>|'"$include"'/\1|p' "$include/weft.h") | tidy >"$out/man7/weft.7"
    cat >>"$out/man7/weft.7" <<'ROFF'
.SH BUILDING
.EX
cc \-o app app.c $(pkg\-config \-\-cflags \-\-libs weft)
.EE
ROFF
}

# The verbs that do something: a line each. verbs WORD...
verbs() {
    for verb in $("$tool" "$@" --help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
        if "$tool" "$@" "$verb" --help | grep -q '^Verbs:$'; then verbs "$@" "$verb"; else echo "$@" "$verb"; fi
    done
}

tool_page() {
    printf '.TH weft 1 "" "weft %s" "weft"\n.SH NAME\nweft \\- the tool of weft\n.SH SYNOPSIS\n' "$version"
    verbs | while read -r words; do
        # shellcheck disable=SC2086
        "$tool" $words --help | sed -n "s/-/\\\\-/g; s/^usage: \\(weft $words\\) \\(.*\\)/.B \\1\\n\\2\\n.br/p"
    done
    echo '.SH DESCRIPTION'
    verbs | while read -r words; do
        echo ".SS weft $words"
        # shellcheck disable=SC2086
        "$tool" $words --help | sed 1,2d | awk "$common"'{ comment = comment $0 "\n" } END { flush_comment() }'
    done
    printf '.SH SEE ALSO\n.BR weftd (8),\n.BR weft (7),\n.BR weft_schema (3)\n'
}

daemon_page() {
    printf '.TH weftd 8 "" "weft %s" "weft"\n.SH NAME\nweftd \\- a node of weft as a process\n.SH SYNOPSIS\n' "$version"
    "$daemon" --help | sed -n "s/-/\\\\-/g; s/^usage: \\(weftd\\) \\(.*\\)/.B \\1\\n\\2/p"
    echo '.SH DESCRIPTION'
    "$daemon" --help | sed 1,2d | awk "$common"'{ comment = comment $0 "\n" } END { flush_comment() }'
    printf '.SH SEE ALSO\n.BR weft (1),\n.BR weft (7),\n.BR weft_channel (3)\n'
}

if [ -n "$tool" ]; then tool_page | tidy >"$out/man1/weft.1"; fi
if [ -n "$daemon" ]; then daemon_page | tidy >"$out/man8/weftd.8"; fi
for header in "$include"/*.h; do
    page "$header"
done
overview
