# csrc/wide.h with the four products of halves in wide_mul as calls, which the proof leaves uninterpreted
s/\b\([ab][01]\) \* \([ab][01]\)\b/half_product(\1, \2)/g
# and the leading zeros as other compilers have them
s/__GNUC__/PROOF_BUILTINS/
