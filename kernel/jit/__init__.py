"""The epoch in Numba: the backend "numba", written from the specification and from nothing else.

A file for each section of the law holds its compiled functions and, below them, what chooses among those; `epoch` calls one
section after the other, `backend` is the door for single stages. What they have in common:

Inside compiled functions every number is an int64 or a uint64, and no expression mixes the two: Numba would pick a third
type (float64 in places) without a word. Hence the casts, and the shifts and masks as uint64 constants. There are no
128-bit integers; wide products and quotients are made of 32-bit digits in uint64. Floats stand in `liquid._sigmoid_bounds`
alone, which decides nothing that its bounds leave open.

Rows travel as three arrays `indptr, uid, value`; `uid` and `value` may be longer than `indptr[n]`, what lies beyond is
never read. A stage that keeps the entries in their places returns the values alone. What counts entries is a uint64: Numba
looks at the sign of an int64 index wherever it may be negative, in every step of a loop.

All arrays that enter compiled code are writable and C-contiguous (the frozen inputs are copied, some percent of an epoch's
time): a read-only array is another type to Numba, and each function would be compiled twice.
"""
