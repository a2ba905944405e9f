/* Strict, since nng reads URLs leniently (it takes any host, and what follows a port), and the C library's resolver
 * takes "127.1" and "0x7f.1" for addresses: what is refused on the way in cannot be bound by mistake. */
#include "net/url.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

enum { PATH_MAX_BYTES = sizeof(((struct sockaddr_un *)0)->sun_path) - 1, LABEL_MAX = 63 };

__attribute__((format(printf, 2, 3))) static bool refuse(char *sentence, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(sentence, PIPE_SENTENCE_BYTES, format, arguments);
    va_end(arguments);
    return false;
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool in_label(char c)
{
    return digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

/* What the resolver may take for a number. */
static bool numeric(const char *label, size_t size)
{
    if (size > 1 && label[0] == '0' && (label[1] == 'x' || label[1] == 'X')) return true;
    for (size_t i = 0; i < size; i++)
        if (!digit(label[i])) return false;
    return true;
}

static bool name_of_host(const char *host)
{
    for (;;) {
        size_t size = 0;
        while (in_label(host[size]))
            size++;
        if (!size || size > LABEL_MAX || host[0] == '-' || host[size - 1] == '-') return false;
        if (!host[size]) return !numeric(host, size);
        if (host[size] != '.') return false;
        host += size + 1;
    }
}

static bool parse_host(struct url *url, char *sentence)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (url->v6) {
        if (inet_pton(AF_INET6, url->host, &v6) != 1)
            return refuse(sentence, "between the brackets is no IPv6 address");
        url->loopback = IN6_IS_ADDR_LOOPBACK(&v6);
    } else if (inet_pton(AF_INET, url->host, &v4) == 1) {
        url->loopback = ntohl(v4.s_addr) >> 24 == 127;
    } else if (name_of_host(url->host)) {
        url->loopback = strcasecmp(url->host, "localhost") == 0;
    } else {
        return refuse(sentence, "the host is neither a name nor an IPv4 address nor an IPv6 address in brackets");
    }
    return true;
}

static bool parse_port(const char *text, struct url *url, char *sentence)
{
    uint32_t port = 0;
    size_t size = 0;
    for (; digit(text[size]) && size < 6; size++)
        port = port * 10 + (uint32_t)(text[size] - '0');
    if (!size || text[size] || port > 65535 || (text[0] == '0' && size > 1))
        return refuse(sentence, "after the host comes a colon and a port, 0 to 65535, and nothing else");
    url->port = (uint16_t)port;
    return true;
}

static bool parse_tcp(const char *text, struct url *url, char *sentence)
{
    url->v6 = text[0] == '[';
    if (url->v6) text++;
    size_t size = strcspn(text, url->v6 ? "]" : ":");
    memcpy(url->host, text, size);
    url->host[size] = '\0';
    if (!size) return refuse(sentence, "there is no host");
    text += size;
    if (url->v6 && *text == ']') text++;
    if (*text != ':') return refuse(sentence, "there is no port after the host");
    return parse_host(url, sentence) && parse_port(text + 1, url, sentence);
}

static bool parse_ipc(const char *path, struct url *url, char *sentence)
{
    size_t size = strlen(path);
    if (path[0] != '/') return refuse(sentence, "after ipc:// comes an absolute path");
    if (path[size - 1] == '/') return refuse(sentence, "the path is that of a directory");
    if (size > PATH_MAX_BYTES) return refuse(sentence, "the path has more than %d bytes", PATH_MAX_BYTES);
    for (const char *c = path; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f || *c == ',')
            return refuse(sentence, "the path has a comma or a control character");
    memcpy(url->host, path, size + 1);
    url->loopback = true;
    return true;
}

bool weft__url_parse(const char *text, struct url *url, char sentence[PIPE_SENTENCE_BYTES])
{
    static const struct {
        const char *prefix;
        enum url_kind kind;
        bool (*parse)(const char *text, struct url *url, char *sentence);
    } schemes[] = {{"ipc://", URL_IPC, parse_ipc}, {"tcp://", URL_TCP, parse_tcp}, {"tls+tcp://", URL_TLS, parse_tcp}};

    memset(url, 0, sizeof *url);
    if (strlen(text) >= PIPE_URL_BYTES) return refuse(sentence, "it has more than %d bytes", PIPE_URL_BYTES - 1);
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t size = strlen(schemes[i].prefix);
        if (strncmp(text, schemes[i].prefix, size) != 0) continue;
        url->kind = schemes[i].kind;
        return schemes[i].parse(text + size, url, sentence);
    }
    static const char *const others[] = {"ws://", "wss://", "http://", "https://"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strncmp(text, others[i], strlen(others[i])) == 0)
            return refuse(sentence, "%s is not spoken here: use ipc://, tcp:// or tls+tcp://", others[i]);
    return refuse(sentence, "it begins with none of ipc://, tcp:// and tls+tcp://");
}

bool weft__url_check(const char *text, bool loopback, char sentence[PIPE_SENTENCE_BYTES])
{
    struct url url;
    if (!weft__url_parse(text, &url, sentence)) return false;
    if (loopback && !url.loopback)
        return refuse(sentence, "only this machine's own processes may be listened to: use ipc://, 127.0.0.1, [::1] or "
                                "localhost");
    return true;
}
