"""The Open Bandit sample that obp 0.5.7 ships (Apache 2.0), "all", as counts by item.

Items were shown by chance alone, each with propensity 1/80, so counts are all there is to
an estimate. The figures are those of obp's own estimators, for the policy that shows
items as often as the Thompson sampler of the sample did. (obp asks for Python < 3.11.)
"""

import numpy as np

# How often each item was shown by chance.
SHOWN = np.fromstring(
    """
    122 160 131 126 121 98 131 146 139 126 140 120 114 129 127 137 111 123 119 128 132
    134 96 124 127 131 111 110 126 126 105 130 126 144 135 110 122 136 122 100 132 136
    115 126 136 134 154 116 115 114 136 113 136 105 157 126 137 149 112 113 113 104 129
    114 133 121 125 103 129 125 124 126 133 124 111 127 122 108 134 138
    """,
    sep=" ",
    dtype=int,
)
# How many of these were clicked.
CLICKED = np.fromstring(
    """
    0 1 0 1 0 0 2 1 1 1 0 0 0 0 0 0 0 1 2 0 0 1 0 0 0 1 0 0 1 0 0 0 0 0 1 0 2 0 1 0 0 1
    0 0 2 1 1 1 1 3 1 0 0 2 0 0 0 2 2 0 0 1 0 0 0 1 0 0 0 1 0 1 0 0 0 0 0 0 0 0
    """,
    sep=" ",
    dtype=int,
)
# How often the sampler showed it; 42 of its 10,000 were clicked.
WANTED = np.fromstring(
    """
    125 31 17 46 17 22 14 741 48 18 9 77 17 12 56 51 21 27 244 34 11 14 74 17 26 16 30
    16 154 15 51 40 49 17 202 358 22 37 113 756 13 322 42 124 26 166 56 282 68 408 43
    1105 121 31 4 46 9 35 323 651 211 704 101 473 26 37 47 17 27 109 17 24 14 57 13 16
    30 15 185 357
    """,
    sep=" ",
    dtype=int,
)
CLICKS_OF_THE_SAMPLER = 0.0042
# DR was given to expect 0.004 + 0.002 * sin(item).
IPS, SNIPS, DR = 0.004668, 0.004863395675370214, 0.004823115665914074
