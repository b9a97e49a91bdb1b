# csrc/wide.h and csrc/fixed.h with their divisions as calls, of which the proof knows no more than a few laws
s/\bnumerator \/ d\b/native_quotient(numerator, d)/
s/\bnumerator\.lo \/ y\b/(uint64_t)native_quotient(numerator.lo, y)/
s/\bUINT64_MAX \/ x, rest = UINT64_MAX - q \* x\b/(uint64_t)native_quotient(UINT64_MAX, x), rest = UINT64_MAX - largest_multiple(x)/
