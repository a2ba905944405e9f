/* Formats: what each RFC takes and what it does not, and that a format has a name. */
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "schema/format.h"

enum { ROWS_MAX = 64 };

struct rows {
    const char *format;
    const char *valid[ROWS_MAX], *invalid[ROWS_MAX]; /* to the first NULL */
};

#define X10(text) text text text text text text text text text text

static const struct rows all[] = {
    {"date",
     {"1963-06-19", "0000-01-01", "9999-12-31", "2020-01-31", "2020-02-29", "2000-02-29", "2021-02-28", "2021-04-30"},
     {"",
      "2020-1-01",
      "2020-01-1",
      "20-01-01",
      "02020-01-01",
      "2020-00-10",
      "2020-13-01",
      "2020-01-00",
      "2020-01-32",
      "2021-02-29",
      "1900-02-29",
      "2020-02-30",
      "2020-04-31",
      "2020-06-31",
      "2020-09-31",
      "2020-11-31",
      "2020-01-01 ",
      " 2020-01-01",
      "2020/01/01",
      "20200101",
      "2020-001",
      "2020-W01",
      "-2020-01-01",
      "+2020-01-01",
      "2020-01-01T",
      "2020-01-0a",
      "1963-06-1\xe0\xa7\xaa"}},
    {"time",
     {"00:00:00Z", "23:59:59z", "08:30:06.283185Z", "08:30:06.0+00:00", "12:00:00-00:00", "12:00:00+23:59",
      "12:00:00-08:30", "23:59:60Z", "23:59:60.9Z", "15:59:60-08:00", "00:29:60+00:30", "23:29:60-00:30",
      "01:29:60+01:30", "23:29:60+23:30", "00:29:60-23:30"},
     {"",
      "08:30:06",
      "8:30:06Z",
      "08:3:06Z",
      "08:30:6Z",
      "24:00:00Z",
      "12:60:00Z",
      "12:00:61Z",
      "12:00:60Z",
      "22:59:60Z",
      "23:58:60Z",
      "23:59:60+00:30",
      "15:59:60+08:00",
      "12:00Z",
      "12:00:00.Z",
      "12:00:00,5Z",
      "12:00:00+24:00",
      "12:00:00+00:60",
      "12:00:00+0000",
      "12:00:00+00",
      "12:00:00+1:00",
      "12:00:00 Z",
      "12:00:00Z+0:0",
      "12:00:00Z ",
      "12:00:00UTC",
      "120000Z",
      "1\xe0\xa7\xa8:00:00Z"}},
    {"date-time",
     {"1963-06-19T08:30:06.283185Z", "1963-06-19t08:30:06z", "1990-12-31T15:59:50.123-08:00", "1998-12-31T23:59:60Z",
      "1998-12-31T15:59:60.123-08:00", "1937-01-01T12:00:27.87+00:20"},
     {"", "1963-06-19", "08:30:06Z", "1963-06-19 08:30:06Z", "1963-06-19_08:30:06Z", "1963-06-19T08:30:06",
      "1990-02-31T15:59:59.123-08:00", "1990-12-31T15:59:59-24:00", "1998-12-31T23:59:61Z", "1998-12-31T23:58:60Z",
      "1998-12-31T22:59:60Z", "2013-350T01:01:01Z", "1963-06-19T08:30:06.28123+01:00Z", "06/19/1963 08:30:06 PST",
      "+11963-06-19T08:30:06.283185Z", "1963-06-1\xe0\xa7\xaaT00:00:00Z", "1963-06-19T08:30:06ZZ"}},
    {"duration",
     {"P4DT12H30M5S", "P4Y", "P1Y2M3DT4H5M6S", "P1M", "PT1M", "PT0S", "P0D", "PT36H", "P1DT12H", "P52W", "P1M2D",
      "PT5M6S", "P0W", "P99999999999999999999Y"},
     {"",      "P",      "PT",     "P1",    "4Y",      "P1YT", "PT1D", "P2D1Y",  "P1D2H",          "P2S",  "P1Y2W",
      "P1W2D", "P1WT1H", "PT1Y",   "P1Y2D", "PT1H2S",  "P1H",  "p1y",  "P1y",    "P-1Y",           "-P1Y", "P1.5Y",
      "P1,5D", "PT0.5S", "PT1S1M", "P1Y1Y", "PT1HT1M", "P1Y ", " P1Y", "P1YP1M", "P\xe0\xa7\xa8Y", "PW",   "P1W1W"}},
    {"email",
     {"joe.bloggs@example.com", "a@b", "te~st@example.com", "~@example.com", "test~@example.com",
      "!#$%&'*+-/=?^_`{|}~@example.org", "a.b.c@d.e.f", "\"joe bloggs\"@example.com", "\"joe..bloggs\"@example.com",
      "\"joe@bloggs\"@example.com", "\"\"@example.com", "\"a\\\"b\\\\\"@example.com", "joe@[127.0.0.1]",
      "joe@[IPv6:::1]", "joe@[ipv6:2001:db8::1]", "joe@[x-tag:abc!]", "joe@xn--bcher-kva.example", "1@2.3",
      X10("aaaaaa") "aaaa@example.com"},
     {"",
      "2962",
      "@",
      "a@",
      "@b",
      ".a@b",
      "a.@b",
      "a..b@c",
      "a b@c",
      "a@b c",
      "a@@b",
      "a@b@c",
      "joe bloggs@example.com",
      "a@-b",
      "a@b-",
      "a@b..c",
      "a@.b",
      "a@b.",
      "joe@invalid=domain.com",
      "joe@a_b.com",
      "joe@[127.0.0.300]",
      "joe@[IPv6:1]",
      "joe@[::1]",
      "joe@[]",
      "joe@[127.0.0.1",
      "joe@127.0.0.1]",
      "joe@[IPv6:]",
      "joe@[:x]",
      "joe@[x-:y]",
      "joe@[x:]",
      "joe@[x:a b]",
      "\"a@example.com",
      "a\"@example.com",
      "\"a\"b\"@example.com",
      "\"a\\\"@example.com",
      "\"\t\"@example.com",
      "\"@example.com",
      "user1@oceania.org, user2@oceania.org",
      "Joe <joe@example.com>",
      "joe@example.com\n",
      "j\303\266e@example.com",
      "joe@b\303\274cher.example",
      X10("aaaaaa") "aaaaa@example.com",
      "a,b@c",
      "a:b@c",
      "a;b@c",
      "a(b)@c",
      "a[b]@c",
      "a\\b@c"}},
    {"idn-email",
     {"\xec\x8b\xa4\xeb\xa1\x80@\xec\x8b\xa4\xeb\xa1\x80.\xed\x85\x8c\xec\x8a\xa4\xed\x8a\xb8",
      "joe.bloggs@example.com", "j\303\266e@example.com", "\"\xc3\xb6 x\"@example.com"},
     {"", "2962", "\xc3\xb6", "\xc3\xb6@", "a b\xc3\xb6@c", "\xc3\xb6..x@c"}},
    {"hostname",
     {"example.com", "a", "1", "1host", "a-b", "a--b", "h0stn4me", "www.Example.COM", "xn--4gbwdl.xn--wgbh1c",
      "127.0.0.1", X10("aaaaaa") "aaa",
      X10("aaaaaa") "aaa." X10("aaaaaa") "aaa." X10("aaaaaa") "aaa." X10("aaaaaa") "a"},
     {"",
      ".",
      ".example",
      "example.",
      "a..b",
      "-a",
      "a-",
      "a.-b",
      "a-.b",
      "a_b",
      "_a",
      "a b",
      "a\n",
      "not_a_valid_host_name",
      "a/b",
      "a:1",
      "[::1]",
      "b\303\274cher",
      "-a-host-name-that-starts-with--",
      X10("aaaaaa") "aaaa",
      X10("aaaaaa") "aaa." X10("aaaaaa") "aaa." X10("aaaaaa") "aaa." X10("aaaaaa") "aa"}},
    {"ipv4", {"0.0.0.0", "255.255.255.255", "192.168.0.1", "1.10.100.200"}, {"",           "1.2.3",
                                                                             "1.2.3.4.5",  "1.2.3.",
                                                                             ".1.2.3",     "1..2.3",
                                                                             "256.1.1.1",  "1.1.1.256",
                                                                             "1.1.1.999",  "1.1.1.1000",
                                                                             "01.1.1.1",   "1.1.1.00",
                                                                             "0x7f.0.0.1", "2130706433",
                                                                             " 1.2.3.4",   "1.2.3.4 ",
                                                                             "1.2.3.4\n",  "1.2.3.4/24",
                                                                             "1.2.3.-4",   "1.2.3.+4",
                                                                             "a.b.c.d",    "1\340\247\2507.0.0.1"}},
    {"ipv6",
     {"::", "::1", "1::", "1:2:3:4:5:6:7:8", "12ab:AB12::ffff", "::2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "1::3:4:5:6:7:8",
      "::ffff:192.168.0.1", "::1.2.3.4", "1:2:3:4:5:6:1.2.3.4", "1::5:1.2.3.4", "1:2:3:4:5::1.2.3.4", "fe80::0001",
      "0:0:0:0:0:0:0:0", "::1:2:3:4:5:1.2.3.4"},
     {"",
      ":",
      ":::",
      "1",
      "1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:8:9",
      "1:2:3:4:5:6:7:8::",
      "::1:2:3:4:5:6:7:8",
      "1::2::3",
      "1:::2",
      ":1::2",
      "1::2:",
      "1:2:3:4:5:6:7:",
      ":2:3:4:5:6:7:8",
      "12345::",
      "g::",
      "fe80::1%eth0",
      "[::1]",
      "::1/64",
      "1.2.3.4",
      "::1.2.3",
      "::1.2.3.256",
      "::1.2.3.4:5",
      "1:2:3:4:5:6:7:1.2.3.4",
      "1:2:3:4:5:1.2.3.4",
      "1:2:3:4:5:6::1.2.3.4:",
      "::01.2.3.4",
      " ::1",
      "::1 ",
      "::-1",
      "::1.2..3",
      "1:2:3:4:5:6:7:1.2.3.4::",
      "::\xe0\xa7\xaa",
      "1:2:3:4:5:6:7:8:",
      "0:0:0:0:0:0:1.2.3.4:0",
      "::1:2:3:4:5:6:1.2.3.4"}},
    {"uri",
     {"http://foo.bar/?baz=qux#quux",
      "http://foo.com/blah_(wikipedia)_blah#cite-1",
      "http://foo.bar/?q=Test%20URL-encoded%20stuff",
      "http://xn--nw2a.xn--j6w193g/",
      "http://-.~_!$&'()*+,;=:%40:80%2f::::::@example.com",
      "http://223.255.255.254",
      "ftp://ftp.is.co.za/rfc/rfc1808.txt",
      "http://www.ietf.org/rfc/rfc2396.txt",
      "ldap://[2001:db8::7]/c=GB?objectClass?one",
      "mailto:John.Doe@example.com",
      "news:comp.infosystems.www.servers.unix",
      "tel:+1-816-555-1212",
      "telnet://192.0.2.16:80/",
      "urn:oasis:names:specification:docbook:dtd:xml:4.1.2",
      "file:///etc/hosts",
      "http://[v7.a:b]/",
      "http://a:/",
      "http://a?",
      "http://a#",
      "x:",
      "a+b-c.1:x",
      "http://a//b//c",
      "http://@a",
      "http://",
      "a:b:c",
      "http://a/?a?b/c"},
     {"",
      "//foo.bar/?baz=qux#quux",
      "/abs/path",
      "foo",
      "?a",
      "#a",
      "http:// shouldfail.com",
      ":// should fail",
      "bar,baz:foo",
      "https://[@example.org/test.txt",
      "https://example.org/foobar\\.txt",
      "https://example.org/foobar<>.txt",
      "https://example.org/foobar{}.txt",
      "https://example.org/foobar^.txt",
      "https://example.org/foobar`.txt",
      "https://example.org/foo bar.txt",
      "https://example.org/foobar|.txt",
      "https://example.org/\"foo\"",
      "\\\\WINDOWS\\fileshare",
      "abc",
      "1a:b",
      "+a:b",
      ":a",
      "http://a/%",
      "http://a/%2",
      "http://a/%zz",
      "http://a:80x/",
      "http://a:b:1/",
      "http://[::1",
      "http://::1/",
      "http://[::1]x/",
      "http://[::1%25eth0]/",
      "http://[1.2.3.4]/",
      "http://[v.a]/",
      "http://[v1]/",
      "http://[v1.]/",
      "http://[vg.a]/",
      "http://a@b@c/",
      "http://a#b#c",
      "http://a[b]/",
      "http://a/[b]",
      "http://a?[b]",
      "http://b\303\274cher.example/",
      "http://a/\x7f",
      "http://a/\n",
      "h\xc3\xb6:x",
      "a%41:b"}},
    {"uri-reference",
     {"", "http://foo.bar/?baz=qux#quux", "//foo.bar/?baz=qux#quux", "/abc", "abc", "abc/d:e", "./a:b", "?q", "#f",
      "..", "../a", "a?b:c", "a#b:c", "#%20", "//", "/a:b", "a@b", "g;x=1/../y"},
     {"\\\\WINDOWS\\fileshare", "#frag\\ment", "a b", "1:a", "a,b:c", "%41:b", "#a#b", "%zz", "//a:x", "//[a]", "a|b",
      "/foobar\xc2\xae.txt"}},
    {"iri",
     {"http://\xc6\x92\xc3\xb8\xc3\xb8.\xc3\x9f\xc3\xa5r/?\xe2\x88\x82=\xcf\x80#\xcf\x80",
      "http://[2001:0db8:85a3:0000:0000:8a2e:0370:7334]", "http://a/\xf0\x9f\x98\x80", "http://a/?\xee\x80\x80",
      "http://a", "http://\xc3\xbc@\xc3\xbc/"},
     {"", "http://2001:0db8:85a3:0000:0000:8a2e:0370:7334", "/abs/\xc3\xbc",
      "\\\\WINDOWS\\f\xc3\xaele\xc3\x9fh\xc3\xa5re", "\xc3\xa2\xcf\x80\xcf\x80", ":// \xc6\x92\xc3\xa5\xc3\xaf\xc5\x80",
      "http://a/\xee\x80\x80", "http://a#\xee\x80\x80", "http://a/\xc2\x85", "http://a/\xef\xb7\x90",
      "http://a/\xef\xbf\xbe", "http://a/\xf0\x9f\xbf\xbe", "http://a/\xf3\xa0\x80\x81", "\xc3\xbc:x"}},
    {"iri-reference",
     {"", "//\xc6\x92\xc3\xb8\xc3\xb8.\xc3\x9f\xc3\xa5r/?\xe2\x88\x82\xc3\xa9", "/\xc3\xa2\xcf\x80\xcf\x80",
      "\xc3\xa2\xcf\x80\xcf\x80", "#\xc6\x92r\xc3\xa4gm\xc3\xaa\xc3\xb1t", "a/b"},
     {"\\\\WINDOWS\\f\xc3\xaele", "#\xc6\x92r\xc3\xa4g\\m\xc3\xaa\xc3\xb1t", "\xc3\xbc:x", "\xc2\xa0 "}},
    {"uri-template",
     {"",
      "http://example.com/dictionary/{term:1}/{term}",
      "http://example.com/dictionary",
      "dictionary/{term:1}/{term}",
      "{+path}/here",
      "{#x,hello,y}",
      "map?{x,y}",
      "{.who}",
      "{/var:1,var}",
      "{;x,y,empty}",
      "{?x,y}",
      "{&x}",
      "{list*}",
      "{a.b_c.d1}",
      "{%41b}",
      "{x:9999}",
      "{=x}",
      "{|x}",
      "{,x}",
      "%20",
      "a[b]",
      "\xc3\xbc{x}\xee\x80\x80",
      "\xc4\xa2",
      "{0}"},
     {"http://example.com/dictionary/{term:1}/{term",
      "{",
      "}",
      "a}",
      "{}",
      "{+}",
      "{a,}",
      "{a,,b}",
      "{a b}",
      "{a-b}",
      "{a..b}",
      "{.}",
      "{a.}",
      "{..a}",
      "{x:0}",
      "{x:01}",
      "{x:10000}",
      "{x:}",
      "{x:a}",
      "{x**}",
      "{x*:1}",
      "{{x}}",
      "{x{y}}",
      "{%4}",
      "{%zz}",
      "{\xc3\xbc}",
      "%2",
      "%zz",
      "a b",
      "\"",
      "'",
      "<",
      ">",
      "\\",
      "^",
      "`",
      "|",
      "\x7f",
      "\x01",
      "\xc2\x80",
      "{++x}"}},
    {"uuid",
     {"2eb8aa08-aa98-11ea-b4aa-73b441d16380", "2EB8AA08-AA98-11EA-B4AA-73B441D16380",
      "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"},
     {"", "2eb8aa08-aa98-11ea-b4aa-73b441d1638", "2eb8aa08-aa98-11ea-b4aa-73b441d163800",
      "2eb8aa08aa9811eab4aa73b441d16380", "2eb8aa08aa98-11ea-b4aa73b441d16380", "2eb8aa08-aa98-11ea-b4aa-73b441d1638g",
      "{2eb8aa08-aa98-11ea-b4aa-73b441d16380}", "2eb8-aa08-aa98-11ea-b4aa73b44-1d16380",
      "2eb8aa08-aa98-11ea-b4aa_73b441d16380", "urn:uuid:2eb8aa08-aa98-11ea-b4aa-73b441d16380"}},
    {"json-pointer",
     {"", "/", "//", "/foo/bar~0/baz~1/%a", "/~01", "/a b\\c\"|^", "/\xc3\xbc", "/0", "/-", "/foo//bar"},
     {"a", "#", "#/a", "0", "/~", "/~2", "/a~/b", "/~~0", "/foo/bar~", " /a", "a/b"}},
    {"relative-json-pointer",
     {"0", "1", "0#", "1/foo", "0/", "120/foo/bar", "0/~0~1", "10#", "0+1", "0-1/a", "2+10#"},
     {"", "/foo", "#", "-1/foo", "+1/foo", "01", "01/a", "01#", "0##", "0#a", "0a", "0/~", "0+", "0+#", "0-01", "0+-1",
      " 0", "0 ", "\xe0\xa7\xa8/foo"}},
    {"regex",
     {"", "([abc])+\\s+$", "^\\S+$", "\\p{Letter}", "(?<=a*)b", "a|b", "\\u{1F600}", "[^]"},
     {"^(abc]", "(", "a**", "\\a", "\\Z", "[z-a]", "(?i)a", "\\p{Nonsense}", "{", "a{2,1}"}},
};

