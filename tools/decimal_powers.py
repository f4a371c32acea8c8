#!/usr/bin/env python3
"""decimal_powers.py > src/decimal/decimal_powers.c - writes the table of powers of ten that decimal_parse and decimal_print
share: for each q the 128 leading bits of 10^q, cut off, not rounded."""

FIRST, LAST = -342, 324


def leading_bits(q):
    """floor(10^q * 2^-s), s being such that the result has 128 bits."""
    above, below = (10**q, 1) if q >= 0 else (1, 10**-q)
    s = above.bit_length() - below.bit_length() - 127
    bits = (above << -s) // below if s < 0 else above // (below << s)
    if bits >> 128:
        bits >>= 1
    elif not bits >> 127:
        s -= 1
        bits = (above << -s) // below if s < 0 else above // (below << s)
    assert bits.bit_length() == 128
    return bits


print("/* decimal_powers.c - written by tools/decimal_powers.py. decimal_powers.h says what it holds. */")
print('#include "decimal_powers.h"\n')
print("/* clang-format off */")
print("const struct decimal_power decimal_powers[DECIMAL_POWER_LAST - DECIMAL_POWER_FIRST + 1] = {")
for q in range(FIRST, LAST + 1):
    bits = leading_bits(q)
    print(f"    {{0x{bits >> 64:016x}, 0x{bits & (1 << 64) - 1:016x}}}, /* 10^{q} */")
print("};")
