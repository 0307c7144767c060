"""bench/neon.py finds the innermost loops of disassembled functions."""

import pytest

import neon

CODE = """
0000000000000000 <multiply>:
       0:      	mov	x9, xzr
       4:      	ldr	q0, [x1], #16
       8:      	ldp	s1, s2, [x0]
       c:      	fmla	v7.4s, v0.4s, v1.s[0]
      10:      	fmla	v6.4s, v0.4s, v2.s[0]
      14:      	cmp	x9, x2
      18:      	b.lt	0x4 <multiply+0x4>
      1c:      	cbnz	x3, 0x0 <multiply>
      20:      	ret

0000000000000024 <calls>:
      24:      	fmul	v0.4s, v0.4s, v1.4s
      28:      	bl	0x0 <multiply>
      2c:      	b	0x24 <calls>
"""


def test_innermost_loops():
    found = [loop for name, lines in neon.functions(CODE) for loop in neon.loops(name, lines)]
    (loop,) = found
    assert (loop.function, len(loop.instructions)) == ("multiply", 6)
    assert (loop.multiply_adds, loop.loads) == (2, 2)
    assert loop.share == pytest.approx(2 / 6)
    assert loop.of_peak == pytest.approx((2 / 2) / (6 / 4))