/* On memory of its own, so that a read beyond it is seen. */
static bool is_valid(const struct format *format, const char *text, size_t size_bytes)
{
    char *copy = malloc(size_bytes ? size_bytes : 1);
    memcpy(copy, text, size_bytes);
    bool valid = format->valid(copy, size_bytes);
    free(copy);
    return valid;
}

static void formats_take_what_is_one_and_nothing_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const struct format *format = weft__format_find(all[i].format, strlen(all[i].format));
        check_str(format ? format->name : NULL, all[i].format);
        for (const char *const *text = all[i].valid; *text; text++)
            if (!is_valid(format, *text, strlen(*text))) fail_msg("%s refuses \"%s\"", format->name, *text);
        for (const char *const *text = all[i].invalid; *text; text++)
            if (is_valid(format, *text, strlen(*text))) fail_msg("%s takes \"%s\"", format->name, *text);
    }
}

/* A NUL ends no text: behind and within what is valid it makes it invalid, but where any character may stand. */
static void a_nul_is_a_character(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const struct format *format = weft__format_find(all[i].format, strlen(all[i].format));
        bool any = strcmp(format->name, "json-pointer") == 0 || strcmp(format->name, "regex") == 0;
        for (const char *const *text = all[i].valid; *text && !any; text++) {
            size_t size_bytes = strlen(*text);
            char within[512] = {1};
            memcpy(within, *text, size_bytes);
            if (size_bytes && within[size_bytes / 2] > 0) within[size_bytes / 2] = '\0';
            bool pointer = strcmp(format->name, "relative-json-pointer") == 0 && strchr(*text, '/');
            if (!pointer && !within[size_bytes / 2] && is_valid(format, within, size_bytes))
                fail_msg("%s takes a NUL in \"%s\"", format->name, *text);
            if (!pointer && is_valid(format, *text, size_bytes + 1))
                fail_msg("%s takes a NUL behind \"%s\"", format->name, *text);
        }
    }
    const struct format *pointer = weft__format_find("json-pointer", 12);
    check_true(is_valid(pointer, "/a\0b", 4));
    check_true(is_valid(weft__format_find("regex", 5), "a\0b", 3));
    check_true(!is_valid(weft__format_find("regex", 5), "a\0\\", 3));
}

