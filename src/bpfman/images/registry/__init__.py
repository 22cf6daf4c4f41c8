# SPDX-License-Identifier: Apache-2.0
"""The registry client: OCI distribution over urllib3.

Called by what pulls, pushes, copies and inspects.  `registry` imports OpenSSL, so nothing on the way of a cached image
imports it; `credentials` does not.  Credentials go to the registry they are for and to where it issues tokens, over
TLS, and nowhere else.
What arrives is bounded while it arrives, and checked against its digest before anybody sees it.
"""
