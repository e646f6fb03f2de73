# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the test bed; `molecule/testbed.py` is the way in."""
