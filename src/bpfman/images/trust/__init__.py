# SPDX-License-Identifier: Apache-2.0
"""Whose images these are: signatures found, judged and made.

A signature is found attached to a digest (`signatures`), read into one form whatever its layout (`bundle`,
`simple_signing`), and judged by a demand (`demand`, `verifying`).  Which demands an image is under is not known here.
"""
