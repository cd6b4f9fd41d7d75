/* A map for each kind of key and of value. right.c uses all of them. types.py takes one at a time,
 * by its line. */
#ifndef TYPES_KINDS_H
#define TYPES_KINDS_H

#include "have.h"

TOPHASH_MAP(k_i8, int8_t, int);
TOPHASH_MAP(k_u8, uint8_t, int);
TOPHASH_MAP(k_i16, int16_t, int);
TOPHASH_MAP(k_u16, uint16_t, int);
TOPHASH_MAP(k_i32, int32_t, int);
TOPHASH_MAP(k_u32, uint32_t, int);
TOPHASH_MAP(k_i64, int64_t, int);
TOPHASH_MAP(k_u64, uint64_t, int);
TOPHASH_MAP(k_char, char, int);
TOPHASH_MAP(k_llong, long long, int);
TOPHASH_MAP(k_bool, bool, int);
TOPHASH_MAP(k_enum, enum colour, int);
TOPHASH_MAP(k_float, float, int);
TOPHASH_MAP(k_double, double, int);
TOPHASH_MAP(k_voidp, void *, int);
TOPHASH_MAP(k_pointp, const struct point *, int);
TOPHASH_MAP(k_chars, char *, int);
TOPHASH_MAP(k_cstr, const char *, int);
TOPHASH_MAP(k_str, struct tophash_str, int);
TOPHASH_MAP_BYTES(k_bytes, struct point, int);
TOPHASH_MAP_WITH(k_with, struct padded, int, padded_hash, padded_equal);
TOPHASH_MAP_MIXED(k_mixed, struct padded, int, padded_hash, padded_equal);
#ifdef __SIZEOF_INT128__
TOPHASH_MAP(k_i128, i128, int);
#endif

TOPHASH_SET(s_i32, int32_t);
TOPHASH_SET(s_bool, bool);
TOPHASH_SET(s_double, double);
TOPHASH_SET(s_voidp, void *);
TOPHASH_SET(s_cstr, const char *);
TOPHASH_SET(s_str, struct tophash_str);
TOPHASH_SET_BYTES(s_bytes, struct point);
TOPHASH_SET_WITH(s_with, struct padded, padded_hash, padded_equal);
TOPHASH_SET_MIXED(s_mixed, struct padded, padded_hash, padded_equal);

TOPHASH_MAP(v_u8, int, uint8_t);
TOPHASH_MAP(v_i64, int, int64_t);
TOPHASH_MAP(v_bool, int, bool);
TOPHASH_MAP(v_enum, int, enum colour);
TOPHASH_MAP(v_double, int, double);
TOPHASH_MAP(v_voidp, int, void *);
TOPHASH_MAP(v_cstr, int, const char *);
TOPHASH_MAP(v_words, int, struct words);

#endif
