# csrc/wide.h, fixed.h and fixed.c with every width divided by eight: words of 8 bits, halves of 4, double words of 16. Applied
# to the text of the sources, so that what is proved is what is compiled.
/^#include/d
s/\buint64_t\b/word/g
s/\bint64_t\b/signed_word/g
s/\bUINT64_MAX\b/0xff/g
s/\bINT64_MAX\b/0x7f/g
s/\bINT64_MIN\b/(-0x80)/g
s/\bUINT32_MAX\b/0xf/g
s/\bINT32_MAX\b/0x7/g
s/\bINT32_MIN\b/(-0x8)/g
s/\bunsigned __int128\b/uint16_t/g
s/\b__int128\b/int16_t/g
s/\b__GNUC__\b/PROOF_BUILTINS/g
s/\b127\b/15/g
s/\b64\b/8/g
s/\b63\b/7/g
s/\b62\b/6/g
s/\b32\b/4/g
# not scaled: 65535 has no counterpart, the exponential has constants of its own, and the exported names add nothing
/^static inline .*fixed_\(ratio16\|to_u16\)/,/^}/d
/^\/\* The terms of the series/,/^static wide magnitude64/{
/^static wide magnitude64/!d
}
