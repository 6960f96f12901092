/* Words that every module uses: attributes and array length. */
#ifndef BRAMA_BASE_DEF_H
#define BRAMA_BASE_DEF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BRAMA_MUST_USE __attribute__((warn_unused_result))
#define BRAMA_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define BRAMA_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
