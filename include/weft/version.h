/* weft/version.h: the version, and what marks a public symbol. */
#ifndef WEFT_VERSION_H
#define WEFT_VERSION_H

#define WEFT_VERSION_MAJOR 0
#define WEFT_VERSION_MINOR 1
#define WEFT_VERSION_PATCH 0
#define WEFT_VERSION "0.1.0"

#if defined(__GNUC__)
#define WEFT_API __attribute__((visibility("default")))
#else
#define WEFT_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library in use, which may be newer than the header's. Never fails; any thread. */
WEFT_API const char *weft_version(void);

#ifdef __cplusplus
}
#endif

#endif