/* Each proper part of a text, from its beginning, is judged without a look behind it; the sanitizers watch. */
static void beginnings_are_read_within_their_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const struct format *format = weft__format_find(all[i].format, strlen(all[i].format));
        for (const char *const *text = all[i].valid; *text; text++)
            for (size_t size_bytes = 0; size_bytes < strlen(*text); size_bytes++)
                (void)is_valid(format, *text, size_bytes);
    }
    const struct format *date = weft__format_find("date", 4);
    for (size_t size_bytes = 0; size_bytes < 10; size_bytes++)
        check_true(!is_valid(date, "2020-01-01", size_bytes));
}

static void names_are_found_whole(void **state)
{
    (void)state;
    check_true(weft__format_find("date", 4) != NULL);
    check_true(weft__format_find("dat", 3) == NULL);
    check_true(weft__format_find("dates", 5) == NULL);
    check_true(weft__format_find("Date", 4) == NULL);
    check_true(weft__format_find("", 0) == NULL);
    check_true(weft__format_find("date\0", 5) == NULL);
    check_true(weft__format_find("idn-hostname", 12) == NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_take_what_is_one_and_nothing_else),
        cmocka_unit_test(a_nul_is_a_character),
        cmocka_unit_test(beginnings_are_read_within_their_bounds),
        cmocka_unit_test(names_are_found_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
