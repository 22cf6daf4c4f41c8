# SPDX-License-Identifier: Apache-2.0
"""Values in, text or JSON out: the formats that programs match on, apart from the commands that fetch the values."""
